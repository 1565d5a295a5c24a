"""Translates libvirt's errors into ours, all in this file."""

from __future__ import annotations

import libvirt

from protocol.errors import BadInput, Busy, Conflict, CorralError, HostFailed, NotFound, NotLegal, Unavailable

_lost = {
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_AUTH_FAILED,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE,
}
_connection_domains = {libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_STREAMS}
_bad_document = {
    libvirt.VIR_ERR_XML_ERROR,
    libvirt.VIR_ERR_XML_DETAIL,
    libvirt.VIR_ERR_XML_INVALID_SCHEMA,
    libvirt.VIR_ERR_INVALID_ARG,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
}
_unsupported = {
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
}
_remedies = (
    (
        "cannot set up guest memory",
        "The host does not have enough memory: give the VM less, or start it on another host.",
    ),
    ("cannot allocate memory", "The host does not have enough memory: give the VM less, or start it on another host."),
    ('failed to get "write" lock', "Another QEMU uses the disk: stop it first."),
    ("no such file or directory", "Check that the storage domain is active on this host and the disk exists."),
    ("permission denied", "QEMU's user must be able to open the file."),
    ("no space left on device", "Free space on the storage domain or extend it."),
    ("read-only file system", "Mount the storage domain writable."),
    ("cannot get interface mtu", "Create the bridge on this host, or use another network."),
    ("failed to create tap device", "The host cannot create a tap device: check /dev/net/tun and its bridges."),
    ("failed to connect socket", "Start libvirtd on this host."),
)


def is_lost(error: libvirt.libvirtError) -> bool:
    """Whether the connection, not the operation, failed."""
    code, domain = error.get_error_code(), error.get_error_domain()
    if code in _lost:
        return True
    if domain in _connection_domains and code in (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR):
        return True
    return code == libvirt.VIR_ERR_INTERNAL_ERROR and "client socket is closed" in str(error)


def is_absent(error: libvirt.libvirtError) -> bool:
    """Whether it says that there is no such domain (any more)."""
    code = error.get_error_code()
    return code == libvirt.VIR_ERR_NO_DOMAIN or (
        code == libvirt.VIR_ERR_OPERATION_INVALID and "domain is not running" in str(error)
    )


def mapped(error: libvirt.libvirtError, *, doing: str, entity: str = "") -> CorralError:
    """Our error for one of libvirt's, with what was being done and what may help."""
    code = error.get_error_code()
    text = (error.get_error_message() or str(error)).strip()
    reason = f"libvirt could not {doing}: {text}" + ("" if text.endswith(".") else ".")
    lower = text.lower()
    remedy = next((remedy for fragment, remedy in _remedies if fragment in lower), "")
    if is_lost(error):
        return Unavailable(reason, remedy=remedy or "Start libvirtd on this host.", entity=entity)
    if is_absent(error):
        return NotFound(f"VM {entity} is not running on this host.", entity=entity)
    if code in (libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_RESOURCE_BUSY):
        return Busy(reason, remedy="Try again when the running operation has finished.", entity=entity)
    if code == libvirt.VIR_ERR_DOM_EXIST:
        return Conflict(reason, entity=entity)
    if code in _unsupported:
        return NotLegal(reason, remedy="This hypervisor does not support it.", entity=entity)
    if code == libvirt.VIR_ERR_OPERATION_INVALID:
        return NotLegal(reason, entity=entity)
    if code in _bad_document:
        return BadInput(reason, remedy=remedy or "Change the VM's configuration.", entity=entity)
    return HostFailed(reason, remedy=remedy or "See the logs of QEMU and libvirt on the host.", entity=entity)
