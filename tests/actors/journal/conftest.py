"""The databases as fixtures: servers once a session, an empty database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.actors.journal.databases import (
    Database,
    MemoryDatabase,
    PostgresDatabase,
    debian_server,
    embedded_server,
    fresh_database,
)

_numbers = count(1)


@pytest.fixture(scope="session")
def embedded_dsn() -> Iterator[str]:
    with embedded_server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def debian_dsn() -> Iterator[str]:
    with debian_server() as dsn:
        yield dsn


@pytest.fixture(params=["memory", "embedded", "debian"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each of the three in turn."""
    if request.param == "memory":
        yield MemoryDatabase()
        return
    with fresh_database(request.getfixturevalue(f"{request.param}_dsn"), f"test{next(_numbers)}") as made:
        yield made


@pytest.fixture(params=["embedded", "debian"])
def postgres(request: pytest.FixtureRequest) -> Iterator[PostgresDatabase]:
    """Each real one in turn."""
    with fresh_database(request.getfixturevalue(f"{request.param}_dsn"), f"test{next(_numbers)}") as made:
        yield made
