"""Operation *suspend*: the memory goes to a file on the storage, and QEMU ends."""

from __future__ import annotations

from actors.entity.decision import NOTHING, Decision, refuse
from actors.entity.messages import CommandRequest
from actors.vm.desired import desired_after_end
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import (
    DONE,
    VmOperation,
    came_to_nothing,
    failure,
    legality,
    one_step,
    report_wanted,
    requested,
    succeeded,
)
from actors.vm.run_end import RunEnd, failed_with_it
from actors.vm.state import VmState
from protocol.document import id_of
from protocol.errors import Conflict, Refusal
from protocol.message import Message
from protocol.node.commands import SaveDomain
from protocol.node.domain import StopReason
from protocol.storage.model import StorageDomain
from protocol.vm import events
from protocol.vm.commands import SuspendVm

KIND = "suspend"


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := legality(state, KIND, events.VmSuspendRequested):
        return refuse(refusal)
    target = _where_to_save(state, facts)
    if not target:
        reason = f"Cannot suspend VM {state.name}: its host has no active storage domain to keep the memory on."
        remedy = "Add a storage domain on that host, or shut the VM down."
        return refuse(Conflict(reason, remedy=remedy, entity=state.address).refusal)
    operation = one_step(state, request, KIND, f"Suspending VM {state.name}", "Saving the memory to storage", facts)
    event = events.VmSuspendRequested(at=facts.now, operation=operation, storage_domain_id=target, desired="suspended")
    return requested(SUSPEND, state, request, event)


def _where_to_save(state: VmState, facts: VmDecisionFacts) -> str:
    near = facts.rows.referring_to(StorageDomain, "host", state.host_id)
    return id_of(next((each for each in near if each.status == "active"), None))


def sends(state: VmState) -> SaveDomain:
    return SaveDomain(vm_id=state.id, storage_domain_id=state.saved_on)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    event = events.VmSuspended(at=facts.now, ended=DONE, desired=desired_after_end(state, "suspended"))
    return succeeded(state, event, "vm_suspended")


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    wanted = desired_after_end(state, "suspend_failed")
    event = events.VmSuspendFailed(at=facts.now, reason=str(refusal), ended=failure(refusal), desired=wanted)
    return came_to_nothing(state, event, "vm_suspend_failed", refusal, *report_wanted(state))


def run_ended(state: VmState, end: RunEnd, facts: VmDecisionFacts) -> Decision:
    """With its memory saved the node's outcome says so too, and ends the operation."""
    return NOTHING if end.why is StopReason.SAVED else failed_with_it(state, end, facts)


SUSPEND = VmOperation(
    kind=KIND, begun_by=SuspendVm, request=request, sends=sends, done=done, failed=failed, run_ended=run_ended
)
