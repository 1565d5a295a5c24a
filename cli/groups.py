"""Command groups that build their members on use, so that help and completion stay fast.

They must not import what a command needs to run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

Section = tuple[str, Mapping[str, str]]  # its title; the short help of each member by name


class LazyGroup(click.Group):
    """A group that knows the names and short helps of its members, and how to build one of them."""

    def __init__(
        self,
        name: str,
        *,
        sections: Callable[[], list[Section]],
        build: Callable[[str], click.Command | None],
        examples: str = "",
        missing: Callable[[str], str] = lambda word: "",
        **more: Any,
    ) -> None:
        super().__init__(name, **more)
        self._sections = sections
        self._build = build
        self._built: dict[str, click.Command] = {}
        self._examples = examples
        self._missing = missing

    def with_words(self, title: str, own: Mapping[str, click.Command], without: Collection[str]) -> LazyGroup:
        """The same group with commands of its own before the others, and without some of them."""
        made = copy.copy(self)
        heard = {name: command.get_short_help_str(100) for name, command in own.items() if not command.hidden}

        def sections() -> list[Section]:
            others = [
                (each, {k: v for k, v in entries.items() if k not in without}) for each, entries in self._sections()
            ]
            return [
                (title, heard),
                *((each, {k: v for k, v in entries.items() if k not in own}) for each, entries in others),
            ]

        made._sections = lambda: [section for section in sections() if section[1]]
        made._build = lambda word: own.get(word) or (None if word in without else self._build(word))
        made._built = {}
        return made

    def members(self) -> dict[str, str]:
        """Short help by name."""
        return {name: short_help for _, entries in self._sections() for name, short_help in entries.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.members())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._built:
            made = self._build(cmd_name)
            if made is None:
                return None
            self._built[cmd_name] = made
        return self._built[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            self._no_such(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _no_such(self, ctx: click.Context, word: str) -> NoReturn:
        if why := self._missing(word):
            ctx.fail(why)
        near = near_words(word, self.members())
        more = f"{ctx.command_path} --help" if ctx.command_path else "help"
        hint = f"Did you mean {' or '.join(near)}?" if near else f"See: {more}"
        where = f" in {ctx.command_path!r}" if ctx.command_path else ""
        ctx.fail(f"there is no command {word!r}{where}. {hint}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in self._sections():
            with formatter.section(title):
                formatter.write_dl(list(entries.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, self._examples)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=short_help)
            for name, short_help in self.members().items()
            if name.startswith(incomplete)
        ]


def near_words(word: str, known: Iterable[str]) -> list[str]:
    """The known words of which `word` is a slip of the keys; `status` is none for `start`."""
    import difflib

    return difflib.get_close_matches(word, list(known), n=3, cutoff=0.75)


def normalize(token: str) -> str:
    """How option names are compared: `--vnic_profile-name` and `--usages--LIST` are other spellings of ours."""
    return token.removesuffix("--LIST").replace("_", "-")


def write_examples(formatter: click.HelpFormatter, examples: str) -> None:
    """Lines as they would be typed, below a heading of their own; never wrapped."""
    if examples:
        with formatter.section("Examples"):
            for line in examples.strip().splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
