"""Runs marked test classes on a clock that jumps, so that contract suites need not name it.

A folder that uses the mark re-exports `pytest_itemcollected` from its conftest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing


def _run(test: Callable[..., Awaitable[Any]], *, clock: object = None, **options: Any) -> Any:
    return trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0), **options)


on_simulated_time = pytest.mark.trio(run=_run)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Puts the mark of a class before the one that pytest-trio's automatic mode adds to each test."""
    if any(marker.kwargs.get("run") is _run for marker in item.iter_markers("trio")):
        item.add_marker(on_simulated_time, append=False)
