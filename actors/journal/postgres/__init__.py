"""The journal in PostgreSQL 15 or newer. Its functions run in the asyncio thread; it must not keep rows in memory."""

from actors.journal.postgres.journal import PostgresJournal

__all__ = ["PostgresJournal"]
