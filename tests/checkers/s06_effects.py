"""S6: each (command, step) has at most one effect; who asks again gets the stored reply.

Ground truth is what happened to QEMUs, the frames that a node was given and sent, and the replies to retried commands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from protocol.errors import Refusal
from protocol.live.engine import Accepted


def check_asked_for(vm_id: str, kind: str, steps: Collection[str]) -> Iterator[str]:
    """`steps`: those that a host has begun, and that ask for what just happened."""
    if not steps:
        yield f"{kind} of VM {vm_id} happened, and no step on that host asks for it now"


def check_effects(vm_id: str, kind: str, step_id: str, effects: int) -> Iterator[str]:
    """What must not be done twice (a reboot, a reset) was done once for a step."""
    if effects > 1:
        yield f"{kind} of VM {vm_id} happened {effects} times for step {step_id}"


def check_starts(starts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """`starts`: QEMUs by (VM, step)."""
    for (vm_id, step_id), count in starts.items():
        if count > 1:
            yield f"step {step_id} started VM {vm_id} {count} times"


def check_outcome(host: str, step_id: str, first: Any, again: Any) -> Iterator[str]:
    """A node that tells the outcome of a step once more tells the same one."""
    if first != again:
        yield f"{host} told two outcomes of step {step_id}: {first!r:.300} and {again!r:.300}"


def check_retry(command_id: str, first: Accepted | Refusal, again: Accepted | Refusal) -> Iterator[str]:
    """A command that was accepted is accepted again with the same job and object, whoever answers."""
    if not isinstance(first, Accepted):
        return
    if not isinstance(again, Accepted):
        if again.code not in ("unavailable", "internal"):
            yield f"command {command_id} was accepted, and when asked again: {again}"
        return
    if _essence(first) != _essence(again):
        yield f"command {command_id} got two replies: {first!r:.200} and {again!r:.200}"


def _essence(reply: Accepted) -> Accepted:
    """Without what is told once only: where in the journal it is, a document as of then, a password."""
    return attrs.evolve(reply, sequence=0, document=None, result=None)
