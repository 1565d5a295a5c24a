"""What is refused in the same words wherever it is refused: which object, why, and what to do next.

Each takes its code, its status and whether a retry helps from its class in the tree of errors.
"""

from __future__ import annotations

from protocol.errors import BadInput, Busy, MissingAttribute, NameTaken, NotFound, NotLegal, Refusal
from protocol.names import title_of
from protocol.registry import BY_KIND


def invalid(field: str, reason: str, remedy: str) -> Refusal:
    """What was sent in `field` cannot be."""
    return BadInput(reason, remedy=remedy, field=field).refusal


def not_a(field: str, kind: str) -> Refusal:
    """What was sent is an object of another kind."""
    return invalid(field, f"This is no {title_of(kind)}.", f"Send a {title_of(kind)}.")


def missing(field: str, of: str, remedy: str = "") -> Refusal:
    """An attribute that an *add* needs was left out."""
    reason = f"A {of} needs {field.replace('_', ' ')}."
    return MissingAttribute(reason, remedy=remedy or f"Give `{field}`.", field=field).refusal


def not_found(kind: str, id: str = "", *, name: str = "", field: str = "", within: str = "") -> Refusal:
    """There is no such object, neither by `id` nor by `name`; `field` named it. `within`: it is a part of that one."""
    which = f"with id {id!r:.80}" if id or not name else f"named {name!r:.255}"
    shown = f" in {within}" if within else ""
    listed = f"List /{BY_KIND[kind].rel}, or `corral list {BY_KIND[kind].rel}`." if kind in BY_KIND else ""
    return NotFound(
        f"There is no {title_of(kind)} {which}{shown}.",
        remedy=listed or f"List the {title_of(kind)}s of {within}.",
        entity="" if field else f"{kind}/{id:.80}",
        field=field,
    ).refusal


def name_taken(kind: str, name: str, *, field: str = "name", within: str = "") -> Refusal:
    """Another one of the kind has the name; `within`: names differ in there."""
    of = f" of {within}" if within else ""
    return NameTaken(f"The name {name!r} is taken by another {title_of(kind)}{of}.", field=field).refusal


def not_understood(kind: str, command: object) -> Refusal:
    """A command that objects of this kind do not know."""
    reason = f"A {title_of(kind)} does not understand {type(command).__name__}."
    return invalid("command", reason, "The entry point and ?rsdl list what is supported.")


def protected(kind: str, id: str, name: str) -> Refusal:
    """It is not to be removed."""
    return NotLegal(
        f"Cannot remove {title_of(kind)} {name}: it is protected from deletion.",
        remedy="Update it with delete_protected=false first.",
        entity=f"{kind}/{id}",
        field="delete_protected",
    ).refusal


def not_legal(
    kind: str, id: str, name: str, status: str, verb: str, legal: str, remedy: str = "", field: str = "status"
) -> Refusal:
    """The status of the object does not allow what is asked; `legal`: in which it would be."""
    is_now, must_be = status.replace("_", " "), legal.replace("_", " ")
    return NotLegal(
        f"Cannot {verb} {title_of(kind)} {name}: it is {is_now}; it must be {must_be}.",
        remedy=remedy or f"Look at the {title_of(kind)} and ask again when it is {must_be}.",
        entity=f"{kind}/{id}",
        field=field,
    ).refusal


def busy(kind: str, id: str, name: str, verb: str, job_id: str, description: str) -> Refusal:
    """An operation runs on the object: that is its lock, and it is named."""
    return Busy(
        f"Cannot {verb} {title_of(kind)} {name}: operation '{description}' runs on it.",
        remedy=f"Wait for job {job_id} to end.",
        entity=f"{kind}/{id}",
    ).refusal
