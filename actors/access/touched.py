"""What a command touches: the objects that its giver must be allowed to touch, each with all that it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from actors.entity.rows import Rows
from protocol.attributes import attributes
from protocol.command import Add, Command
from protocol.document import Document, Ref, about
from protocol.inventory.assignment_commands import OfAssignment
from protocol.merge import given
from protocol.parents import parents_of
from protocol.references import KIND_OF, references_in
from protocol.registry import BY_CLASS, BY_KIND, RESOURCES
from protocol.resource import below, commands_of

_PARENT_KINDS: Final[Mapping[type[Command], str]] = {
    command: resource.kind for resource in RESOURCES for sub in below(resource) for command in commands_of(sub)
}


@attrs.frozen
class Touched:
    """An object, and the chain of objects that it lies in: what is permitted there is permitted here."""

    kind: str
    id: str
    scopes: tuple[tuple[str, str], ...] = ()


def touched(command: Command, kind: str, id: str, rows: Rows) -> tuple[Touched, ...]:
    """`kind` and `id` are of the object that the command is about: for an *add* there is none yet, and what it touches
    is what it lies in and refers to. A command on a part of an object touches the object, one on a disk's attachment the
    disk as well, one on an assignment both sides; each touches what its documents refer to."""
    found: dict[tuple[str, str], None] = {}
    if isinstance(command, OfAssignment):
        found[command.holder, command.parent_id] = found[command.relation, command.id] = None
        return tuple(Touched(*each, _scopes_of(*each, rows)) for each in found)
    if id and not isinstance(command, Add):
        found[kind, id] = None
    if command.parent_id and (above := _PARENT_KINDS.get(type(command))):
        found[above, command.parent_id] = None
        found.update(dict.fromkeys(_behind(above, command, rows)))
    found.update(dict.fromkeys(_meant_by(command)))
    for _, _, document in given(command):
        if not isinstance(document, Document):
            continue
        for path, reference in references_in(document):
            if reference.id and path.writable:
                found[path.kind, reference.id] = None
        found.update(dict.fromkeys(_held(document)))
    return tuple(Touched(*each, _scopes_of(*each, rows)) for each in found)


def _meant_by(command: Command) -> Iterator[tuple[str, str]]:
    """What its parameters refer to, such as the host of an action."""
    for field in attrs.fields(type(command)):
        value, refers = getattr(command, field.name), about(field).refers
        if isinstance(value, Ref) and value.id and refers:
            yield KIND_OF[refers], value.id


def _behind(kind: str, command: Command, rows: Rows) -> Iterator[tuple[str, str]]:
    """The object that a part stands for, if it does: an attachment bears the id of its disk."""
    whole = rows.document(kind, command.parent_id)
    for sub in BY_KIND[kind].sub if command.id else ():
        for part in getattr(whole, sub.attribute, None) or () if sub.source == "nested" else ():
            if part.id == command.id:
                yield from (each for each in _held(part) if each[1] == command.id)


def _held(document: object) -> Iterator[tuple[str, str]]:
    """Objects that are there already and stand whole in a document, as the disk in an attachment."""
    for attribute in attributes(type(document)):
        value = getattr(document, attribute.name)
        for item in (value or ()) if attribute.many else (value,):
            if attribute.type in BY_CLASS and item is not None and item.id:
                yield BY_CLASS[attribute.type].kind, item.id
            elif attrs.has(type(item)) and not isinstance(item, Ref):
                yield from _held(item)


def _scopes_of(kind: str, id: str, rows: Rows) -> tuple[tuple[str, str], ...]:
    return tuple(parents_of(kind, rows.document(kind, id), rows.document))
