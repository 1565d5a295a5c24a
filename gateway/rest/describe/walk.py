"""Every link of the API, from the registry: what RSDL, OpenAPI and the coverage page list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from gateway.rest.requests.parameters import OF_A_LIST, OF_ONE, Query, query_of_change, query_of_list, query_of_one
from protocol.attributes import Attribute, attributes, effects_of
from protocol.command import Command
from protocol.document import TakesEffect
from protocol.names import description_of, element_of, plural_of, title_of
from protocol.registry import RESOURCES
from protocol.resource import Action, Parameter, Resource, SubCollection


@attrs.frozen(kw_only=True)
class Link:
    """One method on one path template."""

    path: str  # below the base: "vms/{vm:id}/nics"
    rel: str  # get, add, update, remove or the action's name
    method: str
    doc: str
    request: type[Any] | None = None  # the document's class
    parameters: tuple[Parameter, ...] = ()  # of an action
    query: tuple[tuple[str, type[Any]], ...] = ()
    effects: Mapping[str, TakesEffect] = attrs.field(factory=dict)  # of the parameters, in the body or the query
    response: str = ""  # element
    response_cls: type[Any] | None = None
    many: bool = False
    extension: bool = False


def walk_links() -> Iterator[Link]:
    for resource in RESOURCES:
        yield from _of_resource(resource)


def _of_resource(resource: Resource) -> Iterator[Link]:
    one = f"{resource.rel}/{{{resource.tag}:id}}"
    yield Link(
        path=resource.rel, rel="get", method="GET", doc=f"List {resource.title}s.", query=query_of_list(resource),
        response=resource.plural_tag, response_cls=resource.cls, many=True,
    )  # fmt: skip
    yield from _changes(
        resource.rel, one, resource.cls, resource.add, resource.update, resource.remove, query_of_one(resource)
    )
    yield from _actions(one, resource.kind, resource.actions)
    yield from _below(one, resource.sub)


def _below(parent: str, subs: tuple[SubCollection, ...]) -> Iterator[Link]:
    for sub in subs:
        path = f"{parent}/{sub.rel}"
        one = f"{path}/{{{element_of(sub.item)}:id}}"
        yield Link(
            path=path, rel="get", method="GET", doc=f"List {title_of(element_of(sub.item))}s.", query=OF_A_LIST,
            response=sub.tag, response_cls=sub.item, many=True,
        )  # fmt: skip
        yield from _changes(path, one, sub.item, sub.add, sub.update, sub.remove)
        yield from _actions(one, element_of(sub.item), sub.actions)
        yield from _below(one, sub.sub)


def _actions(one: str, kind: str, actions: tuple[Action, ...]) -> Iterator[Link]:
    for action in actions:
        yield Link(
            path=f"{one}/{action.name}", rel=action.name, method="POST",
            doc=description_of(action.command, kind), parameters=action.parameters, response="action",
            effects={each.name: mark for each in action.parameters if (mark := action.effect_of(each))},
            extension=action.extension,
        )  # fmt: skip


def _changes(
    path: str,
    one: str,
    cls: type[Any],
    add: type[Command] | None,
    update: type[Command] | None,
    remove: type[Command] | None,
    query: Query = OF_ONE,
) -> Iterator[Link]:
    tag = element_of(cls)
    yield Link(
        path=one,
        rel="get",
        method="GET",
        doc=f"Show one {title_of(tag)}.",
        query=query,
        response=tag,
        response_cls=cls,
    )
    if add is not None:
        yield Link(
            path=path, rel="add", method="POST", doc=description_of(add, tag), request=cls, query=query_of_change(add),
            response=tag, response_cls=cls, effects=effects_of(add),
        )  # fmt: skip
    if update is not None:
        yield Link(
            path=one, rel="update", method="PUT", doc=description_of(update, tag), request=cls, query=query_of_change(update),
            response=tag, response_cls=cls, effects=effects_of(update),
        )  # fmt: skip
    if remove is not None:
        yield Link(
            path=one,
            rel="remove",
            method="DELETE",
            doc=description_of(remove, tag),
            query=query_of_change(remove),
            response="action",
            effects=effects_of(remove),
        )


def attribute_paths(
    cls: type[Any], *, writable: bool, prefix: str = "", depth: int = 3
) -> Iterator[tuple[str, Attribute]]:
    """Every attribute of a document with its dotted path, nested ones included."""
    for attribute in attributes(cls):
        if writable and (attribute.about.read_only or attribute.name == "id"):
            continue
        path = f"{prefix}{attribute.xml}"
        yield path, attribute
        if attrs.has(attribute.type) and not attribute.many and depth > 1 and not attribute.about.refers:
            yield from attribute_paths(attribute.type, writable=writable, prefix=path + ".", depth=depth - 1)


def type_name(kind: type[Any]) -> str:
    """As oVirt's descriptions name plain types."""
    plain = {str: "xs:string", bool: "xs:boolean", int: "xs:int", float: "xs:decimal"}
    return plain.get(kind) or ("xs:dateTime" if not attrs.has(kind) else kind.__name__)


def nested_classes() -> dict[str, type[Any]]:
    """Every document class that a link can carry, by name, with what is nested in them."""
    found: dict[str, type[Any]] = {}

    def visit(cls: type[Any]) -> None:
        if cls.__name__ in found:
            return
        found[cls.__name__] = cls
        for attribute in attributes(cls):
            if attrs.has(attribute.type):
                visit(attribute.type)

    for link in walk_links():
        for cls in (link.request, link.response_cls, *(parameter.type for parameter in link.parameters)):
            if cls is not None and attrs.has(cls):
                visit(cls)
    return dict(sorted(found.items()))


__all__ = ["Link", "attribute_paths", "nested_classes", "plural_of", "type_name", "walk_links"]
