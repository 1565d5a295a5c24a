"""Every transcript is looked at to its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.actors.desk import desk


@pytest.fixture(autouse=True)
def every_when_has_its_then() -> Iterator[None]:
    desk.clear()
    yield
    desk.check()
