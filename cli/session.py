"""What every command of one run shares: the context, one client, the terminal and how to print.

It must not know resources or commands.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cli.client import Client


class CliSession:
    """Made once for a run of `corral`, or once for a whole interactive shell."""

    def __init__(self) -> None:
        self.context_name = ""
        self.filtered = False
        self.interactive = False
        self._client: Any = None

    def client(self) -> Client:
        """The client of the context in use; made at the first request."""
        if self._client is None:
            from cli import contexts
            from cli.client import Client

            context = contexts.active(self.context_name or os.environ.get("CORRAL_CONTEXT", ""))
            self._client = Client(context, filtered=self.filtered)
        made: Client = self._client
        return made

    @property
    def connected(self) -> bool:
        return self._client is not None

    def close(self) -> None:
        """Lets go of the connection; the next request makes another."""
        if self._client is not None:
            self._client.close()
            self._client = None


def of(ctx: click.Context) -> CliSession:
    """The session of a running command."""
    found = ctx.find_object(CliSession)
    if found is None:
        found = CliSession()
        ctx.find_root().obj = found
    return found


def on_terminal() -> bool:
    """Whether a person reads standard output: colours, redrawing and progress are for them alone."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """One line of progress or news on standard error."""
    click.echo(text, err=True)
