"""The journal in PostgreSQL 15 or newer. Its functions run in the asyncio thread."""

from actors.journal.postgres.journal import PostgresJournal

__all__ = ["PostgresJournal"]
