"""Makes the RSDL (`?rsdl`) and a schema overview (`?schema`) from the registry."""

from __future__ import annotations

import functools
from typing import Any

from gateway.documents.addresses import BASE
from gateway.documents.render import Plain
from gateway.rest.describe.walk import Link, attribute_paths, nested_classes, type_name, walk_links
from gateway.rest.requests.exchange import Exchange, HttpReply
from protocol.attributes import attributes, writable_attributes
from protocol.document import TakesEffect


async def rsdl(exchange: Exchange) -> HttpReply:
    """Every link with its parameters, required and optional."""
    return exchange.reply(200, "rsdl", rsdl_document())


async def schema(exchange: Exchange) -> HttpReply:
    """Every type with its attributes."""
    return exchange.reply(200, "schema", schema_document())


@functools.cache
def rsdl_document() -> Plain:
    links = [_link(link) for link in walk_links()]
    return {"href": f"{BASE}/?rsdl", "rel": "rsdl", "description": "The Corral REST API.", "links": {"link": links}}


def _link(link: Link) -> Plain:
    plain: Plain = {
        "href": f"{BASE}/{link.path}",
        "rel": link.rel,
        "description": link.doc,
        "request": _request(link),
        "response": {"type": _plural_name(link) if link.many else (_name(link.response_cls) or "Action")},
    }
    if link.extension:
        plain["extension"] = "true"
    return plain


def _request(link: Link) -> Plain:
    request: Plain = {"http_method": link.method}
    headers = [{"name": "Correlation-Id", "value": "any string", "required": "false"}]
    if link.method in ("POST", "PUT"):
        content = {"name": "Content-Type", "value": "application/xml|json", "required": "true"}
        headers = [content, {"name": "Expect", "value": "201-created", "required": "false"}, *headers]
    request["headers"] = {"header": headers}
    if link.query:
        names = [
            {
                "name": name,
                "type": type_name(kind),
                "context": "query",
                "required": "false",
                **_effect(link.effects.get(name)),
            }
            for name, kind in link.query
        ]
        request["url"] = {"parameters_set": {"parameter": names}}
    if link.request is not None:
        parameters = []
        marks = {written.dotted: written.effect for written in writable_attributes(link.request)}
        for path, attribute in attribute_paths(link.request, writable=True):
            required = link.rel == "add" and attribute.about.required and "." not in path
            entry = {"name": path, "type": _type(attribute), "required": "true" if required else "false"}
            parameters.append({**entry, **_effect(marks.get(path))})
        request["body"] = {"type": link.request.__name__, "parameters_set": {"parameter": parameters}}
    elif link.parameters:
        names = [
            {
                "name": f"action.{parameter.name}",
                "type": type_name(parameter.type),
                "required": "false",
                **_effect(link.effects.get(parameter.name)),
            }
            for parameter in link.parameters
        ]
        request["body"] = {"type": "Action", "parameters_set": {"parameter": names}}
    return request


def _effect(mark: TakesEffect | None) -> Plain:
    """When a parameter does something."""
    return {"takes_effect": mark.when} if mark is not None else {}


def _type(attribute: Any) -> str:
    name = attribute.about.refers or type_name(attribute.type)
    return f"collection({name})" if attribute.many else name


def _name(cls: type[Any] | None) -> str:
    return cls.__name__ if cls is not None else ""


def _plural_name(link: Link) -> str:
    return "".join(part.capitalize() for part in link.response.split("_"))


@functools.cache
def schema_document() -> Plain:
    types = []
    for name, cls in nested_classes().items():
        items = []
        for attribute in attributes(cls):
            item = {
                "name": attribute.xml, "type": _type(attribute),
                "read_only": "true" if attribute.about.read_only else "false",
            }  # fmt: skip
            if attribute.about.doc:
                item["description"] = attribute.about.doc
            if attribute.about.choices:
                item["choices"] = " ".join(attribute.about.choices)
            items.append(item)
        types.append({"name": name, "attributes": {"attribute": items}})
    return {"types": {"type": types}}
