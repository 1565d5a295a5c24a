"""Refuses by name what this release does not support yet, before any actor sees the command. Pure.

An attribute with its default, or as the object has it already, asks for nothing: clients send back what they got.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from actors.entity.rows import Rows
from protocol.command import Command, Update
from protocol.document import About, Ref, TakesEffect, plain_text
from protocol.errors import NotSupportedYet, Refusal
from protocol.inventory.assignment_commands import OfAssignment
from protocol.merge import given
from protocol.registry import BY_KIND, RESOURCES
from protocol.resource import actions_below
from protocol.template.model import Template
from protocol.vm.commands import AddVm, StartVm
from protocol.vm.model import BLANK_TEMPLATE_ID, Vm

_nothing: Final[Mapping[str, TakesEffect]] = {}
_unmarked: Final = frozenset({"id", "parent_id", "kind"})
_actions: Final = {each.command: each for one in RESOURCES for each in actions_below(one) if each.not_yet}


def refused(command: Command, kind: str, rows: Rows) -> Refusal | None:
    """What of a command, its parameters and its documents this release does not do."""
    action = _actions.get(type(command))
    if action is not None:
        reason = f"The action `{action.name}` is not supported yet."
        return NotSupportedYet(reason, remedy=action.not_yet).refusal
    for name, known, value in given(command):
        if name in _unmarked:
            continue
        if not attrs.has(type(value)):
            refusal = _value(known, value, None, name)
        else:
            path = "" if name == "document" else f"{name}."
            refusal = document(value, _present(command, kind, rows), path, _differing(command))
        if refusal is not None:
            return refusal
    return None


def document(
    wanted: object, present: object, path: str = "", differing: Mapping[str, TakesEffect] = _nothing
) -> Refusal | None:
    """The first attribute that is set to what is not supported yet. `differing`: marks that replace the class's."""
    for name, known, value in given(wanted):
        if known.read_only or name == "id":
            continue
        if mark := differing.get(name):
            known = attrs.evolve(known, effect=mark)
        before = getattr(present, name, None)
        refusal = _value(known, value, before, f"{path}{name}")
        if refusal is None and known.effect is None:
            refusal = _within(known, value, before, f"{path}{name}.")
        if refusal is not None:
            return refusal
    return None


def _value(known: About, value: object, before: object, where: str) -> Refusal | None:
    if value == before:
        return None
    items = value if isinstance(value, tuple) else (value,)
    later = next((item for item in items if item in known.later), None)
    if later is not None:
        served = [choice for choice in known.choices if choice not in known.later]
        return _refusal(where, later, f"Choose {' or '.join(served)}, or leave it out.")
    mark = known.effect
    if mark is None or not mark.is_not_yet or value in mark.accepted or _says_nothing(value):
        return None
    default = f" or send {plain_text(mark.accepted[0])}" if mark.accepted and mark.accepted[0] != () else ""
    return _refusal(where, value, f"Leave it out{default}. {mark.instead}".strip())


def _within(known: About, value: object, before: object, path: str) -> Refusal | None:
    """Nested objects, one or several; members of a list are known by their id."""
    if not isinstance(value, tuple):
        nested = attrs.has(type(value)) and not isinstance(value, Ref)
        return document(value, before, path, known.nested) if nested else None
    by_id = {getattr(item, "id", None): item for item in (before if isinstance(before, tuple) else ())}
    for item in value:
        if refusal := _within(known, item, by_id.get(getattr(item, "id", None)), path):
            return refusal
    return None


def _says_nothing(value: object) -> bool:
    """A nested object without a single attribute, as an empty element is read."""
    return attrs.has(type(value)) and value == type(value)()


def _refusal(where: str, value: object, remedy: str) -> Refusal:
    """In the words of the API: an object by the name of what it is set in, which says it already."""
    items = value if isinstance(value, tuple) else (value,)
    if any(attrs.has(type(item)) for item in items):
        return NotSupportedYet(f"{where} is not supported yet.", remedy=remedy, field=where).refusal
    return NotSupportedYet(
        f"{where}: {plain_text(value)[:80]} is not supported yet.", remedy=remedy, field=where
    ).refusal


def _differing(command: Command) -> Mapping[str, TakesEffect]:
    """What an attribute does where it is said of a relation."""
    resource = BY_KIND.get(command.relation) if isinstance(command, OfAssignment) else None
    return resource.assigned_attributes if resource is not None else _nothing


def _present(command: Command, kind: str, rows: Rows) -> object:
    """What the object has now; of a VM that is added, what its template has."""
    if isinstance(command, AddVm):
        template = getattr(command.document, "template", None)
        return rows.get(Template, (template.id if template else None) or BLANK_TEMPLATE_ID)
    if isinstance(command, StartVm):
        return rows.get(Vm, command.id)
    if isinstance(command, OfAssignment):
        return rows.document(command.relation, command.id)
    if not isinstance(command, Update):
        return None
    if not command.parent_id:
        return rows.document(getattr(command, "kind", kind), command.id)
    parent = rows.document(kind, command.parent_id)
    members = (*(getattr(parent, "nics", None) or ()), *(getattr(parent, "disk_attachments", None) or ()))
    return next((member for member in members if member.id == command.id), None)
