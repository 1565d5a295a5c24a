"""Who has a disk and who rests on it: attach, detach, back, unback; each may be repeated. Decides; never performs.

A disk that backs others is never written again, so it is attached to nothing; that keeps every chain whole.
"""

from __future__ import annotations

from actors.entity.decision import Decision, refuse
from actors.storage.disk.operations.make import provided
from actors.storage.disk.state import DiskState, unusable
from actors.storage.facts import StorageDecisionFacts
from actors.storage.messages import AttachDisk, BackDisk, DetachDisk, UnbackDisk
from protocol.errors import Conflict
from protocol.node.reports import Done
from protocol.refusals import not_found
from protocol.storage import disk_events as events


def attach(state: DiskState | None, disk_id: str, message: AttachDisk, facts: StorageDecisionFacts) -> Decision:
    """Refused when another VM has it and it is not shareable."""
    if state is None:
        return refuse(not_found("disk", disk_id))
    if message.vm_id in state.vm_ids and state.status == "ok":
        return Decision(reply=provided(state))
    if refusal := unusable(state, "use"):
        return refuse(refusal)
    if state.vm_ids and not state.disk.shareable:
        vm = facts.rows.name_of("vm", state.vm_ids[0])
        return refuse(
            Conflict(
                f"{state.title} is attached to the VM {vm}.",
                remedy="Detach it there first; only a shareable disk can be attached twice.",
                entity=state.address,
            ).refusal
        )
    if state.disk.template is not None or state.children:
        reason = f"{state.title} is what other disks rest on: nobody may write it."
        return refuse(Conflict(reason, remedy="Make a disk on top of it.", entity=state.address).refusal)
    return Decision(events=(events.DiskAttached(at=facts.now, vm_id=message.vm_id),), reply=provided(state))


def detach(state: DiskState | None, message: DetachDisk, facts: StorageDecisionFacts) -> Decision:
    """Fine when the VM never had it, or the disk is gone."""
    if state is None or message.vm_id not in state.vm_ids:
        return Decision(reply=Done())
    return Decision(events=(events.DiskDetached(at=facts.now, vm_id=message.vm_id),), reply=Done())


def back(state: DiskState | None, disk_id: str, message: BackDisk, facts: StorageDecisionFacts) -> Decision:
    """Refused while a VM writes it."""
    if state is None:
        return refuse(not_found("disk", disk_id))
    if refusal := unusable(state, "use"):
        return refuse(refusal)
    if message.child_id in state.children:
        return Decision(reply=provided(state))
    if state.vm_ids:
        reason = f"{state.title} is attached to a VM: nothing can rest on what is written."
        return refuse(Conflict(reason, remedy="Make a template of it.", entity=state.address).refusal)
    return Decision(events=(events.DiskBacked(at=facts.now, child_id=message.child_id),), reply=provided(state))


def unback(state: DiskState | None, message: UnbackDisk, facts: StorageDecisionFacts) -> Decision:
    """Fine when it never rested here, or this disk is gone."""
    if state is None or message.child_id not in state.children:
        return Decision(reply=Done())
    return Decision(events=(events.DiskUnbacked(at=facts.now, child_id=message.child_id),), reply=Done())
