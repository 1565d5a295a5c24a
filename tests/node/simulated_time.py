"""Runs marked tests on a clock that jumps, so that contract suites need not name it. It must not hold a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing


def _run(test: Callable[..., Awaitable[Any]], *, clock: object = None, **options: Any) -> Any:
    return trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0), **options)


on_simulated_time = pytest.mark.trio(run=_run)
