"""Makes the OpenAPI 3.1 description from the registry."""

from __future__ import annotations

import functools
import re
from typing import Any, Final

import attrs

from gateway.documents.addresses import BASE
from gateway.rest.describe.walk import Link, nested_classes, walk_links
from protocol.attributes import Attribute, attributes
from protocol.document import Ref, TakesEffect
from protocol.names import element_of, element_of_name
from protocol.resource import Parameter

_plain: Final[dict[type[Any], str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}
_template: Final = re.compile(r"\{([a-z_]+):id\}")


@functools.cache
def openapi(version: str) -> dict[str, Any]:
    """The whole description as plain data."""
    paths: dict[str, dict[str, Any]] = {}
    for link in walk_links():
        names = [f"{name}_id" for name in _template.findall(link.path)]
        path = "/" + _template.sub(lambda found: f"{{{found.group(1)}_id}}", link.path)
        paths.setdefault(path, {})[link.method.lower()] = _operation(link, names)
    schemas = {name: _schema(cls) for name, cls in nested_classes().items()}
    schemas["Fault"] = {"type": "object", "properties": {"reason": {"type": "string"}, "detail": {"type": "string"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Corral", "version": version, "description": "The oVirt v4 API model, served by Corral."},
        "servers": [{"url": BASE}],
        "security": [{"token": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(link: Link, path_names: list[str]) -> dict[str, Any]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path_names]
    for name, kind in link.query:
        mark = link.effects.get(name)
        entry: dict[str, Any] = {"name": name, "in": "query", "schema": {"type": _plain[kind]}}
        parameters.append({**entry, "description": mark.text} if mark and mark.text else entry)
    made: dict[str, Any] = {
        "operationId": re.sub(r"[^a-z0-9]+", "_", f"{link.rel}_{link.method}_{link.path}".lower()).strip("_"),
        "summary": link.doc,
        "parameters": parameters,
        "responses": {
            "201" if link.rel == "add" else "200": {"description": "Done.", **_content(_response(link))},
            "default": {"description": "Refused, with the reason.", **_content(_reference("Fault"))},
        },
    }
    if link.rel == "add":
        made["responses"]["202"] = {"description": "Accepted; it goes on.", **_content(_response(link))}
    if link.request is not None:
        made["requestBody"] = {"required": True, **_content(_reference(link.request.__name__))}
    elif link.method == "POST":
        properties = {one.name: _parameter(one, link.effects.get(one.name)) for one in link.parameters}
        made["requestBody"] = {"required": True, **_content({"type": "object", "properties": properties})}
    if link.extension:
        made["x-extension"] = True
    return made


def _parameter(parameter: Parameter, mark: TakesEffect | None) -> dict[str, Any]:
    text = " ".join(part for part in (parameter.doc, mark.text if mark else "") if part)
    value = _value(parameter.type, "")
    return {**value, "description": text} if text else value


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}, "application/xml": {"schema": schema}}}


def _response(link: Link) -> dict[str, Any]:
    if link.response_cls is None:
        return {"type": "object", "properties": {"status": {"type": "string"}, "job": {"type": "object"}}}
    one = _reference(link.response_cls.__name__)
    if not link.many:
        return one
    return {"type": "object", "properties": {element_of(link.response_cls): {"type": "array", "items": one}}}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schema(cls: type[Any]) -> dict[str, Any]:
    known = attributes(cls)
    made: dict[str, Any] = {"type": "object", "properties": {item.xml: _property(item) for item in known}}
    return made


def _property(attribute: Attribute) -> dict[str, Any]:
    about = attribute.about
    value = _value(attribute.type, about.refers)
    if about.choices:
        value["enum"] = list(about.choices)
    if about.minimum is not None:
        value["minimum"] = about.minimum
    if about.maximum is not None:
        value["maximum"] = about.maximum
    if about.characters_max is not None:
        value["maxLength"] = about.characters_max
    if attribute.many:
        if attribute.type is Ref:
            item_tag = element_of_name(about.refers)
        else:
            item_tag = (
                element_of(attribute.type) if attrs.has(attribute.type) else about.item or attribute.xml.rstrip("s")
            )
        value = {"type": "object", "properties": {item_tag: {"type": "array", "items": value}}}
    if about.read_only:
        value = {**value, "readOnly": True}
    effect = about.effect_text
    text = " ".join(part for part in (about.doc, f"In {about.unit}." if about.unit else "", effect) if part)
    if text:
        value = {**value, "description": text}
    if about.effect:
        value = {**value, "x-takes-effect": about.effect.when}
    if about.extension:
        value = {**value, "x-extension": True}
    return value


def _value(kind: type[Any], refers: str) -> dict[str, Any]:
    if kind is Ref:
        properties = {"id": {"type": "string"}, "name": {"type": "string"}, "href": {"type": "string"}}
        return {"type": "object", "properties": properties, "x-refers": refers}
    if attrs.has(kind):
        return _reference(kind.__name__)
    if kind in (int, bool, float):
        # Replies write numbers and booleans as oVirt does, as strings; input takes both.
        return {"type": [_plain[kind], "string"]}
    return {"type": "string"} if kind is str else {"type": "string", "format": "date-time"}
