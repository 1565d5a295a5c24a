"""Folds a host's events into its state, and projects the public document."""

from __future__ import annotations

import attrs

from actors.entity.transitions import ABSENT, status_after
from actors.host.state import HostState
from actors.host.transitions import TRANSITIONS
from protocol.api import version_of
from protocol.host import events
from protocol.host.model import HardwareInformation, Host, Spm
from protocol.inventory.model import Cpu, CpuTopology
from protocol.vm.model import OperatingSystem

RESERVED_BYTES = 512 * 1024 * 1024
"""Memory of the host that VMs never get."""


def evolve(state: HostState | None, event: events.HostEvent) -> HostState | None:
    """The state after `event`; None after the last one. Raises `IllegalTransition`."""
    status = status_after(TRANSITIONS, state.status if state is not None else ABSENT, event)
    if status == ABSENT:
        return None
    if state is None:
        assert isinstance(event, events.HostAdded)
        return HostState(host=event.host, status=status)
    state = attrs.evolve(state, status=status)
    match event:
        case events.HostUpdated():
            return attrs.evolve(state, host=event.host)
        case events.HostFactsChanged():
            return attrs.evolve(state, facts=event.facts)
        case events.HostLinkLost():
            return attrs.evolve(state, detail=event.reason)
        case events.HostCameUp() | events.HostLinked():
            return attrs.evolve(state, detail="")
    return state


def project(state: HostState) -> Host:
    """The document that readers get."""
    host = attrs.evolve(
        state.host,
        status=state.status,
        status_detail=state.detail or None,
        port=54321,
        type="rhel",
        spm=Spm(priority=(state.host.spm.priority if state.host.spm else None) or 5, status="none"),
    )
    facts = state.facts
    if facts is None:
        return host
    return attrs.evolve(
        host,
        version=version_of(facts.node_version),
        libvirt_version=version_of(facts.libvirt_version) if facts.libvirt_version else None,
        os=OperatingSystem(type=facts.os_name, version=version_of(facts.os_version), description=facts.kernel),
        cpu=Cpu(
            architecture="x86_64",
            name=facts.cpu_name,
            type=facts.cpu_model or None,
            topology=CpuTopology(sockets=facts.cpu_sockets, cores=facts.cpu_cores, threads=facts.cpu_threads),
        ),
        memory=facts.memory_bytes,
        max_scheduling_memory=max(0, facts.memory_bytes - RESERVED_BYTES),
        hardware_information=HardwareInformation(uuid=facts.hardware_uuid),
        virtualization=facts.virtualization,
        virtualization_reason=facts.virtualization_reason or None,
        simulated=facts.hypervisor == "simulated",
    )
