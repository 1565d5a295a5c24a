"""Brings the schema up to date, and gives the stream a new id when the database is not the one it was.

It must not undo a step: an older Corral refuses a newer database.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import attrs

from actors.journal.port import JournalTooNew
from actors.journal.postgres import statements as sql
from actors.journal.postgres.connections import Connection

_package: Final = "actors.journal.postgres.migrations"


@attrs.frozen
class Migration:
    """One step: `NNNN_name.sql`."""

    number: int
    name: str
    text: str


def migrations() -> tuple[Migration, ...]:
    """All steps, in order. Raises `ValueError` when a number is missing or there twice."""
    found = [
        Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in resources.files(_package).iterdir()
        if file.name.endswith(".sql")
    ]
    found.sort(key=lambda step: step.number)
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations are not numbered from 1 without gaps: {[step.name for step in found]}")
    return tuple(found)


async def migrate(connection: Connection) -> None:
    """Applies what is missing, in one transaction; two engines that start together take turns."""
    known = migrations()
    async with connection.transaction():
        await connection.execute(sql.lock_migrations)
        await connection.execute(sql.create_migrations)
        applied = {int(record["number"]) for record in await connection.fetch(sql.applied_migrations)}
        if applied and max(applied) > len(known):
            raise JournalTooNew(f"the database is at step {max(applied)}, this Corral knows {len(known)}")
        for step in known:
            if step.number not in applied:
                await connection.execute(step.text)
                await connection.execute(sql.note_migration, step.number, step.name)


async def settle_stream(connection: Connection, stream: str) -> str:
    """The id of the stream, which exists from then on. It is a new one after a restore or a failover.

    Source: pg_control_system() names the cluster, the first eight digits of a WAL file name its timeline
    (PostgreSQL documentation, "Backup Control Functions"). A plain copy of an older data directory has the same.
    """
    identity = await connection.fetchval(sql.identity)
    async with connection.transaction():
        await connection.execute(sql.create_stream, stream, identity)
        await connection.execute(sql.renew_stream, stream, identity)
        return str(await connection.fetchval(sql.stream_id, stream))
