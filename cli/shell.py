"""The interactive shell: the same commands without `corral` before them, one connection, history and completion.

It must not have commands of its own beyond what a shell needs; prompt_toolkit is imported when a person types.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import IO

import click

from cli import contexts, index, problems, session
from cli.groups import LazyGroup
from cli.running import run
from cli.session import CliSession

OWN = {
    "connect": "connect [URL|CONTEXT] [USER] [PASSWORD] [--filter]: log in, or use a login that is there",
    "disconnect": "let go of the connection",
    "history": "what was typed before",
    "help": "help [WORDS]: this text, or the help of a command",
    "clear": "clear the screen",
    "echo": "echo TEXT: print it",
    "exit": "leave (also quit, EOF, Ctrl-D)",
    "!": "!COMMAND: run it in the system's shell",
}
_LEAVING = ("exit", "quit", "EOF")
_NOT_HERE = ("shell", "engine", "node", "guest", "simulated-nodes", "lab", "completion")


@click.command()
@click.option("--keep-going", "-k", is_flag=True, help="In a script: go on after a line that failed.")
@click.option("--file", "-f", "script", type=click.File(), help="Run the lines of a file instead of asking.")
@click.pass_context
def shell(ctx: click.Context, keep_going: bool, script: IO[str] | None) -> int:
    """An interactive shell with completion.

    Reads lines from standard input where that is no terminal; the first line that fails ends it with its exit code.
    """
    root = ctx.find_root().command
    assert isinstance(root, LazyGroup)
    made = Shell(root, session.of(ctx))
    if script is not None:
        return made.run_lines(script, keep_going=keep_going)
    if not sys.stdin.isatty():
        return made.run_lines(sys.stdin, keep_going=keep_going)
    return made.run_interactive()


class Shell:
    """One sitting."""

    def __init__(self, root: LazyGroup, shared: CliSession) -> None:
        self.root = root
        self.session = shared
        self.session.interactive = True
        self.typed: list[str] = []
        self.left = False
        self._own: dict[str, Callable[[list[str]], int]] = {
            "connect": self._connect,
            "disconnect": self._disconnect,
            "history": self._history,
            "help": self._help,
            "clear": self._clear,
            "echo": self._echo,
        }

    def run_lines(self, lines: Iterable[str], *, keep_going: bool) -> int:
        """Every line in order. Returns the code of the first that failed."""
        worst = problems.OK
        for line in lines:
            code = self.line(line)
            worst = worst or code
            if self.left or (code != problems.OK and not keep_going):
                break
        return worst

    def run_interactive(self) -> int:
        """Asks for lines until it is left."""
        click.echo("corral shell. Tab completes, help explains, exit leaves.")
        for line in _prompted(self):
            self.line(line)
            if self.left:
                break
        return problems.OK

    def line(self, line: str) -> int:
        """Runs one line and returns its exit code."""
        line = line.strip()
        if not line or line.startswith("#"):
            return problems.OK
        self.typed.append(line)
        if line.startswith("!"):
            return _system(line[1:])
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            click.echo(f"corral: {error}. Close the quotes.", err=True)
            return problems.SYNTAX_ERROR
        if words[0] in _LEAVING:
            self.left = True
            return problems.OK
        if words[0] in _NOT_HERE:
            click.echo(f"corral: {words[0]} runs outside the shell: !corral {line}", err=True)
            return problems.SYNTAX_ERROR
        if words[0] in self._own and "--help" not in words:
            return self._guarded(self._own[words[0]], words[1:])
        return run(self.root, words, self.session)

    def prompt(self) -> str:
        """What stands before the line: the login in use."""
        try:
            name = contexts.active(self.session.context_name).name or "environment"
        except problems.Problem:
            return "[not logged in] corral> "
        return f"[{name}] corral> "

    def _guarded(self, own: Callable[[list[str]], int], words: list[str]) -> int:
        try:
            return own(words)
        except problems.Problem as error:
            click.echo(f"corral: {error}", err=True)
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            return problems.INTERRUPTED

    def _connect(self, words: list[str]) -> int:
        from cli.login import ask_password, open_session

        self.session.filtered = "--filter" in words
        words = [word for word in words if word != "--filter"]
        kept = contexts.load()
        if not words or words[0] in kept.by_name:
            self.session.close()
            self.session.context_name = words[0] if words else self.session.context_name
            return run(self.root, ["ping"], self.session)
        url = contexts.clean_url(words[0])
        known = next((one for one in kept.by_name.values() if one.url == url), contexts.GatewayContext(name="shell"))
        wanted = dataclasses.replace(
            known, url=url, user=words[1] if len(words) > 1 else known.user or "admin@internal"
        )
        open_session(self.session, wanted, words[2] if len(words) > 2 else ask_password(wanted))
        return run(self.root, ["ping"], self.session)

    def _clear(self, words: list[str]) -> int:
        click.clear()
        return problems.OK

    def _echo(self, words: list[str]) -> int:
        click.echo(" ".join(words))
        return problems.OK

    def _disconnect(self, words: list[str]) -> int:
        self.session.close()
        return problems.OK

    def _history(self, words: list[str]) -> int:
        click.echo("\n".join(f"{number:>4}  {line}" for number, line in enumerate(self.typed, 1)))
        return problems.OK

    def _help(self, words: list[str]) -> int:
        if words and words[0] not in OWN:
            return run(self.root, [*words, "--help"], self.session)
        for name, short_help in OWN.items():
            if not words or words[0] == name:
                click.echo(f"  {name:<12} {short_help}")
        return problems.OK if words else run(self.root, ["--help"], self.session)


def completions(root: LazyGroup, text: str) -> Iterator[tuple[str, str, str]]:
    """What may follow the text: (word, its help, what of it is typed already)."""
    from click.shell_completion import ShellComplete

    try:
        words = shlex.split(text)
    except ValueError:
        return
    incomplete = words.pop() if words and not text.endswith(" ") else ""
    if words and words[0] == "help":
        words = words[1:]
    elif not words:
        for name, short_help in OWN.items():
            if name.startswith(incomplete) and name != "!":
                yield name, short_help, incomplete
    for item in ShellComplete(root, {}, "corral", "_CORRAL_COMPLETE").get_completions(words, incomplete):
        if item.type == "plain" and item.value not in _NOT_HERE:
            yield item.value, item.help or "", incomplete


def _prompted(owner: Shell) -> Iterator[str]:
    """Lines as a person types them. Ctrl-C empties the line, Ctrl-D ends."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory

    class FromTree(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            for word, short_help, typed in completions(owner.root, document.text_before_cursor):
                quoted = shlex.quote(word) if " " in word else word
                yield Completion(quoted, start_position=-len(typed), display=word, display_meta=short_help[:60])

    prompts: PromptSession[str] = PromptSession(
        history=FileHistory(_history_file()), completer=FromTree(), complete_in_thread=True, complete_while_typing=False
    )
    while True:
        try:
            yield prompts.prompt(owner.prompt())
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _history_file() -> str:
    """Readable by its owner alone: names and, by mistake, passwords end up in it."""
    path = os.path.join(index.cache_folder(), "history")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
    return path


def _system(command: str) -> int:
    """The system's shell, as the person asked."""
    return problems.OK if subprocess.call(command, shell=True) == 0 else problems.COMMAND_ERROR
