"""What a VM's and a NIC's documents must satisfy beside what the registry says, whoever sent them."""

from __future__ import annotations

import re
from typing import Final

from actors.entity.checks import plain_name, required, time_zone, values
from actors.vm.configure import memory
from protocol import limits
from protocol.errors import Refusal
from protocol.network.model import Nic
from protocol.refusals import invalid
from protocol.vm.model import Vm

_cpu_model: Final = re.compile(r"[A-Za-z0-9][\w.\-]*")
_mac: Final = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def vm(document: Vm, *, adding: bool) -> Refusal | None:
    """A name, sane memory and CPUs, values out of their choices."""
    if adding and (refusal := required(document, "VM")):
        return refusal
    if document.name is not None and (refusal := plain_name("VM", document.name)):
        return refusal
    if refusal := values(document) or time_zone(document.time_zone):
        return refusal
    if refusal := memory.refusal(document):
        return refusal
    topology = document.cpu.topology if document.cpu else None
    if topology:
        count = (topology.sockets or 1) * (topology.cores or 1) * (topology.threads or 1)
        if count > limits.vm_vcpus_max:
            reason = f"{count} virtual CPUs are more than {limits.vm_vcpus_max}."
            return invalid("cpu.topology", reason, "Use fewer sockets, cores or threads.")
    return next((refusal for each in document.nics or () if (refusal := nic(each))), None)


def cpu(whole: Vm) -> Refusal | None:
    """A custom CPU names its model, and only a custom one does. `whole`: the configuration with the changes in it."""
    mode, model = (whole.cpu.mode, whole.cpu.type) if whole.cpu else (None, None)
    if model and not _cpu_model.fullmatch(model):
        return invalid("cpu.type", f"{model[:80]!r} is no CPU model.", "Name one as libvirt does, like Westmere.")
    if mode == "custom" and not model:
        return invalid("cpu.type", "The CPU mode custom needs a model.", "Name one as libvirt does, like Westmere.")
    if model and mode not in (None, "custom"):
        return invalid("cpu.mode", f"The CPU mode {mode} takes no model.", "Use custom, or empty cpu.type.")
    return None


def nic(document: Nic) -> Refusal | None:
    """A name and, when given, a unicast MAC address."""
    if refusal := required(document, "NIC"):
        return refusal
    address = document.mac.address if document.mac else None
    if address:
        if not _mac.fullmatch(address):
            return invalid("mac.address", f"{address!r} is no MAC address.", "Write six octets like 56:6f:1a:2b:00:01.")
        if int(address[:2], 16) & 1:
            return invalid("mac.address", f"{address} is a multicast address.", "The first octet must be even.")
    return values(document)
