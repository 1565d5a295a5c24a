"""Who refers to whom, for every kind alike: what a document points to must be there, and what is pointed to must stay."""

from __future__ import annotations

from actors.entity.rows import Rows
from protocol.errors import Conflict, Refusal
from protocol.names import title_of
from protocol.references import reference_paths, references_in
from protocol.refusals import invalid, not_found
from protocol.registry import RESOURCES

USERS_SHOWN_MAX = 20


def missing_reference(rows: Rows, document: object) -> Refusal | None:
    """The first reference of a document, of those that a client may write, that points to nothing."""
    for path, reference in references_in(document):
        if not path.writable:
            continue
        if not reference.id:
            return invalid(
                path.path, f"The {title_of(path.kind)} is not given by id.", f"Give the id of `{path.path}`."
            )
        if rows.document(path.kind, reference.id) is None:
            return not_found(path.kind, reference.id, field=path.path)
    return None


def referrers(rows: Rows, kind: str, id: str, going: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
    """`VM web-1`, ...: who points to the object, so that it must stay, apart from those that go along with it."""
    found: dict[tuple[str, str], None] = {}
    for resource in RESOURCES:
        if resource.history:
            continue
        for path in reference_paths(resource.cls):
            if path.kind == kind and path.holds:
                found.update(((resource.kind, other), None) for other in rows.referring(resource.kind, path.path, id))
    return sorted(_label(rows, *each) for each in found if each not in going)


def in_use(
    rows: Rows, kind: str, id: str, what: str, going: frozenset[tuple[str, str]] = frozenset()
) -> Refusal | None:
    """The refusal to remove an object that others point to, each of them named."""
    users = referrers(rows, kind, id, going)
    if not users:
        return None
    return Conflict(
        f"{what} is in use.",
        remedy="Remove or change what uses it first.",
        entity=f"{kind}/{id}",
        reasons=tuple(f"It is used by {user}." for user in users[:USERS_SHOWN_MAX]),
    ).refusal


def _label(rows: Rows, kind: str, id: str) -> str:
    return f"{title_of(kind)} {rows.name_of(kind, id)}"
