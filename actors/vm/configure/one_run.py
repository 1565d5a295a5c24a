"""The configuration of one run: what waits for the next start, and what *run once* overrides."""

from __future__ import annotations

from typing import Final

from actors.vm import domain_spec
from actors.vm.configure import memory
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.errors import Refusal
from protocol.merge import given, merge
from protocol.node.domain import DomainSpec
from protocol.refusals import invalid
from protocol.vm.commands import StartVm
from protocol.vm.model import Vm

OF_ONE_RUN: Final = frozenset(
    {
        "memory",
        "memory_policy",
        "cpu",
        "os",
        "bios",
        "display",
        "console",
        "time_zone",
        "placement_policy",
        "start_paused",
    }
)
"""What may differ for one run. Who a VM is, where it lies and what it is made of never do."""


def refusal_of(state: VmState, command: StartVm) -> Refusal | None:
    """A VM that goes on where it stood has its configuration already."""
    if command.vm is not None and state.status in ("paused", "suspended"):
        reason = f"VM {state.name} is {state.status}: it goes on as it is, and nothing can differ for this run."
        return invalid("vm", reason, "Start it without `vm`, or stop it first.")
    if command.pause and state.status == "paused":
        return invalid("pause", f"VM {state.name} is paused already.", "Start it without `pause` to resume it.")
    for name, known, value in given(command.vm) if command.vm is not None else ():
        if name not in OF_ONE_RUN and not known.read_only and value != getattr(state.vm, name):
            reason = f"The {name.replace('_', ' ')} of a VM cannot differ for one run."
            return invalid(f"vm.{name}", reason, "Leave it out, or update the VM.")
    return None


def configuration(state: VmState, start: StartVm) -> Vm:
    """The configuration of this run: what waits for the next start, then the overrides of *run once*. A suspended VM
    goes on with what it has."""
    vm = state.vm if state.status == "suspended" else state.next_run or state.vm
    return memory.settled(merge(vm, start.vm), start.vm, vm.memory) if start.vm is not None else vm


def domain(state: VmState, vm: Vm, command: StartVm, facts: VmDecisionFacts) -> DomainSpec | Refusal:
    """The domain of this run. One that was suspended goes on where it stood, whatever `start_paused` says."""
    paused = command.pause or (bool(vm.start_paused) and not state.saved_on)
    return domain_spec.build(vm, facts.rows, paused=paused, run_once=command.vm is not None)
