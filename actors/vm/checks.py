"""What a VM's and a NIC's documents must satisfy, whoever sent them. Pure; names the field and the remedy."""

from __future__ import annotations

import re
from typing import Any

import attrs

from protocol import limits
from protocol.errors import Refusal
from protocol.model.network import Nic
from protocol.model.types import Ref, about
from protocol.model.vm import Vm

NAME = re.compile(r"[\w.\-+]+( [\w.\-+]+)*")
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def invalid(field: str, reason: str, remedy: str = "") -> Refusal:
    return Refusal(code="invalid", reason=reason, remedy=remedy, status=400, field=field)


def vm(document: Vm, *, adding: bool) -> Refusal | None:
    """A name, sane memory and CPUs, values out of their choices."""
    if adding and not document.name:
        return Refusal(
            code="missing_attribute", status=400, field="name", reason="A VM needs a name.", remedy="Give `name`."
        )
    if document.name is not None and (refusal := name("VM", document.name)):
        return refusal
    if adding and document.cluster is None:
        return Refusal(
            code="missing_attribute",
            status=400,
            field="cluster",
            reason="A VM needs a cluster.",
            remedy="Give `cluster`.",
        )
    refusal = values(document)
    if refusal:
        return refusal
    policy = document.memory_policy
    if policy and policy.guaranteed and document.memory and policy.guaranteed > document.memory:
        return invalid("memory_policy.guaranteed", "Guaranteed memory is more than the memory of the VM.")
    topology = document.cpu.topology if document.cpu else None
    if topology:
        count = (topology.sockets or 1) * (topology.cores or 1) * (topology.threads or 1)
        if count > limits.vm_vcpus_max:
            return invalid("cpu.topology", f"{count} virtual CPUs are more than {limits.vm_vcpus_max}.")
    for nic_document in document.nics or ():
        if refusal := nic(nic_document):
            return refusal
    return None


def nic(document: Nic) -> Refusal | None:
    """A name and, when given, a unicast MAC address."""
    if not document.name:
        return Refusal(
            code="missing_attribute", status=400, field="name", reason="A NIC needs a name.", remedy="Give `name`."
        )
    address = document.mac.address if document.mac else None
    if address:
        if not MAC.fullmatch(address):
            return invalid("mac.address", f"{address!r} is no MAC address.", "Write six octets like 56:6f:1a:2b:00:01.")
        if int(address[:2], 16) & 1:
            return invalid("mac.address", f"{address} is a multicast address.", "The first octet must be even.")
    return values(document)


def name(what: str, value: str) -> Refusal | None:
    """Printable, not too long, no leading or trailing space."""
    if len(value) > limits.name_characters_max or not NAME.fullmatch(value):
        return invalid(
            "name",
            f"{value[:80]!r} is no name for a {what}.",
            f"Use letters, digits, '.', '-', '_', '+' and single spaces, at most {limits.name_characters_max} characters.",
        )
    return None


def values(document: Any, path: str = "") -> Refusal | None:
    """Every set attribute is one of its choices and within its bounds, nested ones included."""
    for field in attrs.fields(type(document)):
        value = getattr(document, field.name)
        if value is None:
            continue
        known = about(field)
        where = f"{path}{field.name}"
        for item in value if isinstance(value, tuple) else (value,):
            if known.choices and isinstance(item, str) and item not in known.choices:
                return invalid(where, f"{item!r} is no {where}.", f"Choose one of {', '.join(known.choices)}.")
            if isinstance(item, int) and not isinstance(item, bool):
                if known.minimum is not None and item < known.minimum:
                    return invalid(where, f"{where} is {item}; the least is {known.minimum} {known.unit}.".rstrip())
                if known.maximum is not None and item > known.maximum:
                    return invalid(where, f"{where} is {item}; the most is {known.maximum} {known.unit}.".rstrip())
            if attrs.has(type(item)) and not isinstance(item, Ref) and (refusal := values(item, f"{where}.")):
                return refusal
    return None
