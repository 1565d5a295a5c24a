"""Adding and changing a VM and its NICs: checks, reservation, then one durable event. Decides; never performs."""

from __future__ import annotations

import uuid
from typing import Any

import attrs

from actors.entity.decision import Decision, Effect, Tell, refuse
from actors.entity.messages import Commanded
from actors.operations.operation import begin, with_step
from actors.reservations.messages import NameClaim, ReleaseReservation, Reserve, Reserved
from actors.storage.messages import ProvideDisk
from actors.vm import checks
from actors.vm.facts import Facts, bad_input, busy, not_found, not_legal
from actors.vm.spec import DEFAULT_MEMORY_BYTES
from actors.vm.state import RUNNING_STATUSES, VmState
from protocol.audit import line
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.model.inventory import Cpu, CpuTopology
from protocol.model.merge import merge, writable
from protocol.model.network import Mac, Nic
from protocol.model.storage import Disk, DiskAttachment
from protocol.model.types import Ref
from protocol.model.vm import Boot, OperatingSystem, Template, Vm
from protocol.words import Tagged, word

RESERVATIONS = "reservations/main"
BLANK = "00000000-0000-0000-0000-000000000000"


@word("vm.add_data")
@attrs.frozen(kw_only=True)
class VmAddData(Tagged):
    """What a new VM's disks are made from, one after the other."""

    disks: tuple[ProvideDisk, ...]


def child_id(parent: str, what: str) -> str:
    """A stable id for a part of something: a retried or replayed step makes the same one."""
    return str(uuid.uuid5(uuid.UUID(parent), what))


def add(vm_id: str, asked: Commanded, facts: Facts) -> Decision:
    """Checks the document and asks for its name and MAC addresses; the answer decides."""
    made = complete(vm_id, asked, facts)
    if isinstance(made, Refusal):
        return refuse(made)
    macs = tuple((nic.mac.address if nic.mac else "") or "" for nic in made.nics or ())
    reserve = Reserve(
        holder=asked.command_id, owner_id=vm_id, names=(NameClaim(kind="vm", name=made.name or ""),), macs=macs
    )
    return Decision(effects=(Tell(address=RESERVATIONS, message=reserve, token=f"reserve:{asked.command_id}"),))


def complete(vm_id: str, asked: Commanded, facts: Facts) -> Vm | Refusal:
    """The whole configuration of a new VM: what was asked over what the template has over the defaults."""
    command = asked.command
    assert isinstance(command, commands.AddVm)
    document = command.document
    assert isinstance(document, Vm)
    refusal = checks.vm(document, adding=True)
    if refusal:
        return refusal
    cluster_id = document.cluster.id if document.cluster else None
    if facts.rows.document("cluster", cluster_id or "") is None:
        return not_found("cluster", cluster_id or "", "cluster")
    template_id = (document.template.id if document.template else None) or BLANK
    template = facts.rows.document("template", template_id)
    if template is None:
        return not_found("template", template_id, "template")
    if template.status != "ok":
        return bad_input(
            f"Template {template.name} is {template.status}.", "template", "Wait until it is ok.", status=409
        )
    base = Vm(
        **{
            name: getattr(template, name)
            for name in ("memory", "memory_policy", "cpu", "os", "bios", "display", "console", "time_zone", "type",
                         "high_availability", "stateless")
        }
    )  # fmt: skip
    vm = merge(base, writable(attrs.evolve(document, nics=None, disk_attachments=None)))
    if document.nics is not None:
        wanted: tuple[Nic, ...] = document.nics
    else:
        wanted = tuple(attrs.evolve(nic, mac=None) for nic in template.nics or ())
    nics: list[Nic] = []
    for index, nic in enumerate(wanted):
        resolved = nic_of(vm_id, asked.command_id, nic, tuple(nics), facts, index)
        if isinstance(resolved, Refusal):
            return resolved
        nics.append(resolved)
    topology = vm.cpu.topology if vm.cpu and vm.cpu.topology else CpuTopology()
    return attrs.evolve(
        vm,
        id=vm_id,
        type=vm.type or "server",
        memory=vm.memory or DEFAULT_MEMORY_BYTES,
        cpu=attrs.evolve(
            vm.cpu or Cpu(),
            architecture=(vm.cpu.architecture if vm.cpu else None) or "x86_64",
            topology=CpuTopology(
                sockets=topology.sockets or 1, cores=topology.cores or 1, threads=topology.threads or 1
            ),
        ),
        os=attrs.evolve(
            vm.os or OperatingSystem(),
            type=(vm.os.type if vm.os else None) or "other",
            boot=(vm.os.boot if vm.os else None) or Boot(devices=("hd",)),
        ),
        template=Ref(id=template_id),
        original_template=Ref(id=template_id),
        origin="corral",
        stateless=bool(vm.stateless),
        delete_protected=bool(vm.delete_protected),
        creation_time=facts.now,
        nics=tuple(nics),
        disk_attachments=(),
    )


def reserved(vm_id: str, asked: Commanded, answer: Reserved | Refusal, facts: Facts) -> Decision:
    """Name and MACs are held: the VM becomes durable, and its template's disks are made."""
    command = asked.command
    assert isinstance(command, commands.AddVm)
    if isinstance(answer, Refusal):
        return refuse(answer)
    release = Tell(address=RESERVATIONS, message=ReleaseReservation(holder=asked.command_id))
    vm = complete(vm_id, asked, facts)
    if isinstance(vm, Refusal):
        return Decision(reply=vm, effects=(release,))
    nics = tuple(attrs.evolve(nic, mac=Mac(address=mac)) for nic, mac in zip(vm.nics or (), answer.macs, strict=True))
    assert vm.template is not None
    template = facts.rows.document("template", vm.template.id or "")
    attachments, provided = template_disks(vm, asked, template, facts)
    vm = attrs.evolve(vm, nics=nics, disk_attachments=attachments)
    audit = (line("vm_added", f"VM {vm.name} was created by {asked.principal.name}.", vm=vm_id,
                  user=asked.principal.user_id, cluster=vm.cluster.id if vm.cluster else None),)  # fmt: skip
    accepted = Accepted(kind="vm", id=vm_id, command_id=asked.command_id)
    if not provided:
        event = events.VmAdded(at=facts.now, vm=vm)
        return Decision(events=(event,), audit=audit, reply=accepted, store_outcome=True, effects=(release,))
    operation = begin(
        id=asked.command_id,
        kind="add",
        description=f"Creating VM {vm.name} from template {template.name}",
        at=facts.now,
        correlation_id=asked.correlation_id,
        user_id=asked.principal.user_id,
    )
    operation = attrs.evolve(operation, data=VmAddData(disks=provided))
    operation = with_step(operation, f"vm/{vm_id}", f"Create disk {provided[0].disk.name}", facts.now)
    effects: tuple[Effect, ...] = (
        release,
        Tell(address=f"disk/{provided[0].disk.id}", message=provided[0], token=f"disk:{provided[0].disk.id}"),
    )
    return Decision(
        events=(events.VmAdded(at=facts.now, vm=vm, operation=operation),),
        audit=audit,
        reply=attrs.evolve(accepted, job_id=operation.id),
        store_outcome=True,
        effects=effects,
    )


def template_disks(
    vm: Vm, asked: Commanded, template: Template, facts: Facts
) -> tuple[tuple[DiskAttachment, ...], tuple[ProvideDisk, ...]]:
    """The attachments of a VM made from a template, and what makes their disks."""
    assert isinstance(asked.command, commands.AddVm)
    attachments: list[DiskAttachment] = []
    provided: list[ProvideDisk] = []
    for index, source in enumerate(template.disk_attachments or ()):
        origin = facts.rows.document("disk", source.id or "")
        if origin is None:
            continue
        disk_id = child_id(asked.command_id, f"disk{index}")
        disk = Disk(
            id=disk_id,
            name=f"{vm.name}_Disk{index + 1}",
            alias=f"{vm.name}_Disk{index + 1}",
            format="cow",
            sparse=True,
            provisioned_size=origin.provisioned_size,
            storage_domain=origin.storage_domain,
            storage_domains=origin.storage_domains,
        )
        attachments.append(
            DiskAttachment(
                id=disk_id,
                disk=Disk(id=disk_id),
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
                disk=disk, operation_id=asked.command_id, correlation_id=asked.correlation_id,
                user_id=asked.principal.user_id, vm_id=vm.id or "", backing_disk_id=origin.id, clone=asked.command.clone,
            )
        )  # fmt: skip
    return tuple(attachments), tuple(provided)


def nic_of(
    vm_id: str, command_id: str, nic: Nic, others: tuple[Nic, ...], facts: Facts, index: int = 0
) -> Nic | Refusal:
    """A NIC with everything filled in but its MAC address."""
    refusal = checks.nic(nic)
    if refusal:
        return refusal
    if any(other.name == nic.name for other in others):
        return bad_input(
            f"The VM has a NIC named {nic.name} already.", "name", "Choose another name.", status=409, code="name_taken"
        )
    wanted = _mac_of(nic)
    if wanted and any(_mac_of(other) == wanted for other in others):
        reason = f"The VM has a NIC with the MAC address {wanted} already."
        remedy = "Choose another one, or leave it out to get a free one."
        return bad_input(reason, "mac", remedy, status=409, code="conflict")
    profile_id = nic.vnic_profile.id if nic.vnic_profile else None
    if profile_id is None and nic.network is not None:
        profiles = facts.rows.referring("vnic_profile", "network", nic.network.id or "")
        profile_id = profiles[0] if profiles else None
    if profile_id is not None and facts.rows.document("vnic_profile", profile_id) is None:
        return not_found("vnic_profile", profile_id, "vnic_profile")
    taken = {other.slot for other in others}
    return Nic(
        id=nic.id or child_id(command_id, f"nic{index}"),
        name=nic.name,
        description=nic.description,
        comment=nic.comment,
        interface=nic.interface or "virtio",
        linked=nic.linked is not False,
        plugged=nic.plugged is not False,
        mac=nic.mac,
        vnic_profile=Ref(id=profile_id) if profile_id else None,
        vm=Ref(id=vm_id),
        slot=next(slot for slot in range(64) if slot not in taken),
    )


def _mac_of(nic: Nic) -> str:
    return ((nic.mac.address if nic.mac else "") or "").lower()


DEFERRED = ("memory", "memory_policy", "cpu", "os", "bios", "display", "console", "time_zone", "stateless", "type")
"""What a running VM takes on at its next start."""


def update(state: VmState, asked: Commanded, facts: Facts) -> Decision:
    """At once, except what a running VM cannot change: that waits for its next start."""
    document = asked.command.document if isinstance(asked.command, commands.UpdateVm) else None
    assert isinstance(document, Vm)
    refusal = busy(state, facts, "update") or checks.vm(document, adding=False)
    if refusal:
        return refuse(refusal)
    changes = attrs.evolve(document, id=None, nics=None, disk_attachments=None, template=None)
    if changes.cluster is not None and (state.vm.cluster is None or changes.cluster.id != state.vm.cluster.id):
        if facts.rows.document("cluster", changes.cluster.id or "") is None:
            return refuse(not_found("cluster", changes.cluster.id or "", "cluster"))
        if state.status in RUNNING_STATUSES:
            return refuse(not_legal(state, "move to another cluster", "down"))
    if changes.name is not None and changes.name != state.vm.name:
        claim = NameClaim(kind="vm", name=changes.name)
        reserve = Reserve(holder=asked.command_id, owner_id=state.id, names=(claim,))
        return Decision(effects=(Tell(address=RESERVATIONS, message=reserve, token=f"reserve:{asked.command_id}"),))
    return apply_update(state, asked, changes, facts)


def apply_update(state: VmState, asked: Commanded, changes: Vm, facts: Facts) -> Decision:
    """The update itself, once a new name is held."""
    accepted = Accepted(kind="vm", id=state.id, command_id=asked.command_id)
    running = state.status in RUNNING_STATUSES
    now_changes = attrs.evolve(changes, **dict.fromkeys(DEFERRED)) if running else changes
    vm = merge(state.vm, now_changes)
    later = merge(merge(state.next_run or state.vm, now_changes), changes) if running else None
    next_run = later if later is not None and later != vm else None
    if vm == state.vm and next_run == state.next_run:
        return Decision(reply=accepted)
    audit = line("vm_updated", f"VM {vm.name} configuration was updated by {asked.principal.name}."
                 + (" Part of it waits for the next start." if next_run else ""), vm=state.id,
                 user=asked.principal.user_id)  # fmt: skip
    return Decision(
        events=(events.VmUpdated(at=facts.now, vm=vm, next_run=next_run),),
        audit=(audit,),
        reply=accepted,
        store_outcome=True,
    )


def update_reserved(state: VmState, asked: Commanded, answer: Tagged, facts: Facts) -> Decision:
    """A new name is held, or is not to be had."""
    if isinstance(answer, Refusal):
        return refuse(answer)
    assert isinstance(asked.command, commands.UpdateVm)
    document = asked.command.document
    assert isinstance(document, Vm)
    changes = attrs.evolve(document, id=None, nics=None, disk_attachments=None, template=None)
    decision = apply_update(state, asked, changes, facts)
    return _released(decision, asked)


def change_nics(state: VmState, asked: Commanded, facts: Facts) -> Decision:
    """Add, update or remove a NIC of a VM that is down. A new MAC address is reserved first."""
    refusal = busy(state, facts, "change the NICs of")
    if refusal:
        return refuse(refusal)
    if state.status != "down":
        remedy = "Shut it down first; hot plug is not part of this release."
        return refuse(not_legal(state, "change the NICs of", "down", remedy))
    wanted = _wanted_nic(state, asked, facts)
    if isinstance(wanted, Refusal):
        return refuse(wanted)
    if wanted is None:
        nics = tuple(nic for nic in state.vm.nics or () if nic.id != asked.command.id)  # type: ignore[attr-defined]
        return _nics_changed(state, asked, nics, asked.command.id, facts)  # type: ignore[attr-defined]
    mac = (wanted.mac.address if wanted.mac else "") or ""
    reserve = Reserve(holder=asked.command_id, owner_id=state.id, macs=(mac,))
    return Decision(effects=(Tell(address=RESERVATIONS, message=reserve, token=f"reserve:{asked.command_id}"),))


def nics_reserved(state: VmState, asked: Commanded, answer: Tagged, facts: Facts) -> Decision:
    """The MAC address is held."""
    if isinstance(answer, Refusal):
        return refuse(answer)
    assert isinstance(answer, Reserved)
    wanted = _wanted_nic(state, asked, facts)
    if isinstance(wanted, Refusal) or wanted is None:
        late = wanted or not_legal(state, "change the NICs of", "down")
        return _released(Decision(reply=late), asked)
    made = attrs.evolve(wanted, mac=Mac(address=answer.macs[0]))
    known = [nic.id for nic in state.vm.nics or ()]
    if made.id in known:
        nics = tuple(made if nic.id == made.id else nic for nic in state.vm.nics or ())
    else:
        nics = (*(state.vm.nics or ()), made)
    return _released(_nics_changed(state, asked, nics, made.id or "", facts), asked)


def _wanted_nic(state: VmState, asked: Commanded, facts: Facts) -> Nic | Refusal | None:
    """The NIC as asked for; None when it is to be removed."""
    command: Any = asked.command
    others = tuple(nic for nic in state.vm.nics or () if nic.id != command.id)
    known = next((nic for nic in state.vm.nics or () if nic.id == command.id), None)
    if isinstance(command, commands.AddNic):
        assert isinstance(command.document, Nic)
        fresh = attrs.evolve(writable(command.document), id=asked.command_id)
        return nic_of(state.id, asked.command_id, fresh, others, facts)
    if known is None:
        return bad_input(f"VM {state.name} has no NIC with id {command.id!r}.", "id", status=404, code="not_found")
    if isinstance(command, commands.RemoveNic):
        return None
    assert isinstance(command.document, Nic)
    merged = merge(known, attrs.evolve(command.document, id=None))
    made = nic_of(state.id, asked.command_id, merged, others, facts)
    return made if isinstance(made, Refusal) else attrs.evolve(made, id=known.id, slot=known.slot)


def _nics_changed(state: VmState, asked: Commanded, nics: tuple[Nic, ...], nic_id: str, facts: Facts) -> Decision:
    text = f"The network interfaces of VM {state.name} were changed by {asked.principal.name}."
    return Decision(
        events=(events.VmNicsChanged(at=facts.now, nics=nics),),
        audit=(line("vm_nic_changed", text, vm=state.id, user=asked.principal.user_id),),
        reply=Accepted(kind="nic", id=nic_id, command_id=asked.command_id),
        store_outcome=True,
    )


def _released(decision: Decision, asked: Commanded) -> Decision:
    release = Tell(address=RESERVATIONS, message=ReleaseReservation(holder=asked.command_id))
    return attrs.evolve(decision, effects=(*decision.effects, release))
