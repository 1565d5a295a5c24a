"""A PostgreSQL of our own: made, started, adopted, watched and stopped, reachable by a unix socket alone.

It must not need anything installed, nor give anybody but its account and the engine's user a way in.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import trio

from actors.journal.embedded import process
from actors.journal.embedded.files import (
    database,
    open_lock,
    open_log,
    role,
    server_settings,
    subprocess_options,
    tail,
    try_lock,
    write_access,
)
from actors.journal.embedded.place import (
    Account,
    DatabasePlace,
    EmbeddedPostgresError,
    default_elsewhere,
    find_binaries,
    find_place,
    find_present_place,
    forget_place,
    make_private,
    server_account,
)
from actors.kernel.ports import Clock, Ids, SystemIds, TrioClock

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

log = logging.getLogger("corral.journal")

start_timeout_seconds: Final = 120.0  # recovery after a crash included
backends_patience_seconds: Final = 10.0
stop_timeouts_seconds: Final = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))


class EmbeddedPostgres:
    """The server of one state directory. It outlives the engine; only `stop` ends it."""

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        elsewhere: Path | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._clock = clock or TrioClock()
        self._ids = ids or SystemIds()
        self._elsewhere = elsewhere or default_elsewhere()
        self._child: trio.Process | None = None
        self._pid: int | None = None
        self._place: DatabasePlace | None = None

    @property
    def postgres_pid(self) -> int | None:
        """The postmaster's process id, once started or adopted."""
        return self._pid

    @property
    def place(self) -> DatabasePlace:
        """Where data, socket and log are. Known once started."""
        assert self._place is not None, "not started"
        return self._place

    @property
    def dsn(self) -> str:
        """What a client connects to; it must run as this user or as the server's."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.place.sockets), safe='/')}"

    async def start(self) -> str:
        """Makes the data directory if there is none, starts the server or adopts the running one; returns the DSN.

        Raises `EmbeddedPostgresError`.
        """
        account, place, binaries = await trio.to_thread.run_sync(self._prepare)
        self._place = place
        async with self._start_lock(place):
            pid = process.postmaster_of(place.data)
            if pid is not None and await self._becomes_ready(place, pid):
                log.info("adopted the running PostgreSQL, process %d", pid)
            else:
                pid = await self._launch(account, place, binaries)
        self._pid = pid
        return self.dsn

    async def watch(self, on_restart: Callable[[int], None] | None = None) -> None:
        """Starts the server again whenever it ends, until cancelled. Raises `EmbeddedPostgresError` if it cannot."""
        while True:
            assert self._pid is not None, "not started"
            await process.wait_for_end(self._pid)
            await self._collect()
            log.error("PostgreSQL ended; starting it again")
            await self.start()
            if on_restart is not None:
                on_restart(self._pid)

    async def stop(self) -> None:
        """Ends the server: its clients are cut, what they committed is on disk. Harmless when it does not run."""
        pid = process.postmaster_of(self._place.data) if self._place else None
        if pid is None and self._child is not None:
            pid = self._child.pid
        if pid is not None:
            for number, seconds in stop_timeouts_seconds:
                process.send(pid, number)
                with self._clock.move_on_after(seconds) as scope:
                    await process.wait_for_end(pid)
                if not scope.cancelled_caught:
                    break
                log.error("PostgreSQL did not end within %s s of %s", seconds, number.name)
        await self._collect()
        self._pid = None

    async def remove(self) -> None:
        """Ends the server and deletes its data, also where it lives elsewhere: a deleted state directory leaves that."""
        place = find_present_place(self._state_dir)
        if place is None:
            return
        self._place = place
        await self.stop()
        await process.clear_backends(self._clock, place.data, backends_patience_seconds)
        await trio.to_thread.run_sync(forget_place, self._state_dir, place)

    def _prepare(self) -> tuple[Account, DatabasePlace, Path]:
        account = server_account()
        place = find_place(self._state_dir, account, self._elsewhere, self._ids.uuid()[:8])
        if place.base.parent != self._state_dir.resolve():
            log.warning("PostgreSQL keeps its data in %s: %s cannot pass %s", place.base, account.name, self._state_dir)
        return account, place, find_binaries(account, self._elsewhere, place.data)

    @asynccontextmanager
    async def _start_lock(self, place: DatabasePlace) -> AsyncIterator[None]:
        """One start at a time on a place, between processes."""
        with open_lock(place.lock) as file:
            with self._clock.move_on_after(2 * start_timeout_seconds) as scope:
                while not try_lock(file):
                    await self._clock.sleep(process.poll_seconds)
            if scope.cancelled_caught:
                raise EmbeddedPostgresError(f"another process holds {place.lock}")
            yield

    async def _make_data(self, account: Account, place: DatabasePlace, binaries: Path) -> None:
        """A new cluster, made beside and moved into place, so that a half-made one is never found."""
        if place.data.exists():
            return
        new = place.base / "data.new"
        await trio.to_thread.run_sync(lambda: shutil.rmtree(new, ignore_errors=True))
        make_private(new, account)
        options = ["--username", role, "--auth-local=peer", "--auth-host=reject", "--encoding=UTF8", "--no-locale"]
        await self._run(account, place, [str(binaries / "initdb"), "-D", str(new), *options, "--no-instructions"])
        create = f"CREATE DATABASE {database}".encode()
        await self._run(account, place, [str(binaries / "postgres"), "--single", "-D", str(new), "template1"], create)
        new.rename(place.data)

    async def _run(self, account: Account, place: DatabasePlace, command: list[str], stdin: bytes = b"") -> None:
        done = await trio.run_process(
            command,
            stdin=stdin,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
            **subprocess_options(account, place),
        )
        if done.returncode != 0:
            text = done.stdout.decode(errors="replace").strip()
            raise EmbeddedPostgresError(f"{Path(command[0]).name} failed: {text[-1000:]}")

    async def _launch(self, account: Account, place: DatabasePlace, binaries: Path) -> int:
        await process.clear_backends(self._clock, place.data, backends_patience_seconds)
        await self._collect()
        await self._make_data(account, place, binaries)
        make_private(place.sockets, account)
        process.remove_leftovers(place.data, place.sockets)
        write_access(place, account)
        arguments = [part for name, value in server_settings(place).items() for part in ("-c", f"{name}={value}")]
        with open_log(place) as output:
            self._child = child = await trio.lowlevel.open_process(
                [str(binaries / "postgres"), "-D", str(place.data), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **subprocess_options(account, place),
            )
        if not await self._becomes_ready(place, child.pid):
            await self._collect()
            raise EmbeddedPostgresError(f"PostgreSQL ended while starting: {tail(place.log)}")
        return child.pid

    async def _becomes_ready(self, place: DatabasePlace, pid: int) -> bool:
        """True when the postmaster takes connections, False when it ends instead."""
        with self._clock.move_on_after(start_timeout_seconds):
            async with trio.open_nursery() as nursery:
                ended = trio.Event()

                async def end() -> None:
                    await process.wait_for_end(pid)
                    ended.set()

                nursery.start_soon(end)
                while not ended.is_set():
                    if process.is_ready(place.data) and process.postmaster_of(place.data) == pid:
                        nursery.cancel_scope.cancel()
                        return True
                    await self._clock.sleep(process.poll_seconds)
            return False
        raise EmbeddedPostgresError(f"PostgreSQL is not ready after {start_timeout_seconds} s: {tail(place.log)}")

    async def _collect(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.wait()
