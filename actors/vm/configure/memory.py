"""Keeps what is guaranteed to a VM within its memory, where only one of the two is changed. Pure."""

from __future__ import annotations

import attrs

from protocol.errors import Refusal
from protocol.refusals import invalid
from protocol.sizes import size_text
from protocol.vm.model import Vm


def guaranteed_of(vm: Vm) -> int | None:
    return vm.memory_policy.guaranteed if vm.memory_policy is not None else None


def settled(after: Vm, changes: Vm, memory_before: int | None) -> Vm:
    """What was guaranteed follows a new memory when it was all of it, and is never more; what is sent stays."""
    held = guaranteed_of(after)
    if held is None or after.memory is None or changes.memory is None or guaranteed_of(changes) is not None:
        return after
    assert after.memory_policy is not None
    wanted = after.memory if held == memory_before else min(held, after.memory)
    return attrs.evolve(after, memory_policy=attrs.evolve(after.memory_policy, guaranteed=wanted))


def refusal(vm: Vm) -> Refusal | None:
    """More is guaranteed than there is."""
    held = guaranteed_of(vm)
    if held is None or vm.memory is None or held <= vm.memory:
        return None
    reason = f"{size_text(held)} of memory cannot be guaranteed: the VM has {size_text(vm.memory)}."
    return invalid("memory_policy.guaranteed", reason, "Guarantee less, or give it more memory.")
