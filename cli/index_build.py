"""Extracts from the registry, as plain data, what the command line needs."""

from __future__ import annotations

import datetime
import re
from typing import Any

import attrs

from protocol import names, registry
from protocol.attributes import Attribute, attributes, effects_of
from protocol.command import ADDRESS_FIELDS, Command
from protocol.document import Ref, TakesEffect
from protocol.resource import Action, Parameter, Resource, SubCollection

_PLAIN_TYPES: dict[Any, str] = {str: "text", int: "int", bool: "bool", float: "float", datetime.datetime: "time"}


def build() -> dict[str, Any]:
    """Every noun by name, each with attributes, parents, what may be done to it and its actions."""
    nouns: dict[str, Any] = {}
    for resource in registry.RESOURCES:
        noun = _noun(nouns, resource.cls)
        noun.update(
            rel=resource.rel,
            kind=resource.kind,
            named=resource.named,
            searchable=resource.searchable,
            transient=sorted(resource.statuses.transient),
            running=sorted(resource.statuses.running),
            bad=sorted(resource.statuses.bad),
            waits_for=dict(resource.statuses.waits_for),
            actions={action.name: _action(action) for action in resource.actions},
            holds=[each.kind for each in registry.RESOURCES if resource.kind in each.assigned_to],
        )
        _methods(noun, resource)
    for resource in registry.RESOURCES:
        _walk(nouns, resource.sub, [], _name(resource.cls))
    return {"nouns": nouns}


def _noun(nouns: dict[str, Any], cls: type[Any]) -> dict[str, Any]:
    name = _name(cls)
    if name not in nouns:
        nouns[name] = {
            "name": name,
            "plural": names.plural_of(cls).replace("_", ""),
            "tag": names.element_of(cls),
            "title": names.title_of(names.element_of(cls)),
            "doc": _doc(cls),
            "rel": "",
            "kind": "",
            "named": True,
            "searchable": False,
            "transient": [],
            "running": [],
            "bad": [],
            "waits_for": {},
            "attributes": [_attribute(attribute) for attribute in attributes(cls)],
            "parents": [],
            "actions": {},
            "holds": [],
            "add": None,
            "update": None,
            "remove": None,
        }
    found: dict[str, Any] = nouns[name]
    return found


def _walk(nouns: dict[str, Any], subs: tuple[SubCollection, ...], above: list[Any], parent: str) -> None:
    for sub in subs:
        noun = _noun(nouns, sub.item)
        chain = [*above, {"noun": parent, "rel": sub.rel}]
        actions = {action.name: _action(action) for action in sub.actions}
        methods = [method for method in ("add", "update", "remove") if getattr(sub, method) is not None]
        found = {"chain": chain, "methods": [*methods, *actions], "assigned": sub.source == "assigned"}
        noun["parents"].append(found)
        noun["actions"] |= actions
        _methods(noun, sub)
        _walk(nouns, sub.sub, chain, noun["name"])


def _methods(noun: dict[str, Any], owner: Resource | SubCollection) -> None:
    for method in ("add", "update", "remove"):
        command: type[Command] | None = getattr(owner, method)
        if command is not None and noun[method] is None:
            doc = names.description_of(command, noun["tag"])
            noun[method] = {"doc": doc, "parameters": _parameters(command)}


def _parameters(command: type[Command]) -> list[dict[str, Any]]:
    fields = [one for one in attributes(command) if one.name not in ADDRESS_FIELDS]
    marks = effects_of(command)
    return [
        {**_plain(one.name, _PLAIN_TYPES.get(one.type, "text"), doc=one.about.doc), **_effect(marks.get(one.name))}
        for one in fields
    ]


def _action(action: Action) -> dict[str, Any]:
    return {
        "doc": _doc(action.command),
        "result": action.result,
        "extension": action.extension,
        "parameters": [
            {
                **_typed(_plain(one.name, "text", doc=one.doc), one.type),
                **_effect(action.effect_of(one)),
                **_of_one_run(one),
            }
            for one in action.parameters
        ],
    }


def _of_one_run(parameter: Parameter) -> dict[str, Any]:
    """A document that goes with an action says something of that action alone: not of later starts."""
    return {"when_running": "For this run only."} if attrs.has(parameter.type) else {}


def _effect(mark: TakesEffect | None) -> dict[str, str]:
    """One sentence for the help, where there is something to say; what is said of running VMs is kept apart."""
    if mark is None or not mark.text:
        return {}
    return {"effect_when_running" if mark.when == "at next start" else "effect": mark.text}


def _plain(name: str, type_name: str, doc: str = "") -> dict[str, Any]:
    return {"name": name, "type": type_name, "doc": doc}


def _typed(entry: dict[str, Any], kind: Any) -> dict[str, Any]:
    if kind in _PLAIN_TYPES:
        entry["type"] = _PLAIN_TYPES[kind]
    elif kind is Ref:
        entry["type"] = "ref"
    elif kind in registry.OBJECTS:
        entry.update(type="object", of=_name(kind))
    else:
        entry.update(type="object", sub=[_attribute(attribute) for attribute in attributes(kind)])
    return entry


def _attribute(attribute: Attribute) -> dict[str, Any]:
    about = attribute.about
    kept = (field.name for field in attrs.fields(type(about)) if field.name not in ("effect", "nested", "later"))
    metadata = {name: getattr(about, name) for name in kept}
    entry = {key: value for key, value in metadata.items() if value not in ("", (), False, None)}
    if not entry.get("column"):
        entry.pop("column", None)
    entry.update(name=attribute.name, many=attribute.many)
    entry.update(_effect(about.effect))
    if about.later_text:
        entry["effect"] = " ".join(part for part in (entry.get("effect"), about.later_text) if part)
    _typed(entry, attribute.type)
    if about.nested:
        entry["nested_effects"] = {name: _effect(mark) for name, mark in about.nested.items()}
    if attribute.many and "item" not in entry:
        entry["item"] = _snake(about.refers or getattr(attribute.type, "__name__", "item"))
    if "choices" in entry:
        entry["choices"] = list(entry["choices"])
    return entry


def _name(cls: type[Any]) -> str:
    return names.element_of(cls).replace("_", "")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _doc(cls: type[Any]) -> str:
    own = cls.__dict__.get("__doc__") or ""
    doc = " ".join(own.split())
    return "" if doc.startswith("Method generated") else doc
