"""What every command of one run shares: the context, one client, the place, the settings, the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cli.client.contexts import GatewayContext
    from cli.client.rest import Client
    from cli.session.place import ShellPlace
    from cli.session.settings import Settings


class CliSession:
    """Made once for a run of `corral`, or once for a whole interactive shell."""

    def __init__(self) -> None:
        self.context_name = ""
        self.filtered = False
        self.in_shell = False
        self.chosen: dict[str, str] = {}  # settings of this sitting, over those of the context
        self.asks = False  # a person types, and may be asked
        self.detached = False  # by `disconnect`: nothing is asked of a gateway until `connect`
        self._place: Any = None
        self._settings: Any = None
        self._client: Any = None

    def client(self) -> Client:
        """The client of the context in use; made at the first request."""
        if self._client is None:
            from cli.client.rest import Client

            self._client = Client(self.context(), filtered=self.filtered)
        made: Client = self._client
        return made

    def context(self) -> GatewayContext:
        """The login in use. Raises `LoggedOut` when there is none."""
        from cli.client import contexts
        from cli.problems import LoggedOut

        if self.detached:
            raise LoggedOut("disconnected. Connect again with: connect")
        return contexts.active(self.context_name or os.environ.get("CORRAL_CONTEXT", ""))

    @property
    def connected(self) -> bool:
        """Whether there is a login, and the gateway took it the last time."""
        from cli.problems import Problem

        try:
            return bool(self.context().token) and (self._client is None or self._client.answers)
        except Problem:
            return False

    @property
    def place(self) -> ShellPlace:
        """Where the shell stands; the top elsewhere."""
        if self._place is None:
            from cli.session.place import ShellPlace

            self._place = ShellPlace()
        found: ShellPlace = self._place
        return found

    @place.setter
    def place(self, place: ShellPlace) -> None:
        self._place = place

    @property
    def settings(self) -> Settings:
        """Those of the shell; the defaults elsewhere."""
        if self._settings is None:
            from cli.session.settings import Settings

            self._settings = Settings()
        found: Settings = self._settings
        return found

    def take_settings(self) -> None:
        """The settings that the context in use has saved, with those of this sitting over them."""
        from cli.client import contexts
        from cli.problems import Problem, SyntaxProblem
        from cli.session import settings

        try:
            saved = settings.loaded(self.context().settings)
        except SyntaxProblem as error:
            note(f"warning: the settings in {contexts.path()} are ignored: {error}")
            saved = settings.Settings()
        except Problem:
            saved = settings.Settings()
        self._settings = settings.loaded(self.chosen, saved)

    def attach(self, context_name: str) -> None:
        """Works with this login from now on, at the top."""
        self.close()
        self.context_name, self.detached, self._place = context_name, False, None

    def detach(self) -> None:
        """Works with none until `attach`."""
        self.close()
        self.detached, self._place = True, None

    def show(self, text: str) -> None:
        """Prints; with the pager of the settings when a person would see the end alone."""
        pager = self.settings.pager
        if not pager or not self.asks or not on_terminal():
            click.echo(text)
            return
        import shutil

        from cli.session import pipe

        if text.count("\n") + 2 <= shutil.get_terminal_size().lines:
            click.echo(text)
            return
        pipe.through(pager, lambda: click.echo(text))

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


def setting(name: str) -> Callable[[], Any]:
    """The default of an option: what the shell's setting says when the command runs."""
    return lambda: getattr(of(click.get_current_context()).settings, name)


def on_terminal() -> bool:
    """Whether a person reads standard output: colours, redrawing and progress are for them alone."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """One line of progress or news on standard error."""
    click.echo(text, err=True)
