"""Connections that die at any moment: what was acknowledged is there once, what was refused is not there at all."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio

from actors.journal.embedded.server import EmbeddedPostgres
from actors.journal.port import Epoch, Journal, JournalUnavailable, StaleEpoch
from actors.journal.postgres import PostgresJournal
from actors.journal.writer import Durable, Failed, JournalWriter
from actors.kernel.ports import SeededRandom, TrioClock
from tests.actors.journal.changes import change, until
from tests.actors.journal.databases import PostgresDatabase, ask, passable_directory

quarrel = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'corral' AND datname = current_database()
"""


@attrs.define
class Outcomes:
    """What many clients were told about each of their changes."""

    durable: dict[str, int] = attrs.field(factory=dict)
    refused: set[str] = attrs.field(factory=set)
    open: set[str] = attrs.field(factory=set)
    fed: list[int] = attrs.field(factory=list)

    def submit(self, writer: JournalWriter, id: str) -> None:
        self.open.add(id)

        def done(answer: Durable | Failed) -> None:
            self.open.remove(id)
            if isinstance(answer, Durable):
                self.durable[id] = answer.first_sequence
            else:
                assert answer.refusal.code == "unavailable", answer
                self.refused.add(id)

        writer.submit(change(id, 1, command=f"c {id}"), done)

    async def check(self, journal: Journal) -> None:
        """Acknowledged = present, in entities, journal and feed; refused = absent; no gap, nothing twice."""
        assert not self.open
        rows = await journal.read(0, 1_000_000)
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        assert {row.id: row.sequence for row in rows} == self.durable
        assert len(rows) == len(self.durable)
        assert {row.id for row in (await journal.snapshot()).rows} == set(self.durable)
        assert self.fed == [row.sequence for row in rows]
        assert not self.refused & set(self.durable)


@asynccontextmanager
async def busy(journal: Journal) -> AsyncIterator[tuple[JournalWriter, Outcomes]]:
    """A writer with a client that submits all the time; in the end every answer has come."""
    epoch = await journal.acquire_lease("a", 600)
    assert epoch is not None
    writer = JournalWriter(
        journal, epoch, clock=TrioClock(), random=SeededRandom(1), on_deposed=lambda: pytest.fail("deposed")
    )
    outcomes = Outcomes()
    writer.on_rows(lambda rows: outcomes.fed.extend(row.sequence for row in rows))

    async def submit() -> None:
        number = 0
        while True:
            for _ in range(20):
                outcomes.submit(writer, f"x{number}")
                number += 1
            await trio.sleep(0.002)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        async with trio.open_nursery() as clients:
            clients.start_soon(submit)
            yield writer, outcomes
            clients.cancel_scope.cancel()
        await until(lambda: writer.available and not outcomes.open, 30)
        nursery.cancel_scope.cancel()


async def test_backends_that_are_terminated(postgres: PostgresDatabase) -> None:
    random = SeededRandom(5)
    async with postgres.connect() as journal:
        async with busy(journal) as (_, outcomes):
            for _ in range(25):
                await trio.sleep(random.uniform(0.01, 0.1))
                await trio.to_thread.run_sync(ask, postgres.dsn, quarrel)
            await trio.sleep(1)
        await outcomes.check(journal)
        assert outcomes.durable
        assert outcomes.refused


async def test_a_postmaster_that_is_killed() -> None:
    with passable_directory() as directory:
        server = EmbeddedPostgres(directory / "state")
        journal = PostgresJournal(await server.start())
        await journal.open()
        pids = [server.postgres_pid]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(server.watch, on_restart=pids.append))
            async with busy(journal) as (writer, outcomes):
                for _ in range(3):
                    await trio.sleep(0.3)
                    kill_9(server)
                    await until(lambda: not writer.available)
                    await until(lambda: writer.available)
                await trio.sleep(0.3)
            nursery.cancel_scope.cancel()
        await outcomes.check(journal)
        assert len(set(pids)) == 4
        assert len(outcomes.durable) > 100
        await journal.close()
        await server.stop()


def kill_9(server: EmbeddedPostgres) -> None:
    assert server.postgres_pid is not None
    os.kill(server.postgres_pid, signal.SIGKILL)


async def test_a_commit_cut_at_its_end_is_resolved(postgres: PostgresDatabase) -> None:
    """A slow commit is cut by the client: whether it lands is the server's affair, and `resolve` waits for it."""
    async with postgres.connect() as journal, postgres.connect() as other:
        epoch = await journal.acquire_lease("a", 600)
        assert epoch is not None
        committed = 0
        for group in range(1, 30):
            transactions = [change(f"x{group}-{n}", 1) for n in range(50)]
            with trio.move_on_after(0.0005 * group) as scope:
                await journal.append(epoch, transactions, group=group)
            results = await journal.resolve(epoch, transactions, group=group)
            if not scope.cancelled_caught:
                assert results is not None
            committed += results is not None
            assert (await other.head()).sequence == 50 * committed


async def test_while_the_server_is_away_calls_say_so(postgres: PostgresDatabase) -> None:
    calls: list[Callable[[Journal], Awaitable[object]]] = [
        lambda journal: journal.open(),
        lambda journal: journal.head(),
        lambda journal: journal.acquire_lease("a", 10),
        lambda journal: journal.append(Epoch(1), [change("x", 1)]),
        lambda journal: journal.resolve(Epoch(1), [change("x", 1)], group=1),
        lambda journal: journal.read(0, 1),
    ]
    nowhere = PostgresJournal("postgresql://corral@/corral?host=/nonexistent")
    for call in calls:
        with pytest.raises(JournalUnavailable):
            await call(nowhere)
    await nowhere.close()


async def test_a_restored_database_has_a_new_stream(postgres: PostgresDatabase) -> None:
    async with postgres.connect() as journal:
        epoch = await journal.acquire_lease("a", 600)
        assert epoch is not None
        await journal.append(epoch, [change("x", 1)])
        before = await journal.head()
        forget = "UPDATE epochs SET database_identity = 'the one that the backup was made of'"
        await trio.to_thread.run_sync(ask, postgres.dsn, forget)
        await trio.to_thread.run_sync(ask, postgres.dsn, quarrel)
        with pytest.raises((JournalUnavailable, StaleEpoch)):  # by whether the loss was noticed already
            await journal.append(epoch, [change("x", 2)])
        with pytest.raises(StaleEpoch):
            await journal.append(epoch, [change("x", 2)])
        async with postgres.connect() as again:
            after = await again.head()
            assert after.stream_id != before.stream_id
            assert (after.sequence, after.oldest_sequence) == (1, 2)
            epoch = await again.acquire_lease("a", 600)
            assert epoch is not None
            await again.append(epoch, [change("x", 2)])
            assert [row.sequence for row in await again.read(0, 10)] == [2]
            assert [row.sequence for row in await again.last_events("vm", 10)] == [2, 1]
