"""The three databases that the contract is tried on: memory, our own PostgreSQL, and Debian's."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import trio

from actors.journal.embedded.server import EmbeddedPostgres
from actors.journal.memory.journal import MemoryStore
from actors.journal.port import Journal
from actors.journal.postgres import PostgresJournal
from actors.kernel.ports import TrioClock

debian_binaries = Path("/usr/lib/postgresql/15/bin")


class Database(Protocol):
    """An empty database of a test's own."""

    def connect(self) -> Any:
        """An asynchronous context manager: one more open `Journal` on it."""


class MemoryDatabase:
    """The simulated one."""

    def __init__(self) -> None:
        self.store = MemoryStore(TrioClock())

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Journal]:
        journal = self.store.connect()
        await journal.open()
        yield journal
        await journal.close()


class PostgresDatabase:
    """One in a running server."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Journal]:
        journal = PostgresJournal(self.dsn)
        try:
            await journal.open()
            yield journal
        finally:
            with trio.CancelScope(shield=True):
                await journal.close()


def ask(dsn: str, question: str, *values: object) -> list[Any]:
    """Rows from a server, asked past the journal. Outside Trio, or in a thread of its own."""

    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            rows: list[Any] = await connection.fetch(question, *values)
            return rows
        finally:
            await connection.close()

    return asyncio.run(fetch())


def give(dsn: str, script: str) -> None:
    """Runs many statements in a server, past the journal. Outside Trio."""

    async def execute() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    asyncio.run(execute())


@contextmanager
def fresh_database(server_dsn: str, name: str) -> Iterator[PostgresDatabase]:
    """A new database in a server, dropped in the end with whoever is still connected."""
    ask(server_dsn, f'CREATE DATABASE "{name}"')
    head, _, tail = server_dsn.partition("?")
    yield PostgresDatabase(f"{head.rpartition('/')[0]}/{name}?{tail}")
    ask(server_dsn, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def passable_directory() -> Iterator[Path]:
    """A directory that a server's user can pass; pytest's own are closed to him."""
    path = Path(tempfile.mkdtemp(prefix="corral-test-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def embedded_server() -> Iterator[str]:
    """Our own PostgreSQL; gives its DSN."""
    with passable_directory() as directory:
        server = EmbeddedPostgres(directory / "state")
        dsn = trio.run(server.start)
        try:
            yield dsn
        finally:
            trio.run(server.stop)


@contextmanager
def debian_server() -> Iterator[str]:
    """A cluster of Debian's PostgreSQL 15 on a directory and a socket of its own; gives its DSN."""
    if not debian_binaries.exists():
        raise RuntimeError(
            f"{debian_binaries} is missing; as root: apt-get install --no-install-recommends postgresql-15"
        )
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    switch: dict[str, Any] = {}
    if os.geteuid() == 0:
        switch = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with passable_directory() as directory:
        os.chown(directory, account.pw_uid, account.pw_gid)

        def run(program: str, *arguments: str) -> None:
            command = [str(debian_binaries / program), "-D", str(directory / "data"), *arguments]
            log = directory / f"{program}.log"
            with log.open("wb") as output:
                done = subprocess.run(command, check=False, cwd=directory, stdout=output, stderr=output, **switch)
            if done.returncode != 0:
                raise RuntimeError(f"{command} failed:\n{log.read_text()}")

        run("initdb", "--username=corral", "--auth=peer", "--encoding=UTF8", "--no-locale")
        (directory / "data/pg_hba.conf").write_text("local all all peer map=corral\n")
        users = {account.pw_name, pwd.getpwuid(os.geteuid()).pw_name}
        (directory / "data/pg_ident.conf").write_text("".join(f"corral {user} corral\n" for user in users))
        run("pg_ctl", "start", "-w", "-l", str(directory / "log"), "-o", f"-c listen_addresses='' -k {directory}")
        try:
            yield f"postgresql://corral@/postgres?host={directory}"
        finally:
            run("pg_ctl", "stop", "-w", "-m", "fast")
