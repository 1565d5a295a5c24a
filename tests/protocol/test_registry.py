"""The registry holds together: commands, parameters, sub-collections, references and routes fit each other.

What oVirt says of it is held in tests/gateway/test_registry_surface.py; it must not be repeated here.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from actors.command_router import ROUTES
from protocol.attributes import attributes
from protocol.command import Add, Command, Remove, Update
from protocol.document import Document, Ref, about
from protocol.inventory.assignment_commands import OfAssignment
from protocol.message import message_type_of
from protocol.names import element_of, plural_of
from protocol.registry import BY_CLASS, BY_KIND, BY_REL, OBJECTS, RESOURCES
from protocol.resource import Action, Resource, SubCollection, actions_below
from tests.protocol import examples

SOURCES = {"nested", "filter", "statistics", "assigned"}


def subs() -> list[Any]:
    """Every sub-collection at every depth, with the class of its parent."""

    def walk(parent: type[Any], collections: tuple[SubCollection, ...], path: str) -> Iterator[Any]:
        for sub in collections:
            yield pytest.param(parent, sub, id=f"{path}/{sub.rel}")
            yield from walk(sub.item, sub.sub, f"{path}/{sub.rel}")

    return [each for resource in RESOURCES for each in walk(resource.cls, resource.sub, resource.rel)]


def actions() -> list[Any]:
    return [
        pytest.param(action, id=f"{each.rel}/{action.name}") for each in RESOURCES for action in actions_below(each)
    ]


def commands() -> dict[str, type[Any]]:
    """Every command that the registry names, by where."""
    found: dict[str, type[Any]] = {}

    def take(owner: Resource | SubCollection, path: str) -> None:
        for role in ("add", "update", "remove"):
            if (command := getattr(owner, role)) is not None:
                found[f"{path}: {role}"] = command
        for action in owner.actions:
            found[f"{path}: {action.name}"] = action.command
        for sub in owner.sub:
            take(sub, f"{path}/{sub.rel}")

    for resource in RESOURCES:
        take(resource, resource.rel)
    return found


@pytest.mark.parametrize("where", commands())
def test_commands_are_messages_and_are_routed(where: str) -> None:
    command = commands()[where]
    assert message_type_of(command).tag.startswith("command.")
    assert issubclass(command, Command)
    assert command in ROUTES
    role = where.rpartition(": ")[2]
    if issubclass(command, OfAssignment):
        return
    base = {"add": Add, "update": Update, "remove": Remove}.get(role)
    assert base is None or issubclass(command, base)


def test_every_command_message_is_routed() -> None:
    known = {entry.cls for entry in examples.messages().values() if entry.tag.startswith("command.")}
    assert known == set(ROUTES)
    assert all(issubclass(cls, Command) for cls in known)


def test_routes_lead_to_kinds() -> None:
    kinds = {kind for kind, _ in ROUTES.values()}
    assert kinds <= {resource.kind for resource in RESOURCES} | {"inventory"}


def test_commands_that_no_address_leads_to() -> None:
    """What only a lab or a daemon may submit."""
    named = set(commands().values())
    assert {message_type_of(cls).tag for cls in ROUTES if cls not in named} == {"command.template.import"}


@pytest.mark.parametrize("action", actions())
def test_parameters_are_fields_of_the_command(action: Action) -> None:
    hints = typing.get_type_hints(action.command)
    for parameter in action.parameters:
        if parameter.name == "async":  # said to the gateway, not to the engine
            continue
        assert parameter.name in hints, parameter.name
        assert examples.without_none(hints[parameter.name]) is parameter.type, parameter.name


@pytest.mark.parametrize("action", actions())
def test_fields_of_an_action_are_parameters(action: Action) -> None:
    fields = {field.name for field in attrs.fields(action.command)} - {"id", "parent_id"}
    assert fields <= {parameter.name for parameter in action.parameters}


@pytest.mark.parametrize(("parent", "sub"), subs())
def test_sub_collections_have_their_source(parent: type[Any], sub: SubCollection) -> None:
    assert sub.source in SOURCES
    match sub.source:
        case "nested":
            found = {attribute.name: attribute for attribute in attributes(parent)}[sub.attribute]
            assert found.many
            assert found.type is sub.item
            assert found.about.link, f"{sub.attribute} would be shown in full with its parent"
        case "filter":
            assert BY_KIND[sub.kind].cls is sub.item
            first, _, through = sub.by.partition(".")
            item = {attribute.name: attribute for attribute in attributes(sub.item)}[first]
            assert item.type is Ref
            if through:  # "data_center.of_cluster": members share the data center with the parent
                assert first in {attribute.name for attribute in attributes(parent)}
            else:
                assert item.about.refers == parent.__name__
        case "assigned":
            assert BY_CLASS[parent].kind in BY_KIND[sub.kind].assigned_to
            assert BY_KIND[sub.kind].cls is sub.item
        case "statistics":
            assert sub.item.__name__ == "Statistic"
    assert sub.tag


@pytest.mark.parametrize(("parent", "sub"), subs())
def test_members_that_are_linked_have_an_id(parent: type[Any], sub: SubCollection) -> None:
    field = attrs.fields_dict(sub.item)["id"]
    assert about(field).as_xml_attribute
    assert parent is not sub.item


@pytest.mark.parametrize("cls", OBJECTS, ids=lambda cls: cls.__name__)
def test_references_point_to_resources(cls: type[Any]) -> None:
    known = {each.__name__ for each in OBJECTS}
    for attribute in attributes(cls):
        if attribute.type is Ref:
            assert attribute.about.refers in known, attribute.name


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.rel)
def test_resources_map_class_tag_and_kind(resource: Resource) -> None:
    assert BY_KIND[resource.kind] is BY_REL[resource.rel] is BY_CLASS[resource.cls] is resource
    assert message_type_of(resource.cls).tag == f"model.{resource.kind}"
    assert resource.tag == resource.kind == element_of(resource.cls)
    assert resource.plural_tag == plural_of(resource.cls)
    assert resource.rel == resource.plural_tag.replace("_", "")
    assert issubclass(resource.cls, Document)
    if resource.named:
        assert about(attrs.fields_dict(resource.cls)["name"]).required
    if resource.unique_within:
        assert about(attrs.fields_dict(resource.cls)[resource.unique_within]).required


def test_names_are_unique() -> None:
    assert len(BY_KIND) == len(BY_REL) == len(BY_CLASS) == len(RESOURCES)
    assert len({element_of(cls) for cls in OBJECTS}) == len(OBJECTS)
    for resource in RESOURCES:
        below = [sub.rel for sub in resource.sub] + [action.name for action in resource.actions]
        assert len(below) == len(set(below)), resource.rel


def test_every_model_message_bears_the_name_of_its_class() -> None:
    for tag, entry in examples.messages().items():
        if tag.startswith("model."):
            name = "".join(part.capitalize() for part in tag.removeprefix("model.").split("_"))
            assert entry.cls.__name__ == name, tag


@pytest.mark.parametrize("cls", BY_CLASS, ids=lambda cls: cls.__name__)
def test_what_is_searched_or_shown_is_said_once(cls: type[Any]) -> None:
    abouts = [attribute.about for attribute in attributes(cls)]
    keys = [each.search for each in abouts if each.search]
    columns = [each.column for each in abouts if each.column]
    assert len(keys) == len(set(keys))
    assert len(columns) == len(set(columns))
    xml = [attribute.xml for attribute in attributes(cls)]
    assert len(xml) == len(set(xml))


@pytest.mark.parametrize("cls", OBJECTS, ids=lambda cls: cls.__name__)
def test_bounds_and_choices_fit_their_types(cls: type[Any]) -> None:
    for attribute in attributes(cls):
        limits = attribute.about
        assert not limits.choices or attribute.type is str, attribute.name
        assert (limits.minimum is None and limits.maximum is None) or attribute.type is int, attribute.name
        assert limits.minimum is None or limits.maximum is None or limits.minimum <= limits.maximum
        assert not (limits.read_only and limits.write_only)
        assert len(set(limits.choices)) == len(limits.choices), attribute.name
