"""Attaches a disk to a VM with the talks' command: `create disk --id X --vm-identifier Y` adds a disk attachment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import index
from cli.index import Noun
from cli.options import PREFIX, document_options, parents_of
from cli.problems import SyntaxProblem

_OWN = ("active", "interface", "read_only")  # of the attachment; what else it has is the disk's own too
_ID = "attached__id"
_usual_interface = "virtio"


def takes(noun: Noun) -> bool:
    return bool(noun["name"] == "disk")


def attachment() -> Noun:
    return index.nouns()["diskattachment"]


def options() -> list[click.Parameter]:
    """What `add disk` takes beside the disk."""
    entries = [entry for entry in attachment()["attributes"] if entry["name"] in _OWN]
    made = document_options([{**entry, "required": False} for entry in entries], adding=False)
    for option in made:
        assert isinstance(option, click.Option)
        option.help = f"With --vm: {option.help or 'as for a disk attachment.'}"
        if option.opts == ["--interface"]:
            option.help = f"With --vm: the disk's interface; {_usual_interface} if left out."
    return [click.Option(["--id", _ID], help="With --vm: the existing disk to attach."), *made]


def wanted(noun: Noun, given: Mapping[str, Any]) -> str:
    """The option given that only makes sense with a VM; empty when there is none."""
    own = (_ID, *(f"{PREFIX}{name}" for name in _OWN)) if takes(noun) else ()
    return next((key.split("__")[1].replace("_", "-") for key in own if given.get(key) is not None), "")


def resolved(noun: Noun, given: Mapping[str, Any]) -> tuple[Noun, Mapping[str, Any]]:
    """The noun and options to add: those of the attachment when a VM was named, else what was given."""
    if not takes(noun):
        return noun, given
    own = {f"{PREFIX}{name}" for name in _OWN}
    if not parents_of(given):
        if flag := wanted(noun, given):
            raise SyntaxProblem(f"disk: --{flag} needs a VM to attach the disk to: add --vm-identifier NAME")
        return noun, {key: value for key, value in given.items() if key not in own}
    moved = {
        key.replace(PREFIX, f"{PREFIX}disk__", 1) if key.startswith(PREFIX) and key not in own else key: value
        for key, value in given.items()
    }
    moved[f"{PREFIX}disk__id"] = given[_ID]
    moved[f"{PREFIX}interface"] = given[f"{PREFIX}interface"] or _usual_interface
    return attachment(), moved
