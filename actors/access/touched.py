"""What a command touches: the objects that its giver must be allowed to touch, each with all that it lies in."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from actors.entity.rows import Rows
from protocol.command import Add, Command, Update
from protocol.document import Ref
from protocol.inventory.assignment_commands import OfAssignment
from protocol.references import references_in
from protocol.registry import BY_KIND


@attrs.frozen
class Touched:
    """An object, and the chain of objects that it lies in: what is permitted there is permitted here."""

    kind: str
    id: str
    scopes: tuple[tuple[str, str], ...] = ()


def touched(command: Command, kind: str, id: str, rows: Rows) -> tuple[Touched, ...]:
    """`kind` and `id` are of the object that the command is about: for an *add* there is none yet, and what it touches
    is what it lies in and refers to. A command on a part of an object touches the object, one on an assignment both sides."""
    found: dict[tuple[str, str], None] = {}
    if isinstance(command, OfAssignment):
        found[command.holder, command.parent_id] = found[command.relation, command.id] = None
        return tuple(Touched(*each, tuple(scopes_of(*each, rows))) for each in found)
    if id and not isinstance(command, Add):
        found[kind, id] = None
    if command.parent_id and kind in BY_KIND:
        found[kind, command.parent_id] = None
    if isinstance(command, Add | Update):
        for path, reference in references_in(command.document):
            if reference.id and path.writable:
                found[path.kind, reference.id] = None
    return tuple(Touched(*each, tuple(scopes_of(*each, rows))) for each in found)


def scopes_of(kind: str, id: str, rows: Rows) -> Iterator[tuple[str, str]]:
    """What an object lies in, the nearest first: a VM in its cluster, that in its data center."""
    seen = {(kind, id)}
    while (resource := BY_KIND.get(kind)) is not None and resource.within:
        container = getattr(rows.document(kind, id), resource.within, None)
        if not isinstance(container, Ref) or not container.id:
            return
        kind, id = resource.within_kind, container.id
        if (kind, id) in seen:
            return
        seen.add((kind, id))
        yield kind, id
