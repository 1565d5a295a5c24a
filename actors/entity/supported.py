"""Refuses by name what this release does not support yet, before any actor sees the command. Pure.

An attribute with its default, or as the object has it already, asks for nothing: clients send back what they got.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from actors.entity.checks import invalid
from actors.entity.rows import Rows
from protocol.command import Command, Update
from protocol.document import About, Ref, TakesEffect, about, plain_text
from protocol.errors import Refusal
from protocol.inventory.assignment_commands import OfAssignment
from protocol.registry import BY_KIND, RESOURCES, actions_below
from protocol.vm.commands import AddVm, StartVm
from protocol.vm.model import BLANK_TEMPLATE_ID

CODE: Final = "not_supported"
_nothing: Final[Mapping[str, TakesEffect]] = {}
_unmarked: Final = frozenset({"id", "parent_id", "kind"})
_actions: Final = {each.command: each for one in RESOURCES for each in actions_below(one) if each.not_yet}


def refused(command: Command, kind: str, rows: Rows) -> Refusal | None:
    """What of a command, its parameters and its documents this release does not do."""
    action = _actions.get(type(command))
    if action is not None:
        reason = f"The action `{action.name}` is not supported yet."
        return invalid("", reason, action.not_yet, code=CODE)
    for field in attrs.fields(type(command)):
        value = getattr(command, field.name)
        if field.name in _unmarked or value is None:
            continue
        if not attrs.has(type(value)):
            problem = _value(about(field), value, None, field.name)
        else:
            path = "" if field.name == "document" else f"{field.name}."
            problem = document(value, _present(command, kind, rows), path, _differing(command))
        if problem is not None:
            return problem
    return None


def document(
    wanted: Any, present: Any, path: str = "", differing: Mapping[str, TakesEffect] = _nothing
) -> Refusal | None:
    """The first attribute that is set to what is not supported yet. `differing`: marks that replace the class's."""
    for field in attrs.fields(type(wanted)):
        value, known = getattr(wanted, field.name), about(field)
        if value is None or known.read_only or field.name == "id":
            continue
        if mark := differing.get(field.name):
            known = attrs.evolve(known, effect=mark)
        before = getattr(present, field.name, None)
        problem = _value(known, value, before, f"{path}{field.name}")
        if problem is None and known.effect is None:
            problem = _within(known, value, before, f"{path}{field.name}.")
        if problem is not None:
            return problem
    return None


def _value(known: About, value: Any, before: Any, where: str) -> Refusal | None:
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


def _within(known: About, value: Any, before: Any, path: str) -> Refusal | None:
    """Nested objects, one or several; members of a list are known by their id."""
    if not isinstance(value, tuple):
        nested = attrs.has(type(value)) and not isinstance(value, Ref)
        return document(value, before, path, known.nested) if nested else None
    by_id = {getattr(item, "id", None): item for item in before or ()}
    for item in value:
        if problem := _within(known, item, by_id.get(getattr(item, "id", None)), path):
            return problem
    return None


def _says_nothing(value: Any) -> bool:
    """A nested object without a single attribute, as an empty element is read."""
    return attrs.has(type(value)) and value == type(value)()


def _refusal(where: str, value: Any, remedy: str) -> Refusal:
    said = "what was sent" if attrs.has(type(value)) else plain_text(value)[:80]
    return invalid(where, f"{where}: {said} is not supported yet.", remedy, code=CODE)


def _differing(command: Command) -> Mapping[str, TakesEffect]:
    """What an attribute does where it is said of a relation."""
    resource = BY_KIND.get(command.relation) if isinstance(command, OfAssignment) else None
    return resource.assigned_attributes if resource is not None else _nothing


def _present(command: Command, kind: str, rows: Rows) -> Any:
    """What the object has now; of a VM that is added, what its template has."""
    if isinstance(command, AddVm):
        template = getattr(command.document, "template", None)
        return rows.document("template", (template.id if template else None) or BLANK_TEMPLATE_ID)
    if isinstance(command, StartVm):
        return rows.document("vm", command.id)
    if isinstance(command, OfAssignment):
        return rows.document(command.relation, command.id)
    if not isinstance(command, Update):
        return None
    if not command.parent_id:
        return rows.document(getattr(command, "kind", kind), command.id)
    parent = rows.document(kind, command.parent_id)
    members = (*(getattr(parent, "nics", None) or ()), *(getattr(parent, "disk_attachments", None) or ()))
    return next((member for member in members if member.id == command.id), None)
