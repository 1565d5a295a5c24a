"""Documents with one attribute set, made from the registry: what the walks over all attributes send.

A value differs from the default; where the registry cannot tell one, `VALUES` does.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from protocol.attributes import Attribute, WritableAttribute
from protocol.document import Ref
from protocol.registry import RESOURCES
from protocol.resource import below

VALUES: Final[dict[str, Any]] = {
    "os.type": "windows_2022",
    "os.boot.devices": ("network",),
    "bios.type": "q35_ovmf",
    "os.kernel": "/boot/other",
    "os.initrd": "/boot/other-initrd",
    "cpu.type": "Westmere",
    "cpu.mode": "host_model",
    "memory": 512 * 1024**2,
    "memory_policy.guaranteed": 64 * 1024**2,
    "memory_policy.max": 16 * 1024**3,
    "time_zone.name": "Europe/Berlin",
    "mac.address": "56:6f:aa:bb:cc:02",
    "provisioned_size": 3 * 1024**3,
    "disk.provisioned_size": 3 * 1024**3,
    "storage.path": "/srv/elsewhere",
    "mtu": 9000,
    "code": 4711,
    "custom_id": 4711,
}


def body(path: tuple[Attribute, ...], value: Any) -> dict[str, Any]:
    """The JSON document in which this one attribute is set."""
    written: Any = value
    if path[-1].many:
        item = path[-1].about.item or ("host" if path[-1].about.refers == "Host" else path[-1].xml.rstrip("s"))
        if path[-1].about.refers == "StorageDomain":
            item = "storage_domain"
        written = {item: list(value)}
    for attribute in reversed(path):
        written = {attribute.xml: written}
    return dict(written)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    made = dict(base)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(made.get(name), dict)
        made[name] = merged(made[name], value) if both else value
    return made


def other_value(written: WritableAttribute, now: Any = None) -> Any:
    """A value that is served (or would be) and is neither the default nor `now`."""
    last, mark = written.last, written.effect
    taken = [now, *(mark.accepted if mark else ())]
    if (known := VALUES.get(written.dotted)) is not None and known not in taken:
        return known
    about = last.about
    served = [choice for choice in about.choices if choice not in about.later]
    if last.many:
        return next((each,) for each in served if (each,) not in taken)
    if served:
        return next(each for each in served if each not in taken)
    if last.type is bool:
        return not (taken[-1] if taken[-1] is not None else False)
    if last.type is int:
        return next(each for each in (about.minimum or 0, 1, 2, 3) if each not in taken and each)
    if last.type is str:
        return "other"
    assert attrs.has(last.type), written.dotted
    assert last.type is not Ref, written.dotted
    return {"major": 3} if last.type.__name__ == "Version" else {"cores": 2}


def written_classes() -> dict[type[Any], tuple[str, ...]]:
    """Every class of documents that a client may send, and whether it adds or updates."""
    found: dict[type[Any], tuple[str, ...]] = {}
    for resource in RESOURCES:
        for owner, cls in ((resource, resource.cls), *((sub, sub.item) for sub in below(resource))):
            roles = tuple(role for role in ("add", "update") if getattr(owner, role) is not None)
            if roles:
                found[cls] = roles
    return found
