"""Which entities refer to which, by the registry: what a document points to, and who points to an object. Read-only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from actors.entity.checks import invalid
from actors.entity.rows import REFERENCES, Rows
from protocol.errors import Refusal
from protocol.model.types import Document, Ref
from protocol.registry import BY_KIND, RESOURCES, attributes

KIND_OF: Final[dict[str, str]] = {resource.cls.__name__: resource.kind for resource in RESOURCES}
"""Kind by the class name that `refers` gives."""

OWNED: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "data_center": (("network", "data_center"),),
    "network": (("vnic_profile", "network"),),
}
"""What goes along when its owner goes, as (kind, attribute), unless something else needs it."""


def references(document: Document) -> Iterator[tuple[str, str, Ref]]:
    """(attribute, kind, reference) for each single reference that is set."""
    for attribute in attributes(type(document)):
        value = getattr(document, attribute.name)
        kind = KIND_OF.get(attribute.about.refers)
        if kind is not None and isinstance(value, Ref):
            yield attribute.name, kind, value


def missing_reference(rows: Rows, document: Document) -> Refusal | None:
    """The first reference that points to nothing."""
    for name, kind, reference in references(document):
        if not reference.id:
            return invalid(name, f"The {kind.replace('_', ' ')} is not given by id.", f"Give the id of `{name}`.")
        if rows.document(kind, reference.id) is None:
            return invalid(
                name,
                f"There is no {kind.replace('_', ' ')} {reference.id}.",
                "Look at the list of them.",
                code="not_found",
            )
    return None


def owned(rows: Rows, kind: str, id: str) -> list[tuple[str, str]]:
    """(kind, id) of all that goes along with an object, itself last."""
    found: list[tuple[str, str]] = []
    for other, attribute in OWNED.get(kind, ()):
        for other_id in rows.referring(other, attribute, id):
            found += owned(rows, other, other_id)
    return [*found, (kind, id)]


def referrers(rows: Rows, kind: str, id: str, going: frozenset[tuple[str, str]]) -> list[str]:
    """`vm web-1`, ...: who points to the object and does not go along with it."""
    found = []
    for other, attribute_names in REFERENCES.items():
        for attribute in attributes(BY_KIND[other].cls):
            if attribute.name in attribute_names and KIND_OF.get(attribute.about.refers) == kind:
                ids = rows.referring(other, attribute.name, id)
                found += [_label(rows, other, other_id) for other_id in ids if (other, other_id) not in going]
    if kind == "vnic_profile":
        found += _with_nics_on(rows, id)
    return sorted(found)


def _with_nics_on(rows: Rows, profile_id: str) -> list[str]:
    """NICs are nested, so they are looked for one by one: removing a profile is rare."""
    return [
        _label(rows, kind, document.id)
        for kind in ("vm", "template")
        for document in rows.documents(kind)
        if any(nic.vnic_profile is not None and nic.vnic_profile.id == profile_id for nic in document.nics or ())
    ]


def _label(rows: Rows, kind: str, id: str) -> str:
    document: Any = rows.document(kind, id)
    return f"{kind.replace('_', ' ')} {getattr(document, 'name', None) or id}"
