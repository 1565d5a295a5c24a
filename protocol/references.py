"""The references in documents: every reference of a class, including nested and many-valued ones.

Derived once for each class from its attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

from protocol.attributes import Attribute, attributes
from protocol.document import Ref
from protocol.registry import BY_CLASS, BY_KIND, RESOURCES

KIND_OF: Final[dict[str, str]] = {resource.cls.__name__: resource.kind for resource in RESOURCES}
"""Kind by the class name that `About.refers` gives."""


@attrs.frozen
class ReferencePath:
    """One reference of a class. `holds`: the object that it points to cannot be removed while it does."""

    names: tuple[str, ...]
    kind: str
    writable: bool
    holds: bool

    @property
    def path(self) -> str:
        return ".".join(self.names)


_paths: dict[type[Any], tuple[ReferencePath, ...]] = {}


def reference_paths(cls: type[Any]) -> tuple[ReferencePath, ...]:
    """Every reference in documents of a class, to what is no mere history as jobs and events are."""
    found = _paths.get(cls)
    if found is None:
        found = _paths[cls] = tuple(_walk(cls, cls, ()))
    return found


def _walk(root: type[Any], cls: type[Any], above: tuple[str, ...]) -> Iterator[ReferencePath]:
    for attribute in attributes(cls):
        names, about = (*above, attribute.name), attribute.about
        kind = KIND_OF.get(about.refers)
        if attribute.type is Ref and kind is not None:
            is_owner = bool(above) and about.refers == root.__name__  # a NIC names the VM that it is part of
            if not is_owner and not BY_KIND[kind].history:
                yield ReferencePath(names, kind, not about.read_only, about.holds or not about.read_only)
        elif _is_nested(attribute) and not about.read_only:
            yield from _walk(root, attribute.type, names)


def _is_nested(attribute: Attribute) -> bool:
    cls = attribute.type
    return isinstance(cls, type) and attrs.has(cls) and cls is not Ref and cls not in BY_CLASS


def references_in(document: object) -> Iterator[tuple[ReferencePath, Ref]]:
    """Each reference that is set in a document."""
    for path in reference_paths(type(document)):
        for reference in _follow(document, path.names):
            yield path, reference


def _follow(value: object, names: tuple[str, ...]) -> Iterator[Ref]:
    if value is None:
        return
    if isinstance(value, tuple):
        for item in value:
            yield from _follow(item, names)
    elif names:
        yield from _follow(getattr(value, names[0]), names[1:])
    elif isinstance(value, Ref):
        yield value
