"""One session of the shell: the commands of `corral` without `corral` before them, over one connection."""

from __future__ import annotations

from collections.abc import Iterable

import click

from cli import problems
from cli.groups import LazyGroup
from cli.run.command_line import run
from cli.session import pipe
from cli.session.session import CliSession
from cli.shell import here, own_words
from cli.shell.line import parse, without_secrets

NOT_HERE = ("shell", "engine", "node", "guest", "simulated-nodes", "lab", "completion")


class Shell:
    """The session, the words, what was typed and how the last line ended."""

    def __init__(self, root: LazyGroup, shared: CliSession) -> None:
        self.session = shared
        self.session.in_shell = True
        self.session.take_settings()
        self.own = own_words.commands(self)
        self.root = root.with_words("The shell", self.own, NOT_HERE)
        self.typed: list[str] = []
        self.code = problems.OK
        self.left = False

    def run_lines(self, lines: Iterable[str], *, keep_going: bool) -> int:
        """Every line in order. Returns the code of the first that failed."""
        worst = problems.OK
        for line in lines:
            code = self.line(line)
            worst = worst or code
            if self.left or (code != problems.OK and not keep_going):
                break
        return worst

    def run_interactive(self, lines: Iterable[str]) -> int:
        """Lines as a person types them, until the person leaves."""
        self.session.asks = True
        click.echo("corral shell. Tab completes, help explains, exit leaves.")
        if self.session.connected:
            self.line("ping")
            self.typed.clear()
        else:
            click.echo("Not connected. Connect with: connect https://HOST:PORT USER")
        for line in lines:
            self.line(line)
            if self.left:
                break
        return problems.OK

    def line(self, text: str) -> int:
        """Runs one line and returns its exit code."""
        text = text.strip()
        if not text or text.startswith("#"):
            return problems.OK
        self.typed.append(without_secrets(text))
        self.code = self._run(text)
        return self.code

    def prompt(self) -> str:
        """What stands before the line: the login in use, whether it is connected, and the place."""
        if not self.session.connected:
            return "[corral (disconnected)]# "
        place = f" {self.session.place}" if self.session.place.steps else ""
        return f"[corral {self.session.context().name or 'environment'} (connected){place}]# "

    def _run(self, text: str) -> int:
        if text.startswith("!"):
            return pipe.system(text[1:])
        try:
            line = parse(text)
            words = self._spelled_out(line.words)
        except problems.Problem as error:
            click.echo(f"corral: {error}", err=True)
            return error.exit_code
        if line.into:
            return pipe.through(line.into, lambda: self._command(words))
        return self._command(words)

    def _command(self, words: list[str]) -> int:
        return run(self.root, words, self.session, program="")

    def _spelled_out(self, typed: list[str]) -> list[str]:
        """The words with what the place adds; a `corral` before them, as in the examples of the help, may stay."""
        typed = typed[1:] if typed[:1] == ["corral"] and len(typed) > 1 else typed
        if typed[0] in NOT_HERE:
            raise problems.SyntaxProblem(f"{typed[0]} runs outside the shell. Use: !corral {' '.join(typed)}")
        return here.spelled_out(self.session.place, typed)
