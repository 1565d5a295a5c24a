"""Our own server: made, adopted, killed, stopped, started again, and closed to everybody else."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import trio

from actors.journal.embedded.place import EmbeddedPostgresError, find_binaries, server_account
from actors.journal.embedded.process import postmaster_of, server_processes
from actors.journal.embedded.server import EmbeddedPostgres
from tests.actors.journal.changes import change, row, until
from tests.actors.journal.databases import PostgresDatabase, ask, passable_directory

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")


@pytest.fixture
def directory() -> Iterator[Path]:
    with passable_directory() as made:
        yield made


@asynccontextmanager
async def started(directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(directory / "state", elsewhere=directory / "elsewhere")
    try:
        await server.start()
        yield server
    finally:
        with trio.CancelScope(shield=True):
            await server.stop()


async def test_it_starts_serves_and_stops(directory: Path) -> None:
    async with started(directory) as server:
        assert server.postgres_pid == postmaster_of(server.place.data)
        async with PostgresDatabase(server.dsn).connect() as journal:
            assert (await journal.head()).sequence == 0
        await server.stop()
        assert server.postgres_pid is None
        assert server_processes(server.place.data) == []
        await server.stop()


async def test_it_comes_back_with_its_data(directory: Path) -> None:
    async with started(directory) as server:
        async with PostgresDatabase(server.dsn).connect() as journal:
            epoch = await journal.acquire_lease("a", 10)
            assert epoch is not None
            await journal.append(epoch, [change("x", 1)])
    async with started(directory) as server:
        async with PostgresDatabase(server.dsn).connect() as journal:
            assert (await journal.snapshot()).rows == (row("x", 1),)


async def test_a_running_one_is_adopted(directory: Path) -> None:
    async with started(directory) as first, started(directory) as second:
        assert second.postgres_pid == first.postgres_pid
        assert second.dsn == first.dsn
        await second.stop()
        assert server_processes(first.place.data) == []


@pytest.mark.parametrize("mode", [0o711, 0o700])
async def test_those_that_start_at_once_share_one_server(directory: Path, mode: int) -> None:
    (directory / "state").mkdir(mode=mode)
    servers = [EmbeddedPostgres(directory / "state", elsewhere=directory / "elsewhere") for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for server in servers:
            nursery.start_soon(server.start)
    assert len({server.postgres_pid for server in servers}) == 1
    assert len({server.place for server in servers}) == 1
    for server in servers:
        await server.stop()


async def test_an_adopted_one_that_is_killed_is_started_again(directory: Path) -> None:
    async with started(directory) as first, started(directory) as second:
        pids: list[int] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(second.watch, on_restart=pids.append))
            await trio.sleep(0.1)
            killed = first.postgres_pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await until(lambda: pids)
            nursery.cancel_scope.cancel()
        assert pids == [second.postgres_pid] != [killed]
        assert await trio.to_thread.run_sync(ask, second.dsn, "SELECT 1 AS one")


async def test_a_kill_9_leaves_nothing_in_the_way(directory: Path) -> None:
    """The pid file now names a living process of somebody else's: PostgreSQL alone would refuse to start."""
    async with started(directory) as server:
        pid = server.postgres_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        file = server.place.data / "postmaster.pid"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
        await server.start()
        assert server.postgres_pid not in (pid, None)
        assert await trio.to_thread.run_sync(ask, server.dsn, "SELECT 1 AS one")


async def test_files_are_closed_to_others_and_parents_stay_as_they_were(directory: Path) -> None:
    (directory / "state").mkdir(mode=0o711)
    async with started(directory) as server:
        account = server_account()
        place = server.place
        assert place.base == directory / "state" / "postgres"
        for path in (place.data, place.sockets):
            assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o700, account.uid)
        assert place.base.stat().st_uid == os.geteuid()
        for path in (place.base, place.log, place.access, place.users):
            assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0, path
        for path in (directory, directory / "state"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o711


async def test_it_listens_on_its_socket_alone(directory: Path) -> None:
    async with started(directory) as server:
        for pid in server_processes(server.place.data):
            process = psutil.Process(pid)
            assert process.uids().real == server_account().uid != 0 or os.geteuid() != 0
            assert process.net_connections("inet") == []
        rules = await trio.to_thread.run_sync(ask, server.dsn, "SELECT type, auth_method FROM pg_hba_file_rules")
        assert [tuple(rule) for rule in rules] == [("local", "peer")]


@as_root
async def test_nobody_else_comes_in(directory: Path) -> None:
    async with started(directory) as server:
        socket = server.place.sockets / ".s.PGSQL.5432"
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({str(socket)!r})"
        done = await trio.run_process(
            ["/usr/bin/python3", "-c", script],
            user="nobody",
            group="nogroup",
            extra_groups=[],
            cwd="/",
            check=False,
            capture_stderr=True,
        )
        assert b"PermissionError" in done.stderr


@as_root
async def test_behind_a_closed_directory_it_lives_elsewhere(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = directory / "state"
    state.mkdir(mode=0o700)
    async with started(directory) as server:
        first = server.place.base
        assert first.parent == directory / "elsewhere"
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert f"keeps its data in {first}" in caplog.text
    async with started(directory) as server:
        assert server.place.base == first
    shutil.rmtree(state)
    state.mkdir(mode=0o700)
    async with started(directory) as server:
        assert server.place.base != first, "a new state directory must not find the old one's data"


@pytest.mark.parametrize("mode", [0o711, 0o700])
async def test_removed_it_leaves_nothing(directory: Path, mode: int) -> None:
    (directory / "state").mkdir(mode=mode)
    async with started(directory) as server:
        place = server.place
        await EmbeddedPostgres(directory / "state", elsewhere=directory / "elsewhere").remove()
        assert not place.base.exists()
        assert list((directory / "state").iterdir()) == []
        assert server_processes(place.data) == []
    await EmbeddedPostgres(directory / "state").remove()


async def test_a_path_too_long_for_a_socket_goes_elsewhere(directory: Path) -> None:
    deep = directory / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True, mode=0o755)
    server = EmbeddedPostgres(deep / "state", elsewhere=directory / "elsewhere")
    await server.start()
    assert server.place.base.parent == directory / "elsewhere"
    await server.stop()


@as_root
async def test_binaries_out_of_reach_are_copied_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = server_account()
    reachable = find_binaries(account, directory / "elsewhere", directory / "none")
    hidden = directory / "closed"
    hidden.mkdir(mode=0o700)
    package = reachable.parents[1]
    for source in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(source, hidden / source.name, symlinks=True)
    spec = SimpleNamespace(submodule_search_locations=[str(hidden / package.name)])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    copied = find_binaries(account, directory / "elsewhere", directory / "none")
    assert copied.is_relative_to(directory / "elsewhere")
    assert copied == find_binaries(account, directory / "elsewhere", directory / "none")
    shutil.rmtree(hidden / f"{package.name}.libs")
    async with started(directory) as server:
        assert await trio.to_thread.run_sync(ask, server.dsn, "SELECT 1 AS one")


async def test_a_server_that_cannot_start_says_why(directory: Path) -> None:
    async with started(directory) as server:
        await server.stop()
        (server.place.data / "postgresql.conf").write_text("no_such_setting = 1\n")
        with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
            await server.start()


async def test_data_of_an_unknown_version_is_left_alone(directory: Path) -> None:
    async with started(directory) as server:
        await server.stop()
        (server.place.data / "PG_VERSION").write_text("9\n")
        with pytest.raises(EmbeddedPostgresError, match="has no PostgreSQL 9"):
            await server.start()
