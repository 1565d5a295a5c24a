"""The settings of the shell: names, meanings and values. Each is the default of an option, or affects how lines run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import click

from cli.options import FORMATS, readable
from cli.problems import SyntaxProblem
from cli.values import Duration, Many, Truth


class _Columns(Many):
    """Attributes that at least one type of object has."""

    name = "columns"

    def __init__(self) -> None:
        super().__init__(click.STRING)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        from cli import index

        wanted = super().convert(value, param, ctx)
        known = {".".join(path) for noun in index.nouns().values() for path, _ in readable(noun["attributes"])}
        for name in wanted:
            if name not in known:
                self.fail(f"no object has an attribute {name}. See: help list vms", param, ctx)
        return wanted


def _setting(default: Any, kind: click.ParamType[Any], values: str, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind, "values": values, "meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Settings:
    """What holds in a shell. Outside of one these defaults hold."""

    output: str = _setting(
        "table", click.Choice(FORMATS), "|".join(FORMATS), "output format of list, show, add and update (-o)"
    )
    columns: tuple[str, ...] = _setting(
        (), _Columns(), "NAME,NAME,...", "attributes that a list shows (--columns); '' for the default ones"
    )
    wait: bool = _setting(True, Truth(), "yes|no", "wait until an operation has finished (--wait)")
    timeout: float = _setting(600.0, Duration(), "90s|5m|2h", "how long to wait (--timeout)")
    pager: str = _setting("", click.STRING, "COMMAND|off", "pager for output longer than the screen, such as less -R")
    confirm: bool = _setting(False, Truth(), "yes|no", "ask before removing an object (never in scripts)")


KEYS = {field.name: field for field in dataclasses.fields(Settings)}


def changed(settings: Settings, key: str, text: str) -> Settings:
    """The settings with one of them set. Raises `SyntaxProblem` for a key or a value that is none."""
    field = KEYS.get(key)
    if field is None:
        raise SyntaxProblem(f"there is no setting {key}. Settings: {', '.join(KEYS)}")
    if key == "pager" and text == "off":
        text = ""
    try:
        value: Any = field.metadata["kind"].convert(text, None, None)
        value = tuple(value) if isinstance(value, list) else value
    except click.BadParameter as error:
        raise SyntaxProblem(f"set {key}: {error.message}") from error
    news: dict[str, Any] = {key: value}
    return dataclasses.replace(settings, **news)


def text_of(settings: Settings, key: str) -> str:
    """The value as `set` takes it."""
    value = getattr(settings, key)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return next((f"{value / size:.0f}{unit}" for unit, size in (("h", 3600), ("m", 60)) if not value % size),
                    f"{value:g}s")  # fmt: skip
    return ",".join(value) if isinstance(value, tuple) else str(value) or "off"


def kept(settings: Settings) -> dict[str, str]:
    """What `save` writes: those that are not the default."""
    usual = Settings()
    return {key: text_of(settings, key) for key in KEYS if getattr(settings, key) != getattr(usual, key)}


def loaded(texts: Mapping[str, str], settings: Settings = Settings()) -> Settings:
    """The settings with those of the texts over them. Raises `SyntaxProblem` when one of them is none."""
    for key, text in texts.items():
        settings = changed(settings, key, text)
    return settings
