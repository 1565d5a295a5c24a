"""Opens connections, drops broken ones, and says which errors mean that the database is away.

The only file that imports asyncpg.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from actors.journal.port import JournalError, JournalUnavailable, StaleEpoch
from actors.journal.postgres.asyncio_thread import Lock

Connection = Any  # asyncpg.Connection; asyncpg carries no types
UniqueError: Final = asyncpg.UniqueViolationError
MissingReference: Final = asyncpg.ForeignKeyViolationError
# What a value in a row can do wrong; the client's own refusal to encode it is an `asyncpg.DataError` too.
RowErrors: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, UnicodeError, OverflowError)

connect_timeout_seconds: Final = 10.0
statement_timeout_seconds: Final = 60.0

# Connection lost, transaction rolled back by the server, out of resources, shut down, read-only, broken disk.
_away_classes: Final = ("08", "40", "53", "57", "58", "XX")
_away_codes: Final = ("25006", "25P03", "55P03", "55000")

_settings: Final = {
    "application_name": "corral",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
    "lock_timeout": "20s",
    "statement_timeout": "50s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}

# Plans are made while the tables are still empty and kept: they must not read all entities to find the few that a
# group changes. (Seen: 30 us a change instead of 10 once there were 40,000.)
_writing_settings: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
}


class Slot:
    """One connection that is opened when needed, used by one call at a time, and dropped when it breaks."""

    def __init__(self, dsn: str, prepare_writing: Callable[[Connection], Awaitable[None]] | None = None) -> None:
        self._dsn = dsn
        self._prepare = prepare_writing
        self._settings = _settings | (_writing_settings if prepare_writing else {})
        self._lock = Lock()
        self._connection: Connection = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """The connection, for one call. Raises `JournalUnavailable` for whatever means that the database is away."""
        async with self._lock:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._connect()
                yield self._connection
            except StaleEpoch:
                raise
            except BaseException as error:
                self._drop()
                if isinstance(error, JournalError) or not is_away(error):
                    raise
                raise JournalUnavailable(f"{type(error).__name__}: {error}"[:300]) from error

    async def close(self) -> None:
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=connect_timeout_seconds)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    connection.terminate()

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=connect_timeout_seconds,
            command_timeout=statement_timeout_seconds,
            server_settings=self._settings,
        )
        if self._prepare is not None:
            try:
                await self._prepare(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()


def is_away(error: BaseException) -> bool:
    """True for errors that pass when the database is back, false for those of a row, of ours, and cancellation."""
    if isinstance(error, asyncpg.PostgresError):
        code = str(getattr(error, "sqlstate", None) or "08000")
        return code[:2] in _away_classes or code in _away_codes
    return isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError | OSError | TimeoutError)


def constraint_of(error: Exception) -> str:
    """The name of the violated constraint or unique index."""
    return str(getattr(error, "constraint_name", None) or "")


def count_of(status: str) -> int:
    """The number of rows in a command's status, such as `UPDATE 3`."""
    found = re.search(r"(\d+)$", status)
    return int(found[1]) if found else 0
