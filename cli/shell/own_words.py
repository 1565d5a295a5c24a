"""The shell's own commands, beside those of `corral`, each with its help and an example."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Callable
from typing import Protocol

import click
from click.shell_completion import CompletionItem

from cli import problems
from cli.client import contexts
from cli.groups import LazyGroup
from cli.problems import SyntaxProblem
from cli.render import printing as render
from cli.run.command_line import run
from cli.session import settings
from cli.session.place import walked
from cli.session.session import CliSession
from cli.shell import here

_plain = {"ignore_unknown_options": True}  # what follows is text


class ShellState(Protocol):
    """What the shell's own words read and change of the sitting that they belong to."""

    session: CliSession
    root: LazyGroup
    own: dict[str, click.Command]
    typed: list[str]
    code: int
    left: bool


def commands(shell: ShellState) -> dict[str, click.Command]:
    """All of them by name."""
    made = [*_places(shell), *_settings(shell), *_lines(shell), _disconnect(shell), _status(shell), *_leaving(shell)]
    return {str(command.name): command for command in made}


def _places(shell: ShellState) -> list[click.Command]:
    def cd(path: str) -> None:
        """Go to a collection or an object, by name or id; without a path, go to the top."""
        shell.session.place = walked(shell.session.place, path, shell.session.client)

    def pwd() -> None:
        """Print the current place."""
        click.echo(str(shell.session.place))

    def collections() -> None:
        for rel in shell.session.place.collections():
            click.echo(rel)

    def complete(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
        from cli.tree.completion import below

        return [CompletionItem(path) for path in below(shell.session, typed)]

    path = click.Argument(["path"], default="/", shell_complete=complete)
    return [
        _word("cd", cd, "cd vms/web1/nics; cd ..; cd /", path),
        _word("pwd", pwd, "pwd"),
        click.Command("collections", callback=collections, help="List the collections here.", hidden=True),
    ]


def _settings(shell: ShellState) -> list[click.Command]:
    shared = shell.session

    def set_(key: str | None, value: tuple[str, ...]) -> None:
        """Show all settings of the shell or one of them, or change one."""
        if key is None or not value:
            known = settings.KEYS
            if key is not None and key not in known:
                settings.changed(shared.settings, key, "")
            rows = [
                (name, settings.text_of(shared.settings, name), field.metadata["values"], field.metadata["meaning"])
                for name, field in known.items()
                if key in (None, name)
            ]
            click.echo(render.table(("setting", "value", "values", "meaning"), rows, (False,) * 4, colour=False))
            return
        settings.changed(shared.settings, key, " ".join(value))
        shared.chosen[key] = " ".join(value)
        shared.take_settings()

    def save(name: str | None) -> None:
        """Save the current login and the settings in the context file; never a password."""
        context = shared.context()
        name = name or context.name
        if not name:
            raise SyntaxProblem("this login comes from CORRAL_URL and has no name yet. Give it one: save NAME")
        # A token of the environment belongs to whoever set it: what is kept is the one of the login.
        known = contexts.load().by_name
        login = known.get(context.name) or known.get(name)
        token = login.token if login and (login.url, login.user) == (context.url, context.user) else ""
        made = dataclasses.replace(context, name=name, token=token, settings=settings.kept(shared.settings))
        contexts.remember(made)
        shared.context_name = name
        click.echo(f"context {name} saved in {contexts.path()}.", err=True)

    def complete_key(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
        found = [(key, field.metadata["meaning"]) for key, field in settings.KEYS.items() if key.startswith(typed)]
        return [CompletionItem(key, help=meaning) for key, meaning in found]

    def complete_value(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
        field = settings.KEYS.get(str(ctx.params.get("key") or ""))
        values = field.metadata["values"].split("|") if field else []
        return [CompletionItem(value) for value in values if value.startswith(typed) and value.islower()]

    key = click.Argument(["key"], required=False, shell_complete=complete_key)
    value = click.Argument(["value"], nargs=-1, type=click.UNPROCESSED, shell_complete=complete_value)
    return [
        _word(
            "set",
            set_,
            "set; set output json; set columns name,status; set pager less -R",
            key,
            value,
            context_settings=_plain,
        ),
        _word("save", save, "save; save production", click.Argument(["name"], required=False)),
    ]


def _lines(shell: ShellState) -> list[click.Command]:
    def echo(text: tuple[str, ...]) -> None:
        """Print text."""
        click.echo(" ".join(text))

    def clear() -> None:
        """Clear the screen."""
        click.clear()

    def history() -> None:
        """Show earlier input; passwords are left out."""
        click.echo("\n".join(f"{number:>4}  {line}" for number, line in enumerate(shell.typed, 1)))

    def help_(words: tuple[str, ...]) -> int:
        """Show the commands available here, or help for a command."""
        wanted = list(words)
        if not words and shell.session.place.steps:
            shell.session.show(f"{here.help_text(shell.session.place)}\n\n{_own_help(shell)}\n\n{_BEYOND}")
            return problems.OK
        if wanted and wanted[0] not in shell.own:
            with contextlib.suppress(SyntaxProblem):
                wanted = here.spelled_out(shell.session.place, [*wanted, "--help"])[:-1]
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            code = run(shell.root, [*wanted, "--help"], shell.session, program="")
        shell.session.show(text.getvalue().rstrip() + ("" if words else f"\n\n{_BEYOND}"))
        return code

    text = click.Argument(["text"], nargs=-1, type=click.UNPROCESSED)
    return [
        _word("echo", echo, "echo hello", text, context_settings=_plain),
        _word("clear", clear, "clear"),
        _word("history", history, "history | grep vm"),
        _word("help", help_, "help; help vm start; help list nics; help cd", click.Argument(["words"], nargs=-1)),
    ]


def _own_help(shell: ShellState) -> str:
    short_helps = {name: one.get_short_help_str(100) for name, one in shell.own.items() if not one.hidden}
    width = max(len(name) for name in short_helps)
    rows = [f"  {name:<{width}}  {text}" for name, text in short_helps.items()]
    return "\n".join(["Available everywhere (for the other commands: cd /, then help):", *rows])


_BEYOND = """Lines:
  list vms | grep web    pipe the output to a command of the system's shell
  list vms > vms.txt     write the output to a file; >> appends
  !ls -l                 run a command of the system's shell
  # anything             a comment"""


def _disconnect(shell: ShellState) -> click.Command:
    def disconnect() -> None:
        """Close the connection. The session stays open on the engine: logout ends it."""
        shell.session.detach()

    return _word("disconnect", disconnect, "disconnect")


def _status(shell: ShellState) -> click.Command:
    from cli.commands.status import status

    def show_status(form: str) -> object:
        """Show how the last line ended, whether the shell is connected, and the state of the installation."""
        if form == "table":
            click.echo(f"last line  {shell.code:03} {problems.NAMES.get(shell.code, 'of the system')}")
            click.echo(f"shell      {'connected' if shell.session.connected else 'disconnected'}")
        if form == "table" and not shell.session.connected:
            return None
        return click.get_current_context().invoke(status, form=form)

    return _word("status", show_status, "status; status -o json", *(p for p in status.params if p.name == "form"))


def _leaving(shell: ShellState) -> list[click.Command]:
    def leave() -> None:
        """Leave the shell (also quit, EOF, Ctrl-D)."""
        shell.left = True

    others = [click.Command(name, callback=leave, help="Leave the shell.", hidden=True) for name in ("quit", "EOF")]
    return [_word("exit", leave, "exit"), *others]


def _word(
    name: str, callback: Callable[..., object], examples: str, *params: click.Parameter,
    context_settings: dict[str, bool] | None = None,
) -> click.Command:  # fmt: skip
    return click.Command(
        name, callback=callback, params=list(params), help=callback.__doc__, epilog=f"Examples: {examples}",
        context_settings=context_settings,
    )  # fmt: skip
