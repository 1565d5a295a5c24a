"""One lab for the whole session of tests that only use it; those that end it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.lab.running_lab import RunningLab


@pytest.fixture(scope="session")
def lab(real_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    running = RunningLab(tmp_path_factory.mktemp("lab"), "--hosts", "2")
    try:
        running.start()
        yield running
    finally:
        running.stop()
