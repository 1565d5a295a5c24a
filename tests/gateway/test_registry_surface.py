"""Holds the registry against the facts about oVirt's API: what is not there must be marked as an extension."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.documents.known import ovirt_names
from gateway.rest.describe.coverage import PAGE, coverage
from gateway.rest.describe.walk import nested_classes
from protocol.attributes import attributes
from protocol.document import Ref
from protocol.registry import RESOURCES
from protocol.resource import Resource, SubCollection

SURFACE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "api_surface.json").read_text())


def test_attributes_are_ovirts_or_marked() -> None:
    wrong = []
    for name, cls in nested_classes().items():
        if cls is Ref:
            continue
        known = {key.lstrip("@") for key in SURFACE["types"][name]["attrs"]}
        for attribute in attributes(cls):
            if (attribute.xml in known) == attribute.about.extension:
                wrong.append(f"{name}.{attribute.xml}")
    assert wrong == []


def test_enumerated_values_are_ovirts() -> None:
    wrong = []
    for name, cls in nested_classes().items():
        if cls is Ref:
            continue
        for attribute in attributes(cls):
            kind = SURFACE["types"][name]["attrs"].get(attribute.xml, "").removesuffix("[]")
            if attribute.about.choices and kind in SURFACE["enums"]:
                extra = set(attribute.about.choices) - set(SURFACE["enums"][kind])
                wrong += [f"{name}.{attribute.xml}: {value}" for value in sorted(extra)]
    assert wrong == []


def test_references_point_to_the_type_that_ovirt_names() -> None:
    wrong = []
    for name, cls in nested_classes().items():
        if cls is Ref:
            continue
        for attribute in attributes(cls):
            kind = SURFACE["types"][name]["attrs"].get(attribute.xml, "").removesuffix("[]")
            if kind and attribute.type is Ref and attribute.about.refers != kind:
                wrong.append(f"{name}.{attribute.xml} refers to {attribute.about.refers}, oVirt says {kind}")
    assert wrong == []


def sub_paths(resource: Resource) -> Iterator[tuple[str, SubCollection]]:
    """Every sub-collection's path below the object: "nics/{id}/statistics", ..."""

    def walk(prefix: str, subs: tuple[SubCollection, ...]) -> Iterator[tuple[str, SubCollection]]:
        for sub in subs:
            yield prefix + sub.rel, sub
            yield from walk(f"{prefix}{sub.rel}/{{id}}/", sub.sub)

    return walk("", resource.sub)


def test_collections_and_actions_are_ovirts_or_marked() -> None:
    paths = set(SURFACE["paths"])
    for resource in RESOURCES:
        assert f"/{resource.rel}" in paths
        service = SURFACE["services"][SURFACE["paths"][f"/{resource.rel}/{{id}}"]]
        actions = {method["action"] for method in service["methods"].values() if "action" in method}
        for action in resource.actions:
            assert (action.name in actions) != action.extension, f"{resource.rel}: {action.name}"
        for path, sub in sub_paths(resource):
            assert f"/{resource.rel}/{{id}}/{path}" in paths
            one = SURFACE["paths"].get(f"/{resource.rel}/{{id}}/{path}/{{id}}")
            methods = SURFACE["services"][one]["methods"].values() if one else ()
            for action in sub.actions:
                assert (action.name in {each.get("action") for each in methods}) != action.extension, path


def test_packaged_names_are_the_facts() -> None:
    names = {kind: frozenset(key.lstrip("@") for key in facts["attrs"]) for kind, facts in SURFACE["types"].items()}
    assert ovirt_names() == names


def test_coverage_page_is_current() -> None:
    assert PAGE.read_text() == coverage(), "run python -m gateway.rest.describe.coverage"
