"""Writes docs/coverage.md: every resource, attribute and sub-collection that is served, from the registry.

Run `python -m gateway.rest.coverage`. It must not claim what no route answers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from gateway.rest.walk import type_name, walk_links
from protocol.model.types import Ref
from protocol.registry import RESOURCES, Attribute, attributes

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"


def coverage() -> str:
    """The page as text."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What the REST API serves"
    yield ""
    yield "Made from the registry by `python -m gateway.rest.coverage`; a test holds it current. Names are oVirt v4's;"
    yield "*ours* marks what oVirt does not have. Everything else of oVirt's model is refused by name with status 400."
    yield ""
    yield "## Links"
    yield ""
    yield "| method | path | what |"
    yield "|---|---|---|"
    for link in walk_links():
        ours = " *(ours)*" if link.extension else ""
        yield f"| {link.method} | `/{link.path.replace(':id}', '}')}` | {link.doc}{ours} |"
    for resource in RESOURCES:
        yield ""
        yield f"## {resource.cls.__name__}"
        yield ""
        yield f"`/{resource.rel}`"
        if resource.actions:
            yield f"; actions: {', '.join(f'`{action.name}`' for action in resource.actions)}"
        if resource.sub:
            yield f"; below one: {', '.join(f'`{sub.rel}`' for sub in resource.sub)}"
        yield ""
        yield "| attribute | type | |"
        yield "|---|---|---|"
        yield from _attributes(resource.cls, "")


def _attributes(cls: type[Any], prefix: str) -> Iterator[str]:
    for attribute in attributes(cls):
        path = prefix + attribute.xml
        yield f"| `{path}` | {_type(attribute)} | {_notes(attribute)} |"
        if (
            attrs.has(attribute.type)
            and attribute.type is not Ref
            and prefix.count(".") < 3
            and not attribute.about.link
        ):
            if attribute.about.refers and prefix:
                continue
            yield from _attributes(attribute.type, path + ("[]." if attribute.many else "."))


def _type(attribute: Attribute) -> str:
    name = attribute.about.refers or type_name(attribute.type).removeprefix("xs:")
    return f"list of {name}" if attribute.many else name


def _notes(attribute: Attribute) -> str:
    about = attribute.about
    notes = [
        "required" if about.required else "",
        "read only" if about.read_only else "",
        "link, embedded by `follow`" if about.link else "",
        f"in {about.unit}" if about.unit else "",
        f"search `{about.search}`" if about.search else "",
        "ours" if about.extension else "",
    ]
    return ", ".join(note for note in notes if note)


if __name__ == "__main__":
    PAGE.write_text(coverage())
    sys.stdout.write(f"{PAGE}\n")
