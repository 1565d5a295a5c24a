"""Operation *import*: a template whose one disk is filled from an image file of a host. Decides; never performs.

provide -> ready
provide -> it fails or is cancelled -> discard -> gone, rolled back
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity import checks
from actors.entity.cancel import cancelled_by
from actors.entity.decision import Decision, accept, refuse
from actors.entity.ids import derived_id, job_id_of
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, finish_steps, with_step
from actors.entity.operation_record import Ask, OperationRecord, retried, with_step_sent
from actors.entity.refusals import not_ready
from actors.storage.facts import StorageDecisionFacts, accepted, again_or_taken, new_id
from actors.storage.messages import DiscardDisk, DiskProvided, ProvideDisk
from actors.storage.template.defaults import defaulted
from actors.storage.template.evolve import evolve
from actors.storage.template.state import TemplateState
from protocol.activity.audit import line
from protocol.activity.operation import Operation, Outcome
from protocol.document import Ref, id_of
from protocol.errors import Refusal
from protocol.inventory.model import Cluster
from protocol.message import Message, message
from protocol.refusals import invalid, name_taken, not_found
from protocol.storage.model import Disk, DiskAttachment, StorageDomain
from protocol.template import events
from protocol.template.commands import ImportTemplate
from protocol.template.model import Template

KIND: Final = "import"


@message("template.import_data")
@attrs.frozen(kw_only=True)
class ImportData(Message):
    """What is sent to the disk's actor, the same each time."""

    provide: ProvideDisk


def add(
    state: TemplateState | None, request: CommandRequest, command: ImportTemplate, facts: StorageDecisionFacts
) -> Decision:
    """Always legal when the storage domain is there and the name is free."""
    if state is not None:
        return again_or_taken("template", request, state.template, state.operation)
    document = command.document
    assert isinstance(document, Template)
    if refusal := _checked(document, command, facts):
        return refuse(refusal)
    template = defaulted(
        attrs.evolve(
            document,
            id=new_id(request),
            status="locked",
            creation_time=facts.now,
            nics=(),
            disk_attachments=(),
        )
    )
    provide = _provide(template, request, command)
    operation = begin_for(request, KIND, f"Importing template {template.name}", facts.now)
    operation = with_step(operation, f"template/{template.id}", "Copying the image", facts.now)
    operation = attrs.evolve(operation, data=ImportData(provide=provide))
    event = events.TemplateAdded(at=facts.now, template=template, operation=operation, disk_ids=(id_of(provide.disk),))
    reply = accepted("template", request, template, job_id=operation.id)
    return accept(reply, with_step_sent(IMPORT, evolve, None, event))


def sends(state: TemplateState) -> Ask:
    assert state.operation is not None
    assert isinstance(state.operation.data, ImportData)
    provide = state.operation.data.provide
    message: Message = provide
    if state.operation.rolling_back:
        message = DiscardDisk(
            operation_id=state.operation.id, template_id=state.id, correlation_id=state.operation.correlation_id
        )
    return Ask(f"disk/{provide.disk.id}", message)


def done(state: TemplateState, result: Message, facts: StorageDecisionFacts) -> Decision:
    """The disk's actor made it, or has undone it."""
    operation = state.operation
    assert operation is not None
    if operation.rolling_back:
        return _gone(state, operation.rolling_back, facts)
    assert isinstance(result, DiskProvided), result
    attachments = (_attachment(state, result.disk),)
    name = state.template.name or ""
    return Decision(
        events=(events.TemplateReady(at=facts.now, disk_attachments=attachments, ended=Outcome(outcome="done")),),
        audit=(line("template_imported", template=state.id, user=operation.user_id, name=name),),
    )


def failed(state: TemplateState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    """The disk could not be made: what there is of it goes."""
    operation = state.operation
    assert operation is not None
    if (again := retried(refusal)) is not None:
        return again
    if operation.rolling_back:
        return _gone(state, f"{operation.rolling_back} Undoing it failed too: {refusal}", facts)
    return _turned_round(state, attrs.evolve(operation, rolling_back=str(refusal)), facts)


def cancel(state: TemplateState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    assert state.operation is not None
    turned = finish_steps(cancelled_by(state.operation, request), "aborted", facts.now)
    return _turned_round(state, turned, facts)


def _turned_round(state: TemplateState, operation: Operation, facts: StorageDecisionFacts) -> Decision:
    """What there is of the disk goes."""
    back = with_step(operation, state.address, "Removing its disk", facts.now)
    return with_step_sent(IMPORT, evolve, state, events.TemplateOperationProgressed(at=facts.now, operation=back))


def _gone(state: TemplateState, reason: str, facts: StorageDecisionFacts) -> Decision:
    assert state.operation is not None
    name, by = state.template.name or "", state.operation.user_id
    ended = Outcome(outcome="rolled_back", reason=reason)
    if state.operation.is_unwanted:
        audit = line("template_import_cancelled", user=by, name=name, reason=reason)
    else:
        audit = line("template_import_failed", user=by, name=name, reason=reason)
    return Decision(
        events=(events.TemplateRemoved(at=facts.now, ended=ended),),
        audit=(audit,),
    )


def _attachment(state: TemplateState, disk: Disk) -> DiskAttachment:
    return DiskAttachment(
        id=disk.id,
        active=True,
        bootable=True,
        interface="virtio",
        read_only=False,
        disk=Disk(id=disk.id),
        template=Ref(id=state.id),
        slot=0,
    )


def _provide(template: Template, request: CommandRequest, command: ImportTemplate) -> ProvideDisk:
    assert template.id is not None
    storage_domain = Ref(id=command.storage_domain_id)
    name = f"{template.name}_Disk1"
    disk = Disk(
        id=derived_id(template.id, "first disk"),
        name=name,
        alias=name,
        format="cow",
        sparse=True,
        provisioned_size=command.image_bytes or None,
        storage_domain=storage_domain,
        storage_domains=(storage_domain,),
    )
    return ProvideDisk(
        disk=disk,
        operation_id=job_id_of(request.command_id),
        correlation_id=request.correlation_id,
        user_id=request.principal.user_id,
        template_id=template.id,
        import_path=command.image_path,
        import_format=command.image_format,
    )


def _checked(template: Template, command: ImportTemplate, facts: StorageDecisionFacts) -> Refusal | None:
    refusal = (
        checks.required(template, "template")
        or checks.values(template)
        or checks.time_zone(template.time_zone)
        or checks.name("template", template.name or "")
    )
    if refusal is not None:
        return refusal
    if facts.rows.named(Template, template.name or ""):
        return name_taken("template", template.name or "")
    if command.image_format not in ("qcow2", "raw"):
        return invalid("image_format", f"{command.image_format[:40]!r} is no image format.", "Use qcow2 or raw.")
    path = command.image_path
    if not path.startswith("/") or ".." in path.split("/") or not path.isprintable():
        return invalid("image_path", f"{path[:80]!r} is no absolute path.", "Give one of the host, without '..'.")
    if template.cluster and facts.rows.get(Cluster, template.cluster) is None:
        return not_found("cluster", id_of(template.cluster), field="cluster")
    storage_domain = facts.rows.get(StorageDomain, command.storage_domain_id)
    if storage_domain is None:
        return not_found("storage_domain", command.storage_domain_id, field="storage_domain_id")
    if storage_domain.status != "active":
        remedy = "Wait until its host is up."
        return not_ready("storage_domain", storage_domain, "use", "active", remedy, "storage_domain_id")
    return None


IMPORT: Final = OperationRecord[TemplateState, StorageDecisionFacts](
    kind=KIND, sends=sends, done=done, failed=failed, cancel=cancel
)
