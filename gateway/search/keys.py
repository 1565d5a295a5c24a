"""The search keys of each kind, and how to read their values.

Keys come from the registry (`About.search`); a few more reach into nested attributes, as oVirt's do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from gateway.documents.addresses import BY_TYPE_NAME
from protocol.attributes import Attribute, attributes
from protocol.document import Ref
from protocol.registry import BY_KIND, RESOURCES
from protocol.resource import Resource

_more: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "vm": {
        "ip": ("reported_devices", "ips", "address"),
        "mac": ("nics", "mac", "address"),
        "os": ("os", "type"),
        "mem": ("memory",),
        "cpus": ("cpu", "topology", "cores"),
        "architecture": ("cpu", "architecture"),
    },
    "host": {"hw_id": ("hardware_information", "uuid"), "mem": ("memory",), "architecture": ("cpu", "architecture")},
    "disk": {"disk_type": ("storage_type",), "size": ("provisioned_size",)},
    "network": {"description": ("description",)},
}
_everywhere: Final = {"id": ("id",), "comment": ("comment",), "description": ("description",), "name": ("name",)}
_other_names: Final = {
    "storage": "storage_domain", "storages": "storage_domain", "datacenter": "data_center", "dc": "data_center",
    "virtualmachine": "vm", "profile": "vnic_profile", "usr": "user",
}  # fmt: skip


@attrs.frozen
class Key:
    """How to get the values behind a key: a path of attributes; `reference` is set when they are references, `assigned`
    when they are objects of that kind which are assigned."""

    path: tuple[str, ...]
    type: type[Any]
    reference: str = ""  # the kind that they point to
    choices: tuple[str, ...] = ()
    assigned: str = ""


@functools.cache
def keys_of(kind: str) -> dict[str, Key]:
    """Every key of a kind that has no dot."""
    cls = BY_KIND[kind].cls
    known: dict[str, Key] = {}
    for attribute in attributes(cls):
        if attribute.about.search:
            known[attribute.about.search] = _key_of(attribute)
    for name, path in {**_everywhere, **_more.get(kind, {})}.items():
        found = _at(cls, path)
        if found is not None and name not in known:
            known[name] = attrs.evolve(_key_of(found), path=path)
    for resource in RESOURCES:
        if kind in resource.assigned_to:
            known[resource.kind] = Key((), str, assigned=resource.kind)
    return known


def _key_of(attribute: Attribute) -> Key:
    if attribute.type is Ref:
        target = BY_TYPE_NAME.get(attribute.about.refers)
        return Key((attribute.name,), str, target.kind if target else "")
    if attrs.has(attribute.type):
        return Key((attribute.name, "name"), str)
    return Key((attribute.name,), attribute.type, "", attribute.about.choices)


def _at(cls: type[Any], path: tuple[str, ...]) -> Attribute | None:
    found: Attribute | None = None
    for name in path:
        found = next((a for a in attributes(cls) if a.name == name), None)
        if found is None:
            return None
        cls = found.type
    return found


@functools.cache
def kind_named(word: str) -> str:
    """The kind that a prefix means: `Vms`, `vm`, `Clusters`, `storage`; "" when none."""
    plain = word.lower().replace("_", "")
    for resource in RESOURCES:
        if plain in (resource.rel, resource.kind.replace("_", ""), resource.rel.rstrip("s")):
            return resource.kind
    return _other_names.get(plain) or _other_names.get(plain.rstrip("s"), "")


@functools.cache
def references_between(kind: str, target: str) -> tuple[tuple[str, ...], ...]:
    """The shortest paths of references that lead from one kind to another (VM -> cluster -> data center)."""
    paths: list[tuple[tuple[str, ...], str]] = [((), kind)]
    for _ in range(3):
        longer = [((*path, step), to) for path, at in paths for step, to in _steps(at)]
        found = tuple(path for path, to in longer if to == target)
        if found:
            return found
        paths = longer
    return ()


@functools.cache
def _steps(kind: str) -> tuple[tuple[str, str], ...]:
    return tuple(_steps_of(BY_KIND[kind]))


def _steps_of(resource: Resource) -> Iterator[tuple[str, str]]:
    """References of a document and, written `a/b`, those of what is nested in it."""
    for attribute in attributes(resource.cls):
        target = BY_TYPE_NAME.get(attribute.about.refers) if attribute.about.refers else None
        if target is not None:
            yield attribute.name, target.kind
        elif attribute.many and attrs.has(attribute.type):
            for inner in attributes(attribute.type):
                nested = BY_TYPE_NAME.get(inner.about.refers) if inner.about.refers else None
                if nested is not None and nested is not resource:
                    yield f"{attribute.name}/{inner.name}", nested.kind


def values_at(document: Any, path: Iterable[str]) -> list[Any]:
    """Every value that a path reaches, through lists."""
    at = [document]
    for name in path:
        following: list[Any] = []
        for item in at:
            value = getattr(item, name, None)
            if isinstance(value, tuple):
                following.extend(value)
            elif value is not None:
                following.append(value)
        at = following
    return at
