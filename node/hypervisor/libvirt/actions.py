"""What is done to one running domain. Every function runs in a thread with a connection."""

from __future__ import annotations

import datetime

import libvirt

from node.domain_xml.live import graphics_with_ticket, live_domain
from node.hypervisor.libvirt.domains import lookup, seen
from node.hypervisor.libvirt.errors import is_absent, is_lost
from protocol.errors import NotFound, NotLegal


def absent(vm_id: str) -> NotFound:
    return NotFound(f"VM {vm_id} is not running on this host.", entity=vm_id)


def domain_of(connection: libvirt.virConnect, vm_id: str) -> libvirt.virDomain:
    """The VM's active domain. Raises `NotFound`."""
    domain = lookup(connection, vm_id)
    if domain is None or seen(domain, 0) is None:
        raise absent(vm_id)
    return domain


def shutdown(connection: libvirt.virConnect, vm_id: str, *, by_acpi: bool) -> None:
    flags = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN if by_acpi else 0
    domain_of(connection, vm_id).shutdownFlags(flags)


def reboot(connection: libvirt.virConnect, vm_id: str, *, by_acpi: bool) -> None:
    domain_of(connection, vm_id).reboot(libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN if by_acpi else 0)


def reset(connection: libvirt.virConnect, vm_id: str) -> None:
    domain_of(connection, vm_id).reset()


def destroy(connection: libvirt.virConnect, vm_id: str) -> None:
    """Ends QEMU; libvirt kills what does not end when asked and returns when it is gone."""
    try:
        domain_of(connection, vm_id).destroy()
    except NotFound:
        return
    except libvirt.libvirtError as error:
        if not is_absent(error):
            raise


def pause(connection: libvirt.virConnect, vm_id: str) -> None:
    domain = domain_of(connection, vm_id)
    if domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED:
        domain.suspend()


def resume(connection: libvirt.virConnect, vm_id: str) -> None:
    domain = domain_of(connection, vm_id)
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()


def save(connection: libvirt.virConnect, vm_id: str, path: str) -> None:
    """libvirt marks the file whole at the very end and removes it when it fails. Saved already: done."""
    try:
        domain_of(connection, vm_id).saveFlags(path, None, 0)
    except NotFound as gone:
        try:
            saved_document(connection, vm_id, path)
        except NotFound:
            raise gone from None


def saved_document(connection: libvirt.virConnect, vm_id: str, path: str) -> str:
    """The domain's document in a file of `save`. Raises `NotFound` when there is no whole file of this VM."""
    try:
        saved = str(connection.saveImageGetXMLDesc(path, libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE))
    except libvirt.libvirtError as error:
        if is_lost(error):
            raise
        raise NotFound(
            f"There is no saved state of VM {vm_id} at {path}: {error.get_error_message()}.", entity=vm_id
        ) from None
    if live_domain(saved).vm_id != vm_id:
        raise NotFound(f"The saved state at {path} belongs to another VM, not to {vm_id}.", entity=vm_id)
    return saved


def set_ticket(connection: libvirt.virConnect, vm_id: str, value: str, valid_to: datetime.datetime) -> None:
    domain = domain_of(connection, vm_id)
    graphics = graphics_with_ticket(
        domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE), value, valid_to.strftime("%Y-%m-%dT%H:%M:%S")
    )
    if graphics is None:
        raise NotLegal(f"VM {vm_id} has no display.", entity=vm_id)
    domain.updateDeviceFlags(graphics, libvirt.VIR_DOMAIN_AFFECT_LIVE)
