"""Operation *remove*: a disk that nobody needs goes with its volumes. Decides; never performs."""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin, begin_for
from actors.storage.disk.endings import removed
from actors.storage.disk.state import DiskState
from actors.storage.disk.steps import begun, effects_of
from actors.storage.facts import StorageDecisionFacts, accepted, busy, not_found, refusal
from actors.storage.messages import DiscardDisk
from actors.storage.volumes import derived_id, storage_domain_of
from actors.storage.waiting import StorageDecision
from protocol.commands.storage import RemoveDisk
from protocol.errors import Refusal
from protocol.events import disk as events
from protocol.events.disk import DiskWork
from protocol.events.operation import Operation
from protocol.node_messages import Done

making = frozenset({"add", "provide", "clone", "import"})


def remove(
    state: DiskState | None, request: CommandRequest, command: RemoveDisk, facts: StorageDecisionFacts
) -> Decision:
    """Legal while it is attached to nothing, backs nothing and no operation runs on it."""
    if state is None:
        return Decision(reply=not_found("disk", command.id))
    if problem := _in_use(state, "", "", facts):
        return Decision(reply=problem)
    if request.dry_run:
        return Decision(reply=accepted("disk", request, state.disk))
    operation = begin_for(request, "remove", f"Removing disk {state.disk.name}", facts.now)
    decision = _begin(state, operation, DiskWork(phase="remove"), facts)
    return attrs.evolve(decision, reply=accepted("disk", request, state.disk, job_id=operation.id), store_outcome=True)


def discard(state: DiskState | None, message: DiscardDisk, facts: StorageDecisionFacts) -> Decision:
    """The same for the sake of the VM or template that has it. While it is still being made, the making turns round."""
    if state is None:
        return Decision(reply=Done())
    operation = state.operation
    if operation is not None and (operation.kind == "remove" or operation.rolling_back):
        return StorageDecision(hold=removed)
    if operation is not None and operation.kind in making and _is_its_own(state, message):
        turned = attrs.evolve(operation, rolling_back="It is not wanted any more.")
        event = events.DiskOperationProgressed(at=facts.now, operation=turned)
        return StorageDecision(events=(event,), hold=removed)
    if problem := _in_use(state, message.vm_id, message.template_id, facts):
        return Decision(reply=problem)
    operation = begin(
        id=derived_id(message.operation_id, state.id),
        kind="remove",
        description=f"Removing disk {state.disk.name}",
        at=facts.now,
        correlation_id=message.correlation_id,
    )
    work = DiskWork(phase="remove", vm_id=message.vm_id, template_id=message.template_id)
    return attrs.evolve(_begin(state, operation, work, facts), hold=removed)


def _is_its_own(state: DiskState, message: DiscardDisk) -> bool:
    return state.work.vm_id == message.vm_id and state.work.template_id == message.template_id


def _begin(state: DiskState, operation: Operation, work: DiskWork, facts: StorageDecisionFacts) -> StorageDecision:
    storage_domain = facts.rows.document("storage_domain", storage_domain_of(state.disk))
    host_id = (storage_domain.host.id if storage_domain is not None and storage_domain.host is not None else None) or ""
    if state.disk.backing_disk is not None:
        work = attrs.evolve(work, backing_disk_id=state.disk.backing_disk.id or "")
    operation = begun(attrs.evolve(operation, host_id=host_id), state.id, work, facts)
    event = events.DiskRemoveRequested(at=facts.now, operation=operation)
    return StorageDecision(events=(event,), effects=effects_of(attrs.evolve(state, operation=operation)))


def _in_use(state: DiskState, vm_id: str, template_id: str, facts: StorageDecisionFacts) -> Refusal | None:
    """Why the disk cannot go now, unless only this VM or template has it."""
    if state.operation is not None:
        return busy(state.id, state.title, state.operation)
    others = [id for id in state.vm_ids if id != vm_id]
    if others:
        names = _names("vm", others, facts)
        return refusal(
            "conflict",
            f"{state.title} is attached to the VM {', '.join(names)}.",
            "Detach it first.",
            entity=state.id,
            field="vms",
        )
    template = state.disk.template
    if template is not None and template.id != template_id:
        names = _names("template", [template.id or ""], facts)
        return refusal(
            "conflict",
            f"{state.title} belongs to the template {names[0]}.",
            "Remove the template.",
            entity=state.id,
            field="template",
        )
    if state.children:
        names = _names("disk", state.children, facts)
        return refusal(
            "conflict",
            f"{state.title} is what the disk {', '.join(names)} rests on.",
            "Remove those disks first.",
            entity=state.id,
        )
    return None


def _names(kind: str, ids: list[str] | tuple[str, ...], facts: StorageDecisionFacts) -> list[str]:
    documents = ((id, facts.rows.document(kind, id)) for id in ids[:10])
    return [document.name if document is not None and document.name else id for id, document in documents]
