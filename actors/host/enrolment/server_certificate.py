"""Keeps the certificate that the engine's own servers show from expiring while they run. It must not end a connection:
those that stand go on with the old one, whoever connects from then on sees the new one."""

from __future__ import annotations

import logging
import pathlib
import ssl
import weakref
from collections.abc import Iterable
from typing import Final

import trio

from actors.host.enrolment.authority import Authority
from actors.kernel.ports import Clock

log = logging.getLogger("corral.certificate")

check_period_seconds_max: Final = 86_400.0
checks_in_a_life: Final = 20
"""A third of a life is left when a new certificate is due: that is six checks, should the disk be full at first."""


class ServerCertificate:
    """One certificate for every port of the engine. `files` are its certificate and key."""

    def __init__(self, authority: Authority, names: Iterable[str]) -> None:
        """Makes or reads the files: call it in a thread."""
        self._authority = authority
        self._names = tuple(names)
        self.files: tuple[pathlib.Path, pathlib.Path] = authority.server_files(self._names)
        self._shown = self.files[0].read_bytes()
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()

    def follow(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """This context, which shows the certificate now, shall show later ones too, as long as anybody uses it."""
        self._contexts.add(context)
        return context

    async def keep(self, clock: Clock) -> None:
        """Looks for ever."""
        period = min(check_period_seconds_max, self._authority.lifetimes.server_seconds / checks_in_a_life)
        while True:
            await clock.sleep(period)
            try:
                await self._check()
            except (OSError, ValueError) as error:  # among them `ssl.SSLError`; nobody is helped by an engine that ends
                log.error("the server's certificate is not renewed: %s", error)

    def _tried(self) -> tuple[tuple[pathlib.Path, pathlib.Path], bytes]:
        """The files, tried on a context that nobody uses: one that took the certificate and not the key would serve
        nobody. Runs in a thread."""
        files = self._authority.server_files(self._names)
        now = files[0].read_bytes()
        if now != self._shown:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files)
        return files, now

    async def _check(self) -> None:
        files, now = await trio.to_thread.run_sync(self._tried)
        if now == self._shown:
            return
        for context in list(self._contexts):
            context.load_cert_chain(*files)
        self._shown = now
        log.info("the servers show a new certificate")
