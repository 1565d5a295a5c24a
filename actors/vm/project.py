"""The public document of a VM: oVirt's attributes from the state."""

from __future__ import annotations

import attrs

from actors.vm.state import VmState
from protocol.api import version_of
from protocol.document import Ref, ref
from protocol.network.model import Ip, Mac, ReportedDevice
from protocol.node.reports import GuestReport
from protocol.vm.model import Application, GraphicsConsole, GuestOperatingSystem, Kernel, Session, TimeZone, Vm

VNC_CONSOLE_ID = "766e63"  # "vnc" in hexadecimal, as oVirt names it


def project(state: VmState) -> Vm:
    """The document that readers get."""
    vm = attrs.evolve(
        state.vm,
        status=state.status,
        status_detail=(state.pause_reason or None) if state.status == "paused" else None,
        host=ref(state.host_id),
        stop_reason=state.stop_reason or None,
        start_time=state.started_at,
        stop_time=state.stopped_at,
        run_once=state.run_once,
        next_run_configuration_exists=state.next_run is not None,
        guest_report_stale_since=state.guest_silent_since,
        task=state.operation.kind if state.operation else None,
        job=ref(state.operation.id) if state.operation else None,
        copies=tuple(Ref(id=each.host_id) for each in state.copies if not each.is_disregarded),
        pending_steps=len(state.side_steps) or None,
        graphics_consoles=(GraphicsConsole(id=VNC_CONSOLE_ID, protocol="vnc", vm=Ref(id=state.id)),)
        if state.vm.display is None or state.vm.display.type != "none"
        else (),
        reported_devices=(),
        applications=(),
        sessions=(),
    )
    return _with_guest(vm, state.guest, state.id) if state.guest else vm


def _with_guest(vm: Vm, report: GuestReport, vm_id: str) -> Vm:
    devices = tuple(
        ReportedDevice(
            id=stable_id(address.interface),
            name=address.interface,
            type="network",
            mac=Mac(address=address.mac),
            ips=tuple(Ip(address=one, version="v6" if ":" in one else "v4") for one in address.addresses),
            vm=Ref(id=vm_id),
        )
        for address in report.addresses
    )
    by_mac = {device.mac.address.lower(): device for device in devices if device.mac and device.mac.address}
    nics = tuple(
        attrs.evolve(nic, reported_devices=(by_mac[nic.mac.address.lower()],))
        if nic.mac and nic.mac.address and nic.mac.address.lower() in by_mac
        else nic
        for nic in vm.nics or ()
    )
    return attrs.evolve(
        vm,
        nics=nics,
        fqdn=report.fqdn or None,
        guest_operating_system=GuestOperatingSystem(
            architecture=report.architecture or None,
            codename=report.os_codename or None,
            distribution=report.os_distribution or None,
            family=report.os_family or None,
            kernel=Kernel(version=version_of(report.kernel)) if report.kernel else None,
            version=version_of(report.os_version) if report.os_version else None,
        ),
        guest_time_zone=TimeZone(name=report.time_zone or None, utc_offset=report.utc_offset or None),
        reported_devices=devices,
        applications=tuple(
            Application(id=stable_id(name), name=name, vm=Ref(id=vm_id)) for name in report.applications
        ),
        sessions=tuple(
            Session(
                id=stable_id(session.user), user=Ref(name=session.user), console_user=session.console, vm=Ref(id=vm_id)
            )
            for session in report.sessions
        ),
    )


def stable_id(name: str) -> str:
    """An id for what has only a name: its hexadecimal, as oVirt does for devices and applications."""
    return name.encode().hex()
