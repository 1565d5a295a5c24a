"""The whole configuration of a VM that is added: what was asked for over what the template has over the defaults.

Pure.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.messages import CommandRequest
from actors.entity.references import missing_reference
from actors.entity.refusals import not_ready
from actors.vm.configure import checks, memory, nics
from actors.vm.domain_spec import DEFAULT_MEMORY_BYTES, topology_of
from actors.vm.facts import VmDecisionFacts
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.model import Cpu, CpuTopology
from protocol.merge import merge, writable
from protocol.network.model import Nic
from protocol.template.model import Template
from protocol.vm.commands import AddVm
from protocol.vm.model import BLANK_TEMPLATE_ID, Boot, OperatingSystem, Vm

BLANK: Final = BLANK_TEMPLATE_ID

FROM_TEMPLATE: Final = (
    "memory", "memory_policy", "cpu", "os", "bios", "display", "console", "time_zone", "type", "high_availability",
    "stateless",
)  # fmt: skip
"""What a VM takes over from its template when it says nothing of it."""


def complete(vm_id: str, request: CommandRequest, facts: VmDecisionFacts) -> Vm | Refusal:
    """The whole configuration of a new VM: what was asked for over what the template has over the defaults."""
    assert isinstance(request.command, AddVm)
    document = request.command.document
    assert isinstance(document, Vm)
    if refusal := checks.vm(document, adding=True) or missing_reference(facts.rows, document):
        return refusal
    template = template_of(document, facts)
    if isinstance(template, Refusal):
        return template
    made_nics = _nics_of(vm_id, request, document, template, facts)
    if isinstance(made_nics, Refusal):
        return made_nics
    base = Vm(**{name: getattr(template, name) for name in FROM_TEMPLATE})
    vm = merge(base, writable(attrs.evolve(document, nics=None, disk_attachments=None)))
    vm = memory.settled(vm, document, template.memory)
    if refusal := memory.refusal(vm) or checks.cpu(vm):
        return refusal
    made_from = Ref(id=template.id)
    return attrs.evolve(
        _with_defaults(vm),
        id=vm_id,
        template=made_from,
        original_template=made_from,
        origin="corral",
        creation_time=facts.now,
        nics=made_nics,
        disk_attachments=(),
    )


def template_of(document: Vm, facts: VmDecisionFacts) -> Template | Refusal:
    """The template that was named, which is there, or Blank; it must be finished."""
    template = facts.rows.get(Template, (document.template.id if document.template else None) or BLANK)
    assert isinstance(template, Template)
    if template.status != "ok":
        return not_ready("template", template, "use", "ok", "Wait until it is ok.", field="template")
    return template


def _nics_of(
    vm_id: str, request: CommandRequest, document: Vm, template: Template, facts: VmDecisionFacts
) -> tuple[Nic, ...] | Refusal:
    """The NICs that were request for, or those of the template with MAC addresses of their own."""
    wanted = document.nics
    if wanted is None:
        wanted = tuple(attrs.evolve(nic, mac=None) for nic in template.nics or ())
    made: tuple[Nic, ...] = ()
    for index, nic in enumerate(wanted):
        resolved = nics.resolved(vm_id, request.command_id, nic, made, facts, index)
        if isinstance(resolved, Refusal):
            return resolved
        made = (*made, resolved)
    return made


def _with_defaults(vm: Vm) -> Vm:
    """What neither the document nor the template says."""
    sockets, cores, threads = topology_of(vm)
    cpu, system = vm.cpu or Cpu(), vm.os or OperatingSystem()
    return attrs.evolve(
        vm,
        type=vm.type or "server",
        memory=vm.memory or DEFAULT_MEMORY_BYTES,
        cpu=attrs.evolve(
            cpu,
            architecture=cpu.architecture or "x86_64",
            topology=CpuTopology(sockets=sockets, cores=cores, threads=threads),
        ),
        os=attrs.evolve(system, type=system.type or "other", boot=system.boot or Boot(devices=("hd",))),
        stateless=bool(vm.stateless),
        delete_protected=bool(vm.delete_protected),
    )
