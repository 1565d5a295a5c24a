"""The disks of a VM made from a template: what they are, and what makes them."""

from __future__ import annotations

from actors.entity.ids import job_id_of
from actors.entity.messages import CommandRequest
from actors.storage.messages import ProvideDisk
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.disk_steps import part_of
from protocol.document import Ref, id_of
from protocol.storage.model import Disk, DiskAttachment
from protocol.template.model import Template
from protocol.vm.commands import AddVm
from protocol.vm.model import Vm


def disks_of(
    vm: Vm, request: CommandRequest, template: Template, facts: VmDecisionFacts
) -> tuple[tuple[DiskAttachment, ...], tuple[ProvideDisk, ...]]:
    """The attachments of a VM made from a template, and the messages that make their disks."""
    assert isinstance(request.command, AddVm)
    attachments: list[DiskAttachment] = []
    provided: list[ProvideDisk] = []
    for index, source in enumerate(template.disk_attachments or ()):
        origin = facts.rows.get(Disk, source.id)
        if origin is None:
            continue
        disk = _disk_from(origin, part_of(request, f"disk{index}"), f"{vm.name}_Disk{index + 1}")
        attachments.append(
            DiskAttachment(
                id=disk.id,
                disk=Disk(id=disk.id),
                active=True,
                bootable=bool(source.bootable),
                interface=source.interface or "virtio",
                read_only=False,
                vm=Ref(id=vm.id),
                slot=index,
            )
        )
        provided.append(
            ProvideDisk(
                disk=disk,
                operation_id=job_id_of(request.command_id),
                correlation_id=request.correlation_id,
                user_id=request.principal.user_id,
                vm_id=id_of(vm),
                backing_disk_id=id_of(origin),
                clone=request.command.clone,
            )
        )
    return tuple(attachments), tuple(provided)


def _disk_from(origin: Disk, disk_id: str, label: str) -> Disk:
    return Disk(
        id=disk_id,
        name=label,
        alias=label,
        format="cow",
        sparse=True,
        provisioned_size=origin.provisioned_size,
        storage_domain=origin.storage_domain,
        storage_domains=origin.storage_domains,
    )
