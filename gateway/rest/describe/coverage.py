"""Writes docs/coverage.md: every resource, attribute and parameter that is served, and when it takes effect.

Run `python -m gateway.rest.describe.coverage`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from gateway.rest.describe.walk import type_name, walk_links
from protocol.attributes import Attribute, attributes, writable_attributes
from protocol.document import Ref, TakesEffect, plain_text
from protocol.registry import RESOURCES

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "coverage.md"


def coverage() -> str:
    """The page as text."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What the REST API serves"
    yield ""
    yield "Written from the registry by `python -m gateway.rest.describe.coverage`; a test keeps it current. Names are oVirt's;"
    yield "*ours* marks extensions. Everything else in oVirt's model is refused by name with status 400."
    yield ""
    yield "For each writable attribute and parameter, the last column says when it takes effect: *at once* (or"
    yield "*shown*: only people and searches read it), *at next start* of the VM, *label* (accepted without effect), or"
    yield "*not yet* (refused, except for the value given). An empty cell means that it cannot be written."
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
        yield from _table(resource.cls, bool(resource.add or resource.update))
        for sub in resource.sub:
            if sub.add or sub.update:
                yield ""
                yield f"`/{resource.rel}/{{{resource.tag}}}/{sub.rel}`"
                yield ""
                yield from _table(sub.item, True)
    yield ""
    yield "## Parameters"
    yield ""
    yield "| method | path | parameter | takes effect |"
    yield "|---|---|---|---|"
    yield from _parameters()


def _parameters() -> Iterator[str]:
    for link in walk_links():
        for name, mark in link.effects.items():
            yield f"| {link.method} | `/{link.path.replace(':id}', '}')}` | `{name}` | {_effect(mark)} |"


def _table(cls: type[Any], is_written: bool) -> Iterator[str]:
    marks = {written.dotted: written.effect for written in writable_attributes(cls)} if is_written else {}
    yield "| attribute | type | | takes effect |"
    yield "|---|---|---|---|"
    yield from _attributes(cls, "", marks)


def _attributes(
    cls: type[Any], prefix: str, marks: Mapping[str, TakesEffect | None], above: TakesEffect | None = None
) -> Iterator[str]:
    for attribute in attributes(cls):
        path = prefix + attribute.xml
        mark = marks.get(path) or above
        effect = _effect(mark, attribute.about.later)
        yield f"| `{path}` | {_type(attribute)} | {_notes(attribute)} | {effect} |"
        if (
            attrs.has(attribute.type)
            and attribute.type is not Ref
            and prefix.count(".") < 3
            and not attribute.about.link
        ):
            if attribute.about.refers and prefix:
                continue
            yield from _attributes(attribute.type, path + ("[]." if attribute.many else "."), marks, mark)


def _effect(mark: TakesEffect | None, later: tuple[str, ...] = ()) -> str:
    if mark is None:
        return ""
    if mark.is_not_yet:
        return f"not yet; only `{plain_text(mark.accepted[0])}`" if mark.accepted else "not yet"
    if mark.instead:
        return f"{mark.when}: {mark.instead}"
    text = "at once: shown" if mark.shown else mark.when
    return f"{text}; not yet: {', '.join(later)}" if later else text


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
