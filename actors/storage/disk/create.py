"""Operation *add*: a new disk, empty, thin on another, copied, or filled from an image file. Decides; never performs."""

from __future__ import annotations

import attrs

from actors.entity.checks import invalid, missing, name, values
from actors.entity.decision import Decision, Effect, Tell
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin, begin_for
from actors.storage.disk.endings import made, provided
from actors.storage.disk.state import DiskState
from actors.storage.disk.steps import begun, effects_of
from actors.storage.facts import StorageDecisionFacts, accepted, again_or_taken, busy, new_id, not_found, refusal
from actors.storage.messages import DiskRecorded, ProvideDisk
from actors.storage.volumes import derived_id, storage_domain_of, volume_id_of
from actors.storage.waiting import StorageDecision
from protocol import limits
from protocol.commands.storage import AddDisk
from protocol.errors import Refusal
from protocol.events import disk as events
from protocol.events.disk import DiskWork
from protocol.events.operation import Operation
from protocol.model.storage import Disk, StorageDomain
from protocol.model.types import Ref


def add(state: DiskState | None, request: CommandRequest, command: AddDisk, facts: StorageDecisionFacts) -> Decision:
    """A floating disk on the storage domain that its document names."""
    if state is not None:
        return again_or_taken("disk", request, state.disk, state.operation)
    assert isinstance(command.document, Disk)
    disk = _completed(attrs.evolve(command.document, id=new_id(request)), None)
    storage_domain = _checked(disk, None, False, facts)
    if isinstance(storage_domain, Refusal):
        return Decision(reply=storage_domain)
    if request.dry_run:
        return Decision(reply=accepted("disk", request, disk))
    operation = begin_for(request, "add", f"Adding disk {disk.name}", facts.now, _host_of(storage_domain))
    decision = _begin(disk, operation, DiskWork(phase="make"), facts)
    return attrs.evolve(
        decision, reply=accepted("disk", request, _locked(disk), job_id=operation.id), store_outcome=True
    )


def provide(state: DiskState | None, message: ProvideDisk, facts: StorageDecisionFacts) -> Decision:
    """A disk for a VM or template; the answer comes when it is there. The same disk again waits along."""
    if state is not None:
        return _provide_again(state, message, facts)
    if ended := facts.rows.document("job", derived_id(message.operation_id, message.disk.id or "")):
        reason = f"The disk {message.disk.name} was not made: {ended.reason or 'it is gone again.'}"
        return Decision(reply=refusal("host_failed", reason, entity=message.disk.id or "", status=500))
    backing = None
    if message.backing_disk_id:
        backing = facts.rows.document("disk", message.backing_disk_id)
        if backing is None:
            return Decision(reply=not_found("disk", message.backing_disk_id))
    disk = _completed(message.disk, backing if not message.clone else None)
    if message.clone and backing is not None and not storage_domain_of(disk):
        disk = _on(disk, storage_domain_of(backing))
    disk = attrs.evolve(
        disk,
        vms=(Ref(id=message.vm_id),) if message.vm_id else (),
        template=Ref(id=message.template_id) if message.template_id else None,
    )
    storage_domain = _checked(disk, backing, bool(message.import_path), facts)
    if isinstance(storage_domain, Refusal):
        return Decision(reply=storage_domain)
    operation = begin(
        id=derived_id(message.operation_id, disk.id or ""),
        kind="import" if message.import_path else "clone" if message.clone else "provide",
        description=f"Making disk {disk.name}",
        at=facts.now,
        correlation_id=message.correlation_id,
        user_id=message.user_id,
        host_id=_host_of(storage_domain),
    )
    work = DiskWork(
        phase="hold_backing" if backing else "make",
        vm_id=message.vm_id,
        template_id=message.template_id,
        backing_disk_id=message.backing_disk_id,
        clone=message.clone,
        import_path=message.import_path,
        import_format=message.import_format,
    )
    decision = _begin(disk, operation, work, facts)
    notifications: tuple[Effect, ...] = ()
    if message.vm_id:
        notifications = (Tell(address=f"vm/{message.vm_id}", message=DiskRecorded(disk_id=disk.id or "")),)
    return attrs.evolve(decision, hold=made, effects=(*decision.effects, *notifications))


def _provide_again(state: DiskState, message: ProvideDisk, facts: StorageDecisionFacts) -> Decision:
    operation = state.operation
    if operation is not None:
        if operation.id == derived_id(message.operation_id, state.id) and not operation.rolling_back:
            return StorageDecision(hold=made)
        return Decision(reply=busy(state.id, state.title, operation))
    if state.status != "ok":
        return Decision(
            reply=refusal("not_legal", f"{state.title} is {state.status}: {state.problem}", entity=state.id)
        )
    if (message.vm_id and message.vm_id not in state.vm_ids) or (
        message.template_id and (state.disk.template is None or state.disk.template.id != message.template_id)
    ):
        return Decision(reply=refusal("conflict", f"{state.title} was made for something else.", entity=state.id))
    return Decision(reply=provided(state))


def _begin(disk: Disk, operation: Operation, work: DiskWork, facts: StorageDecisionFacts) -> StorageDecision:
    operation = begun(operation, disk.id or "", work, facts)
    event = events.DiskAdded(at=facts.now, disk=_locked(disk), operation=operation)
    state = DiskState(disk=event.disk, operation=operation)
    return StorageDecision(events=(event,), effects=effects_of(state))


def _locked(disk: Disk) -> Disk:
    return attrs.evolve(disk, status="locked")


def _host_of(storage_domain: StorageDomain) -> str:
    return (storage_domain.host.id if storage_domain.host else None) or ""


def _completed(disk: Disk, backing: Disk | None) -> Disk:
    """What was left out is filled in; what is read-only is ours. `backing`: it rests on that disk."""
    assert disk.id
    label = disk.name or disk.alias or f"Disk-{disk.id[:8]}"
    format = disk.format or ("cow" if backing or disk.sparse is not False else "raw")
    size = disk.provisioned_size
    if backing is not None:
        size = max(size or 0, backing.provisioned_size or 0)
    disk = attrs.evolve(
        disk,
        name=label,
        alias=label,
        description=disk.description or "",
        format=format,
        sparse=disk.sparse if disk.sparse is not None else True,
        provisioned_size=size,
        actual_size=0,
        total_size=0,
        storage_type="image",
        content_type="data",
        image_id=volume_id_of(disk.id),
        wipe_after_delete=bool(disk.wipe_after_delete),
        shareable=bool(disk.shareable),
        propagate_errors=bool(disk.propagate_errors),
        qcow_version="qcow2_v3" if format == "cow" else None,
        bootable=None,
        vms=(),
        template=None,
        backing_disk=Ref(id=backing.id) if backing else None,
    )
    return _on(disk, storage_domain_of(disk) or (storage_domain_of(backing) if backing else ""))


def _on(disk: Disk, storage_domain_id: str) -> Disk:
    reference = Ref(id=storage_domain_id) if storage_domain_id else None
    return attrs.evolve(disk, storage_domain=reference, storage_domains=(reference,) if reference else ())


def _checked(disk: Disk, backing: Disk | None, importing: bool, facts: StorageDecisionFacts) -> StorageDomain | Refusal:
    """The active storage domain that the disk is to be on, or what is wrong."""
    if problem := name("disk", disk.name or "") or values(_without_size(disk) if importing else disk):
        return problem
    if not disk.provisioned_size and not importing:
        return missing("provisioned_size", "disk", f"Give it in bytes, at least {limits.disk_bytes_min}.")
    if disk.shareable and disk.format == "cow":
        return invalid("shareable", "A shareable disk cannot be cow: two writers would spoil its tables.", "Use raw.")
    storage_domain_id = storage_domain_of(disk)
    if not storage_domain_id:
        return missing("storage_domains", "disk", "Name one storage domain.")
    if len(disk.storage_domains or ()) > 1:
        return invalid("storage_domains", "A disk is on one storage domain.", "Name one.")
    storage_domain = facts.rows.document("storage_domain", storage_domain_id)
    if not isinstance(storage_domain, StorageDomain):
        return not_found("storage domain", storage_domain_id)
    if storage_domain.status != "active":
        return refusal(
            "not_legal",
            f"The storage domain {storage_domain.name} is {storage_domain.status}.",
            "Wait until its host is up, or choose another one.",
            entity=storage_domain_id,
            field="storage_domains",
        )
    return _checked_backing(disk, backing, storage_domain, facts) or storage_domain


def _checked_backing(
    disk: Disk, backing: Disk | None, storage_domain: StorageDomain, facts: StorageDecisionFacts
) -> Refusal | None:
    if backing is None:
        return None
    thin = disk.backing_disk is not None
    if thin and disk.format != "cow":
        return invalid("format", "A thin disk on another one must be cow.", "Use cow, or make a full copy.")
    origin = facts.rows.document("storage_domain", storage_domain_of(backing))
    if thin and storage_domain_of(backing) != storage_domain.id:
        return invalid(
            "storage_domains", "A thin disk lives where the disk that it rests on does.", "Leave it out, or clone."
        )
    if origin is None or origin.host is None or storage_domain.host is None or origin.host.id != storage_domain.host.id:
        return invalid("storage_domains", "A copy between storage domains of two hosts is not served yet.")
    return None


def _without_size(disk: Disk) -> Disk:
    return attrs.evolve(disk, provisioned_size=disk.provisioned_size or None)
