"""Adding a VM: check, claim its name and MAC addresses, make it durable, have its template's disks made.

Decides; it must not perform.
"""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin_for, with_step
from actors.reservations.messages import Reserved
from actors.storage.messages import ProvideDisk
from actors.vm.claims import claim, released
from actors.vm.disk_step import VmAddData
from actors.vm.facts import VmDecisionFacts
from actors.vm.new_vm import complete, template_of
from actors.vm.template_disks import disks_of, provide
from protocol.audit import line
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events.operation import Operation
from protocol.events.vm import VmAdded
from protocol.model.network import Mac
from protocol.model.vm import Template, Vm


def add(vm_id: str, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Checks the document and asks for its name and MAC addresses; the answer decides."""
    made = complete(vm_id, request, facts)
    if isinstance(made, Refusal):
        return refuse(made)
    macs = tuple((nic.mac.address if nic.mac else "") or "" for nic in made.nics or ())
    return claim(request, vm_id, name=made.name or "", macs=macs)


def reserved(vm_id: str, request: CommandRequest, answer: Reserved | Refusal, facts: VmDecisionFacts) -> Decision:
    """Name and MACs are held: the VM becomes durable, and its template's disks are made."""
    if isinstance(answer, Refusal):
        return refuse(answer)
    vm = complete(vm_id, request, facts)
    if isinstance(vm, Refusal):
        return released(refuse(vm), request)
    template = template_of(vm, facts)
    assert isinstance(template, Template)
    attachments, provided = disks_of(vm, request, template, facts)
    vm = attrs.evolve(
        vm,
        nics=tuple(
            attrs.evolve(nic, mac=Mac(address=mac)) for nic, mac in zip(vm.nics or (), answer.macs, strict=True)
        ),
        disk_attachments=attachments,
    )
    audit = line("vm_added", f"VM {vm.name} was created by {request.principal.name}.", vm=vm_id,
                 user=request.principal.user_id, cluster=vm.cluster.id if vm.cluster else None)  # fmt: skip
    operation = _begin(vm, request, template, provided, facts) if provided else None
    decision = Decision(
        events=(VmAdded(at=facts.now, vm=vm, operation=operation),),
        audit=(audit,),
        reply=Accepted(kind="vm", id=vm_id, command_id=request.command_id, job_id=operation.id if operation else ""),
        store_outcome=True,
        effects=(provide(provided[0]),) if provided else (),
    )
    return released(decision, request)


def _begin(
    vm: Vm, request: CommandRequest, template: Template, provided: tuple[ProvideDisk, ...], facts: VmDecisionFacts
) -> Operation:
    operation = begin_for(request, "add", f"Creating VM {vm.name} from template {template.name}", facts.now)
    operation = attrs.evolve(operation, data=VmAddData(disks=provided))
    return with_step(operation, f"vm/{vm.id}", f"Create disk {provided[0].disk.name}", facts.now)
