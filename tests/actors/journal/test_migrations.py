"""The schema is brought up to date once, by whoever comes first, and never brought down."""

from __future__ import annotations

import pytest
import trio

from actors.journal.port import JournalTooNew
from actors.journal.postgres import PostgresJournal
from actors.journal.postgres.schema import migrations
from tests.actors.journal.databases import PostgresDatabase, ask


def test_steps_are_numbered_from_one() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))


async def test_engines_that_start_together_take_turns(postgres: PostgresDatabase) -> None:
    journals = [PostgresJournal(postgres.dsn) for _ in range(4)]
    async with trio.open_nursery() as nursery:
        for journal in journals:
            nursery.start_soon(journal.open)
    streams = {(await journal.head()).stream_id for journal in journals}
    assert len(streams) == 1
    for journal in journals:
        await journal.close()
    rows = await trio.to_thread.run_sync(ask, postgres.dsn, "SELECT number FROM schema_migrations ORDER BY number")
    assert [row["number"] for row in rows] == [step.number for step in migrations()]


async def test_a_newer_database_is_left_alone(postgres: PostgresDatabase) -> None:
    async with postgres.connect():
        pass
    newer = "INSERT INTO schema_migrations (number, name) VALUES (9999, 'from the future')"
    await trio.to_thread.run_sync(ask, postgres.dsn, newer)
    journal = PostgresJournal(postgres.dsn)
    with pytest.raises(JournalTooNew, match="9999"):
        await journal.open()
    await journal.close()


async def test_it_needs_no_more_than_a_database_of_its_own(postgres: PostgresDatabase) -> None:
    """An ordinary role that owns the database is enough; it is taken on after connecting, since logins are by user."""
    name = postgres.dsn.partition("?")[0].rpartition("/")[2]
    await trio.to_thread.run_sync(ask, postgres.dsn, f"CREATE ROLE {name}_owner LOGIN")
    await trio.to_thread.run_sync(ask, postgres.dsn, f"ALTER DATABASE {name} OWNER TO {name}_owner")
    await trio.to_thread.run_sync(ask, postgres.dsn, f"ALTER ROLE corral IN DATABASE {name} SET role = {name}_owner")
    async with postgres.connect() as journal:
        assert await journal.acquire_lease("a", 10) == 1
    (row,) = await trio.to_thread.run_sync(
        ask, postgres.dsn, "SELECT tableowner FROM pg_tables WHERE tablename = 'epochs'"
    )
    assert row["tableowner"] == f"{name}_owner"
