"""Changing a VM's configuration: at once, except what a running VM takes on at its next start. Decides; never performs."""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, accept, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.references import missing_reference
from actors.entity.refusals import busy, not_legal
from actors.vm.configure import checks, memory
from actors.vm.configure.claims import claim
from actors.vm.facts import VmDecisionFacts, accepted_as
from actors.vm.state import VmState
from actors.vm.transitions import IN_A_RUN
from protocol.errors import Refusal
from protocol.merge import merge
from protocol.message import Message
from protocol.refusals import invalid
from protocol.vm.commands import UpdateVm
from protocol.vm.events import VmUpdated
from protocol.vm.model import Vm

DEFERRED: Final = (
    "memory", "memory_policy", "cpu", "os", "bios", "display", "console", "time_zone", "stateless", "type"
)  # fmt: skip
"""What a running VM takes on at its next start."""

DEFERRED_ON_DEMAND: Final = ("placement_policy", "high_availability", "delete_protected", "start_paused")
"""What waits as well when `next_run` asks for it. Names and the like never wait."""


def update(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while no operation runs. A new name is reserved first."""
    document, changes = _document(request), _changes(request)
    refusal = (
        busy(state, "update")
        or checks.vm(document, adding=False)
        or missing_reference(facts.rows, changes)
        or _move_refusal(state, changes, facts)
        or _clash(state, document)
    )
    if refusal:
        return refuse(refusal)
    if changes.name is not None and changes.name != state.vm.name:
        return claim(request, state.id, name=changes.name)
    return _apply(state, request, changes, facts)


def reserved(state: VmState, request: CommandRequest, answer: Message, facts: VmDecisionFacts) -> Decision:
    """A new name is held, or is not to be had."""
    if isinstance(answer, Refusal):
        return refuse(answer)
    changes = _changes(request)
    late = missing_reference(facts.rows, changes) or _move_refusal(state, changes, facts)
    return refuse(late) if late else _apply(state, request, changes, facts)


def _with(vm: Vm, changes: Vm) -> Vm:
    return memory.settled(merge(vm, changes), changes, vm.memory)


def _clash(state: VmState, document: Vm) -> Refusal | None:
    """What fits neither the VM nor the rest of its configuration."""
    made_from = state.vm.template.id if state.vm.template is not None else None
    if document.template is not None and document.template.id != made_from:
        return invalid("template", "The template of a VM cannot be changed.", "Leave it out.")
    after = _with(state.next_run or state.vm, _changes_of(document))
    return memory.refusal(after) or checks.cpu(after)


def _document(request: CommandRequest) -> Vm:
    assert isinstance(request.command, UpdateVm)
    assert isinstance(request.command.document, Vm)
    return request.command.document


def _changes(request: CommandRequest) -> Vm:
    return _changes_of(_document(request))


def _changes_of(document: Vm) -> Vm:
    """What of the document an update reads: NICs and disks have commands of their own."""
    return attrs.evolve(document, id=None, nics=None, disk_attachments=None, template=None)


def _move_refusal(state: VmState, changes: Vm, facts: VmDecisionFacts) -> Refusal | None:
    """The VM must be down to go to another cluster."""
    if changes.cluster is None or (state.vm.cluster is not None and changes.cluster.id == state.vm.cluster.id):
        return None
    if state.status in IN_A_RUN:
        return not_legal(state, "move to another cluster", "down")
    return None


def _apply(state: VmState, request: CommandRequest, changes: Vm, facts: VmDecisionFacts) -> Decision:
    accepted = accepted_as(state, request)
    running = state.status in IN_A_RUN
    assert isinstance(request.command, UpdateVm)
    waits = (*DEFERRED, *DEFERRED_ON_DEMAND) if request.command.next_run else DEFERRED
    now_changes = attrs.evolve(changes, **dict.fromkeys(waits)) if running else changes
    vm = _with(state.vm, now_changes)
    later = _with(merge(state.next_run or state.vm, now_changes), changes) if running else None
    next_run = later if later is not None and later != vm else None
    if vm == state.vm and next_run == state.next_run:
        return Decision(reply=accepted)
    what = "vm_updated_next_run" if next_run else "vm_updated"
    said = line_by(request.principal, what, vm=state.id, name=vm.name or "")
    event = VmUpdated(at=facts.now, vm=vm, next_run=next_run)
    return accept(accepted, Decision(events=(event,), audit=(said,)))
