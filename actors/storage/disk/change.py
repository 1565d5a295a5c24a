"""Changes a disk: its names and flags at once, a larger size by the operation *resize*. Decides; never performs."""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity import checks
from actors.entity.decision import NOTHING, Decision, accept, joined, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation_record import with_step_sent
from actors.storage.disk.evolve import evolve
from actors.storage.disk.operations.resize import RESIZE, begin_resize
from actors.storage.disk.state import DiskState, unusable
from actors.storage.facts import StorageDecisionFacts, accepted
from actors.storage.volume_names import storage_domain_of
from protocol.errors import Conflict, NotLegal, Refusal
from protocol.merge import changed_by, given
from protocol.refusals import invalid
from protocol.sizes import size_text
from protocol.storage import disk_events as events
from protocol.storage.commands import UpdateDisk
from protocol.storage.model import Disk
from protocol.vm.model import Vm

changeable: Final = frozenset({"name", "alias", "description", "comment", "propagate_errors", "shareable"})
_taken_apart: Final = frozenset({"id", "provisioned_size", "storage_domain", "storage_domains", "bootable"})


def update(state: DiskState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    """Legal while the disk is ok. What is set and read-only is passed over, as clients send back what they got."""
    command = request.command
    assert isinstance(command, UpdateDisk)
    assert isinstance(command.document, Disk)
    wanted = _wanted(state.disk, command.document)
    size = command.document.provisioned_size or state.disk.provisioned_size or 0
    refusal = _refusal(state, command.document, wanted, size, facts)
    if refusal is not None:
        return refuse(refusal)
    disk = changed_by(state.disk, wanted)
    grows = size > (state.disk.provisioned_size or 0)
    if not (grows or wanted):
        return Decision(reply=accepted("disk", request, disk))
    changed = _changed(state, request, disk, facts) if wanted else NOTHING
    if not grows:
        return accept(accepted("disk", request, disk), changed)
    state = attrs.evolve(state, disk=disk)
    event = begin_resize(state, request, size, facts)
    assert event.operation is not None
    reply = accepted("disk", request, attrs.evolve(disk, status="locked"), job_id=event.operation.id)
    return accept(reply, joined(changed, with_step_sent(RESIZE, evolve, state, event)))


def _changed(state: DiskState, request: CommandRequest, disk: Disk, facts: StorageDecisionFacts) -> Decision:
    audit = line_by(request.principal, "disk_updated", name=disk.name or state.id)
    return Decision(events=(events.DiskUpdated(at=facts.now, disk=disk),), audit=(audit,))


def _wanted(now: Disk, document: Disk) -> dict[str, object]:
    """What of the document differs and may be changed; name and alias are one thing."""
    wanted = {name: value for name, _, value in given(document) if name in changeable and value != getattr(now, name)}
    name = wanted.get("name") or wanted.get("alias")
    if name is not None:
        wanted["name"] = wanted["alias"] = name
    return wanted


def _refusal(
    state: DiskState, document: Disk, wanted: dict[str, object], size: int, facts: StorageDecisionFacts
) -> Refusal | None:
    if refusal := unusable(state, "update") or checks.values(document) or _fixed(state, document):
        return refusal
    if "name" in wanted and (refusal := checks.name("disk", str(wanted["name"]))):
        return refusal
    if wanted.get("shareable") and state.disk.format == "cow":
        reason = "A shareable disk cannot be cow: two writers would spoil its tables."
        return invalid("shareable", reason, "Leave it out; add a raw disk to share one.")
    if wanted.get("shareable") is False and len(state.vm_ids) > 1:
        reason = f"{state.title} is attached to {len(state.vm_ids)} VMs."
        remedy = "Detach it from all but one first."
        return Conflict(reason, remedy=remedy, entity=state.address, field="shareable").refusal
    now = state.disk.provisioned_size or 0
    if size < now:
        reason = f"{state.title} cannot shrink from {size_text(now)} to {size_text(size)}."
        return invalid("provisioned_size", reason, "Give more.")
    return _not_growable(state, facts) if size > now else None


def _fixed(state: DiskState, document: Disk) -> Refusal | None:
    """What is set otherwise than it is and cannot be changed."""
    for name, known, value in given(document):
        is_fixed = name not in changeable | _taken_apart and not known.read_only
        if is_fixed and value != getattr(state.disk, name):
            return invalid(name, f"The {name} of a disk cannot be changed.", "Leave it out.")
    storage_domain = storage_domain_of(document)
    if storage_domain and storage_domain != storage_domain_of(state.disk):
        return invalid("storage_domains", "Moving a disk is not served yet.", "Leave it out.")
    return None


def _not_growable(state: DiskState, facts: StorageDecisionFacts) -> Refusal | None:
    if state.children:
        reason, remedy = (
            f"{state.title} backs other disks and cannot change.",
            "Extend the disks that it backs instead.",
        )
        return Conflict(reason, remedy=remedy, entity=state.address).refusal
    for id in state.vm_ids:
        vm = facts.rows.get(Vm, id)
        if vm is not None and vm.status != "down":
            return NotLegal(
                f"{state.title} is attached to the VM {vm.name}, which is {vm.status}.",
                remedy="Shut the VM down first: extending a disk in use is not served yet.",
                entity=state.address,
                field="provisioned_size",
            ).refusal
    return None
