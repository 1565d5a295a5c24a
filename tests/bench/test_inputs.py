"""Benchmarks run seldom: each of their modules is imported here, and what they measure on is made, in small.

No figure is judged: machines differ.
"""

from __future__ import annotations

import datetime
import importlib
import pkgutil
from pathlib import Path

import pytest

import bench
from actors.journal.memory.journal import MemoryStore
from actors.kernel.ports import TrioClock
from actors.vm.state import VmState
from bench import p01_ask, p03_journal, p06_fanout, p11_idle_child, p15_help
from bench.__main__ import found, lines
from bench.inventory import stocked_engine
from bench.node_engine import host_id, stock, vm_id
from bench.node_load import ReportingNodes
from protocol.codec import decode
from protocol.document import Ref
from protocol.node.reports import StatisticsBatch
from tests.engine.names import named_id

_now = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(bench.__path__)])
def test_every_module_can_be_imported(module: str) -> None:
    imported = importlib.import_module(f"bench.{module}")
    assert callable(getattr(imported, "run", None)) == (module in found())


def test_hosts_and_vms_of_the_node_benchmark() -> None:
    rows = list(stock(2, 3, Ref(id=named_id("cluster")), _now))
    assert [row.kind for row in rows] == ["host", "vm", "vm", "vm"] * 2
    last = decode(rows[-1].state)
    assert isinstance(last, VmState)
    assert (last.id, last.host_id, last.status) == (vm_id(1, 2), host_id(1), "up")


async def test_statistics_of_the_node_benchmark() -> None:
    batch = decode(ReportingNodes(Path("/"), 2, 3, 1, 2).batch(1))
    assert isinstance(batch, StatisticsBatch)
    assert [len(rows) for rows in (batch.domains, batch.nics, batch.disks)] == [3, 3, 3]


async def test_inventory_of_the_gateway_benchmarks() -> None:
    async with stocked_engine(vms=4) as made:
        assert made.document("vm", named_id("vm-0")).status == "up"
        assert len(p06_fanout.frame_of(made)) > 1_000


async def test_small_rounds() -> None:
    assert await p01_ask.channels(2, 5) > 0
    assert await p01_ask.actors(2, 5) > 0
    assert await p03_journal.rate(MemoryStore(TrioClock()).connect(), 20, 50) > 0
    for count in (p11_idle_child.tasks, p11_idle_child.children):
        assert isinstance(await count(5), float)


def test_programs_answer() -> None:
    assert [row.id for row in p15_help.rows(1)] == ["P15"] * 3


def test_a_row_is_shown() -> None:
    row = bench.Row(id="P0", what="nothing", unit="ms", floor=2, ours=3, goal="<= 2x", is_met=True)
    assert "1.50x" in next(lines(row))
