"""Opens the serial console of a VM: a raw terminal, or lines to send and patterns to expect for scripts.

In scripts, control sequences are not printed.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from cli import index
from cli.client.contexts import GatewayContext
from cli.problems import OK, Problem, Remote, SyntaxProblem
from cli.session import locate, session
from cli.tree.noun_commands import names_of
from cli.values import Duration

if TYPE_CHECKING:
    from cli.client.live_socket import Socket

_ESCAPE = 0x1D  # Ctrl-]
_kept_characters_max = 256 * 1024
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|\r(?=\n)|\x07")
_EXAMPLES = """\b
Examples:
  corral console web1                      (Ctrl-] leaves)
  corral console web1 --send 'uname -r' --expect '[0-9]+[.][0-9]+' --timeout 30s
  corral console web1 --expect 'login:' --send root --send 'poweroff'"""


_STEPS = "cli.commands.console.steps"
_STEP_OPTIONS = {"--send": "send", "--expect": "expect"}


class _InOrder(click.Command):
    """Keeps the order in which --send and --expect were written, which click would lose."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        steps: list[tuple[str, str]] = []
        words = iter(args)
        for word in words:
            option, sign, value = word.partition("=")
            if option in _STEP_OPTIONS:
                steps.append((_STEP_OPTIONS[option], value if sign else next(words, "")))
        ctx.meta[_STEPS] = steps
        return super().parse_args(ctx, args)


@click.command(cls=_InOrder, epilog=_EXAMPLES)
@click.argument("name", metavar="VM", shell_complete=names_of("vm"))
@click.option("--send", multiple=True, help="Send this line. Can be repeated and mixed with --expect.")
@click.option("--expect", multiple=True, metavar="REGEX", help="Wait until the output matches.")
@click.option("--timeout", type=Duration(), default=60.0, show_default="60s", help="Time limit of each --expect.")
@click.pass_context
def console(ctx: click.Context, name: str, send: tuple[str, ...], expect: tuple[str, ...], timeout: float) -> int:
    """Open the serial console of a VM.

    With --send or --expect it does these in order, prints what the guest said and ends: 0 when every text came.
    """
    steps: list[tuple[str, str]] = ctx.meta.get(_STEPS, [])
    patterns = [(kind, _pattern(text) if kind == "expect" else text) for kind, text in steps]
    client = session.of(ctx).client()
    vm = locate.find_document(client, index.nouns()["vm"], "/vms", name)
    from cli.client import live_socket as client_live

    context = client.context
    url = f"{context.socket_url}/console/{quote(str(vm.get('id')), safe='')}"
    if steps:
        return client_live.run(lambda: _script(context, url, name, patterns, timeout))
    if not sys.stdin.isatty():
        raise SyntaxProblem("standard input is not a terminal. Use --send and --expect in scripts.")
    return client_live.run(lambda: _terminal(context, url, name))


async def _script(
    context: GatewayContext, url: str, name: str, steps: list[tuple[str, Any]], timeout_seconds: float
) -> int:
    import trio

    from cli.client.live_socket import open_socket

    heard = _Heard()
    try:
        async with open_socket(context, url) as socket:
            for kind, what in steps:
                if kind == "send":
                    await socket.send(what.encode() + b"\r")
                    continue
                with trio.move_on_after(timeout_seconds) as scope:
                    while not heard.take(what):
                        heard.add(_bytes_of(await socket.receive(), context))
                if scope.cancelled_caught:
                    raise Problem(
                        f"console of {name}: {what.pattern!r} did not appear within {timeout_seconds:g} s. {heard.last}"
                    )
            with trio.move_on_after(0.3):  # what comes right after the last line
                while steps[-1][0] == "send":
                    heard.add(_bytes_of(await socket.receive(), context))
    finally:
        heard.end()
    return OK


class _Heard:
    """What the guest has said; printed as it comes, kept to be matched."""

    def __init__(self) -> None:
        self.unread = ""
        self._printed = "\n"

    def add(self, data: bytes) -> None:
        text = _ANSI.sub("", data.decode("utf-8", "replace"))
        shown = "".join(one for one in text if one.isprintable() or one in "\n\t")
        click.echo(shown, nl=False)
        self._printed = shown or self._printed
        self.unread = (self.unread + text)[-_kept_characters_max:]

    def end(self) -> None:
        """Ends the line that the guest left open."""
        if not self._printed.endswith("\n"):
            click.echo()

    @property
    def last(self) -> str:
        """What came last, for a complaint."""
        unread = self.unread[-200:].strip().replace("\n", " | ")
        return f"The guest sent: {unread!r}" if unread else "The guest sent nothing."

    def take(self, pattern: re.Pattern[str]) -> bool:
        """Whether it has come; what is before its end is used up."""
        found = pattern.search(self.unread)
        if found is None:
            return False
        self.unread = self.unread[found.end() :]
        return True


async def _terminal(context: GatewayContext, url: str, name: str) -> int:
    import os
    import termios
    import tty

    import trio

    from cli.client.live_socket import Lost, open_socket

    async with open_socket(context, url) as socket:
        session.note(f"console of {name}; Ctrl-] leaves.")
        before = termios.tcgetattr(0)
        tty.setraw(0)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_type, socket, nursery.cancel_scope)
                while True:
                    os.write(1, _bytes_of(await socket.receive(), context))
        except* Lost:
            session.note("\r\nthe console was closed.\r")
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    session.note("")
    return OK


async def _type(socket: Socket, scope: Any) -> None:
    """Sends what is typed, up to the escape character."""
    import os

    import trio

    while True:
        await trio.lowlevel.wait_readable(0)
        data = os.read(0, 4096)
        before, escape, _ = data.partition(bytes([_ESCAPE]))
        if before:
            await socket.send(before)
        if escape or not data:
            scope.cancel()
            return


def _bytes_of(message: str | bytes, context: GatewayContext) -> bytes:
    """Binary is what the guest said; a text tells why the console ends. Raises `Remote`."""
    if isinstance(message, bytes):
        return message
    import json

    from cli.client.frames import refused

    try:
        refusal = json.loads(message)
    except ValueError as error:
        raise Remote(f"the console was closed: {message}") from error
    raise refused(refusal, context)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except re.error as error:
        raise SyntaxProblem(f"--expect {text!r} is not a valid regular expression: {error}.") from error
