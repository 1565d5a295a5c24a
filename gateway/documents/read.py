"""Turns a parsed body into a document of the model, strictly: what is not in the registry is refused by name.

Read-only attributes are ignored: the SDK and Ansible send whole documents back.
"""

from __future__ import annotations

import datetime
import re
from typing import Any, Final, TypeVar

import attrs

from gateway.documents.known import is_ovirt_name, unknown
from gateway.documents.parse import Node
from protocol import limits
from protocol.attributes import Attribute, attributes
from protocol.document import Ref
from protocol.errors import BadInput, MissingAttribute
from protocol.names import element_of, element_of_name, title_of

T = TypeVar("T")

_always_ignored: Final = frozenset({"href", "actions", "link", "rel"})
_integer: Final = re.compile(r"[+-]?[0-9]{1,19}")
_lengths: Final = {"name": limits.name_characters_max, "description": limits.description_characters_max}
_characters_max: Final = 65_536


def read_document(node: Node, cls: type[T], *, adding: bool) -> T:
    """A document of `cls`. `adding` also wants what an add requires. Raises `BadInput` and its children."""
    tag = element_of(cls)
    if not node.name and len(node.children) == 1 and node.children[0].name == tag and node.children[0].children:
        node = node.children[0]
    if node.name and node.name != tag:
        raise BadInput(f"The root element is <{node.name}>; <{tag}> was expected.", remedy=f"Send a <{tag}>.")
    document = read_object(node, cls, "")
    if adding:
        for attribute in attributes(cls):
            if attribute.about.required and getattr(document, attribute.name) in (None, ""):
                raise MissingAttribute(
                    f"A {title_of(tag)} needs the attribute {attribute.xml!r}.",
                    remedy=attribute.about.doc or f"Add {attribute.xml!r}.", field=attribute.xml,
                )  # fmt: skip
    return document


def read_object(node: Node, cls: type[T], path: str) -> T:
    """An attrs object of the model from an element."""
    if node.text and not node.children:
        raise BadInput(f"{path or node.name!r} is an object, not a string.", remedy="Send its attributes.", field=path)
    known = {attribute.xml: attribute for attribute in attributes(cls)}
    values: dict[str, Any] = {}
    for child in node.children:
        attribute = known.get(child.name)
        if attribute is None:
            _ignore_or_refuse(child, cls.__name__, path, known)
        elif not attribute.about.read_only or attribute.about.as_xml_attribute:
            where = f"{path}.{child.name}" if path else child.name
            if attribute.name in values:
                raise BadInput(f"The attribute {where!r} is given twice.", remedy="Send it once.", field=where)
            if attribute.about.link and all(item.name in _always_ignored for item in child.children):
                continue  # a link sent back, not a list without members
            values[attribute.name] = _value(attribute, child, where)
    return cls(**values)


def _ignore_or_refuse(child: Node, type_name: str, path: str, known: dict[str, Attribute]) -> None:
    if child.name in _always_ignored:
        return
    empty = not child.text and all(below.name in _always_ignored for below in child.children)
    if empty and is_ovirt_name(type_name, child.name):
        return  # an empty element, or a link sent back, asks for nothing
    raise unknown(type_name, child.name, path, known)


def _value(attribute: Attribute, node: Node, path: str) -> Any:
    if not attribute.many:
        return _single(attribute, node, path)
    if attribute.type is Ref:
        item_tag = element_of_name(attribute.about.refers)
    elif attrs.has(attribute.type):
        item_tag = element_of(attribute.type)
    else:
        item_tag = attribute.about.item or attribute.xml.rstrip("s")
    items = []
    for child in node.children:
        if child.name in _always_ignored:
            continue
        if child.name != item_tag:
            raise BadInput(f"{path!r} contains <{child.name:.80}>.", remedy=f"Its items are <{item_tag}>.", field=path)
        items.append(_single(attribute, child, f"{path}.{item_tag}"))
    return tuple(items)


def _single(attribute: Attribute, node: Node, path: str) -> Any:
    if attribute.type is Ref:
        return read_reference(node, attribute.about.refers, path)
    if attrs.has(attribute.type):
        return read_object(node, attribute.type, path)
    return read_scalar(node, attribute, path)


def read_reference(node: Node, type_name: str, path: str) -> Ref:
    """A reference by id, or by name. What else a client sends along of the object is of no interest here."""
    if node.text:
        raise BadInput(
            f"{path!r} is a reference, not a string.", remedy='Send {"id": ...} or {"name": ...}.', field=path
        )
    for child in node.children:
        served = child.name in ("id", "name") or child.name in _always_ignored or is_ovirt_name(type_name, child.name)
        if not served:
            raise unknown(type_name, child.name, path, ("id", "name"))
    id, name = node.child("id"), node.child("name")
    if (id is None or not id.text) and (name is None or not name.text):
        raise BadInput(f"The reference {path!r} has neither id nor name.", remedy="Give one of them.", field=path)
    return Ref(id=id.text if id and id.text else None, name=name.text if name and name.text else None)


def read_scalar(node: Node, attribute: Attribute, path: str) -> Any:
    """One plain value, checked against type, choices and range."""
    if node.children:
        raise BadInput(f"{path!r} must be a plain value.", remedy=f"Send a {attribute.type.__name__}.", field=path)
    value = to_scalar(node.text, attribute.type, path)
    about = attribute.about
    if about.choices and value not in about.choices:
        raise BadInput(
            f"{path!r} cannot be {node.text!r:.80}.",
            remedy="Choose one of: " + ", ".join(about.choices) + ".",
            field=path,
        )
    figure = about.figure
    if about.minimum is not None and value < about.minimum:
        raise BadInput(f"{path!r} is {figure(value)}.", remedy=f"The minimum is {figure(about.minimum)}.", field=path)
    if about.maximum is not None and value > about.maximum:
        raise BadInput(f"{path!r} is {figure(value)}.", remedy=f"The maximum is {figure(about.maximum)}.", field=path)
    most = about.characters_max or _lengths.get(attribute.name, _characters_max)
    if isinstance(value, str) and len(value) > most:
        raise BadInput(f"{path!r} has {len(value)} characters.", remedy=f"At most {most} are allowed.", field=path)
    return value


def to_scalar(text: str, kind: type[Any], path: str) -> Any:
    """A text as str, int, bool, float or time."""
    if kind is str:
        return text
    stripped = text.strip()
    if kind is bool:
        lowered = stripped.lower()
        if lowered in ("true", "false", "1", "0"):
            return lowered in ("true", "1")
        raise BadInput(f"{path!r} is not a boolean: {text!r:.80}.", remedy="Send true or false.", field=path)
    if kind is int:
        if _integer.fullmatch(stripped) and -(2**63) <= (whole := int(stripped)) < 2**63:
            return whole
        raise BadInput(
            f"{path!r} is not an integer: {text!r:.80}.", remedy="Send digits, of a 64-bit number.", field=path
        )
    if kind is float:
        try:
            number = float(stripped)
        except ValueError:
            number = float("nan")
        if number - number == 0:
            return number
        raise BadInput(f"{path!r} is not a number: {text!r:.80}.", remedy="Send a finite decimal number.", field=path)
    assert kind is datetime.datetime, kind
    try:
        moment = datetime.datetime.fromisoformat(stripped)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(
            f"{path!r} is not a time: {text!r:.80}.",
            remedy="Send ISO 8601 with a zone: 2030-01-31T12:00:00Z.",
            field=path,
        )
    return moment.astimezone(datetime.UTC)
