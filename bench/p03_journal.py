"""P3: durable state changes a second, row and journal row, each acknowledged, against a bare group-commit writer.

Both change the same entities, with as many changes on the way, on the same kind of server.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import trio

from actors.journal.embedded.server import EmbeddedPostgres
from actors.journal.port import EntityRow, EntityWrite, Journal, JournalEntry, Transaction
from actors.journal.postgres import PostgresJournal
from actors.journal.writer import Durable, Failed, JournalWriter
from actors.kernel.ports import SystemRandom, TrioClock, system_wall
from bench import Grown, Row, side_by_side
from protocol import limits

entities_least: Final = 2_500
on_the_way: Final = 2_000
changes_a_batch: Final = limits.commit_rows_max // 2
state, document, event = b"s" * 600, b"d" * 600, b"e" * 120

bare_tables = """
CREATE TABLE bare_entities (id text PRIMARY KEY, version bigint NOT NULL, state bytea NOT NULL, document bytea NOT NULL);
CREATE TABLE bare_journal
    (sequence bigserial PRIMARY KEY, id text NOT NULL, event bytea NOT NULL, document bytea NOT NULL);
"""
bare_write = """
INSERT INTO bare_entities SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[])
ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state, document = excluded.document
"""
bare_append = """
INSERT INTO bare_journal (id, event, document) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])
"""


class Clients:
    """As many changes on the way as allowed, round after round over all entities; the clock runs after the first."""

    def __init__(self, entities: int, changes: int) -> None:
        self._ids = [f"{number:06}" for number in range(entities)]
        self._left = entities + changes
        self._unmeasured = entities
        self._next = 0
        self._done = 0
        self._changes = changes
        self._began = 0.0
        self.rate = 0.0

    def start(self, submit: Callable[[str, int], None]) -> None:
        self._submit = submit
        for _ in range(min(on_the_way, len(self._ids))):
            self._one()

    def _one(self) -> None:
        if self._left:
            self._left -= 1
            turn, place = divmod(self._next, len(self._ids))
            self._next += 1
            self._submit(self._ids[place], turn + 1)

    def acknowledged(self) -> bool:
        """One change is durable; returns whether all are."""
        self._done += 1
        if self._done == self._unmeasured:
            self._began = time.perf_counter()
        self._one()
        if self._done < self._unmeasured + self._changes:
            return False
        self.rate = self._changes / (time.perf_counter() - self._began)
        return True


def bare(dsn: str, entities: int, changes: int) -> float:
    """The floor: one asyncio loop, one connection, two statements a batch, nothing else."""
    _clear(dsn)
    return asyncio.run(_bare(dsn, entities, changes))


async def _bare(dsn: str, entities: int, changes: int) -> float:
    connection: Any = await asyncpg.connect(dsn, server_settings={"plan_cache_mode": "force_generic_plan"})
    await connection.execute(bare_tables)
    queue: deque[tuple[str, int]] = deque()
    clients = Clients(entities, changes)
    clients.start(lambda name, version: queue.append((name, version)))
    ended = False
    while not ended:
        batch = [queue.popleft() for _ in range(min(changes_a_batch, len(queue)))]
        ids, versions = [id for id, _ in batch], [version for _, version in batch]
        states, documents, events = [state] * len(batch), [document] * len(batch), [event] * len(batch)
        async with connection.transaction():
            await connection.execute(bare_write, ids, versions, states, documents)
            await connection.execute(bare_append, ids, events, documents)
        for _ in batch:
            ended = clients.acknowledged()
    await connection.close()
    return clients.rate


def ours(dsn: str, entities: int, changes: int) -> float:
    """The journal as the engine uses it: writer and bridge."""
    _clear(dsn)
    return trio.run(rate, PostgresJournal(dsn), entities, changes)


async def rate(journal: Journal, entities: int, changes: int) -> float:
    """Durable changes a second."""
    await journal.open()
    epoch = await journal.acquire_lease("bench", 600)
    assert epoch is not None
    writer = JournalWriter(journal, epoch, clock=TrioClock(), random=SystemRandom(), on_deposed=lambda: None)
    clients = Clients(entities, changes)
    now = system_wall()
    async with trio.open_nursery() as nursery:

        def done(answer: Durable | Failed) -> None:
            assert isinstance(answer, Durable), answer
            if clients.acknowledged():
                nursery.cancel_scope.cancel()

        def submit(id: str, version: int) -> None:
            row = EntityRow("vm", id, version, f"vm-{id}", "dc", state, document)
            entry = JournalEntry("vm", id, version, "vm.changed", event, document, "", now)
            writer.submit(Transaction((EntityWrite(row, version - 1),), (entry,)), done)

        clients.start(submit)
        nursery.start_soon(writer.run)
    await journal.close()
    return clients.rate


def _clear(dsn: str) -> None:
    """Leaves nothing of the other side's work to the server: no table to vacuum, no page to write."""

    async def clear() -> None:
        connection: Any = await asyncpg.connect(dsn)
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "CHECKPOINT"):
            await connection.execute(statement)
        await connection.close()

    asyncio.run(clear())


@contextmanager
def _server() -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="corral-bench-"))
    directory.chmod(0o711)
    server = EmbeddedPostgres(directory / "state")
    try:
        yield trio.run(server.start)
    finally:
        trio.run(server.stop)
        shutil.rmtree(directory)


def run(full: bool) -> Row:
    changes, rounds = (100_000, 5) if full else (12_000, 3)
    growth = []
    with _server() as dsn:
        for times in (1, 4, 16):
            entities = entities_least * times
            floor, mine = side_by_side(
                partial(bare, dsn, entities, changes), partial(ours, dsn, entities, changes), rounds
            )
            growth.append(Grown(times, floor, mine))
    first = growth[0]
    return Row(
        id="P3",
        what="durable state changes, row + journal row, acknowledged",
        unit="changes/s",
        floor=first.floor,
        ours=first.ours,
        goal=">= 0.75x bare group commit",
        is_met=first.ours >= 0.75 * first.floor,
        growth=tuple(growth),
    )
