"""The attributes of a document or a command, read from its class once; codecs, search, columns and help walk over them."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from protocol.command import Command
from protocol.document import About, Ref, TakesEffect, about


@attrs.frozen(kw_only=True)
class Attribute:
    """One attribute of a document class: what the codecs, search and columns walk over."""

    name: str
    type: Any  # the class of a value or of one item: str, int, bool, float, datetime, an attrs class
    many: bool
    about: About

    @property
    def xml(self) -> str:
        return self.about.xml or self.name


_attributes: dict[type[Any], tuple[Attribute, ...]] = {}


def attributes(cls: type[Any]) -> tuple[Attribute, ...]:
    """The attributes of a document class, in the order of its file."""
    known = _attributes.get(cls)
    if known is None:
        hints = typing.get_type_hints(cls)
        known = tuple(_attribute(field, hints[field.name]) for field in attrs.fields(cls))
        _attributes[cls] = known
    return known


def _attribute(field: attrs.Attribute[Any], hint: Any) -> Attribute:
    inner = [argument for argument in typing.get_args(hint) if argument is not type(None)] or [hint]
    kind = inner[0]
    many = typing.get_origin(kind) is tuple
    if many:
        kind = typing.get_args(kind)[0]
    return Attribute(name=field.name, type=kind, many=many, about=about(field))


def effects_of(command: type[Command]) -> dict[str, TakesEffect]:
    """The marks of a command's own fields: its parameters."""
    return {field.name: mark for field in attrs.fields(command) if (mark := about(field).effect) is not None}


@attrs.frozen(kw_only=True)
class WritableAttribute:
    """One attribute that a client may set, at the end of its path. `effect` is None where the mark was forgotten."""

    path: tuple[Attribute, ...]
    effect: TakesEffect | None

    @property
    def last(self) -> Attribute:
        return self.path[-1]

    @property
    def dotted(self) -> str:
        return ".".join(attribute.xml for attribute in self.path)


def writable_attributes(cls: type[Any]) -> Iterator[WritableAttribute]:
    """What may be set in a document, nested objects included. Members of sub-collections are walked on their own."""
    return _writable(cls, (), {})


def _writable(
    cls: type[Any], above: tuple[Attribute, ...], differing: Mapping[str, TakesEffect]
) -> Iterator[WritableAttribute]:
    for attribute in attributes(cls):
        known = attribute.about
        mark = differing.get(attribute.name) or known.effect
        if known.read_only or attribute.name == "id" or (known.link and mark is None):
            continue
        path = (*above, attribute)
        if mark is None and attrs.has(attribute.type) and attribute.type is not Ref and not attribute.many:
            yield from _writable(attribute.type, path, known.nested)
        else:
            yield WritableAttribute(path=path, effect=mark)
