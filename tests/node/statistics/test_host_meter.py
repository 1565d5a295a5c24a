"""How busy a host is and with what: shares between two readings, this machine, a simulated one."""

from __future__ import annotations

import psutil
import pytest
import trio

from actors.kernel.ports import SeededRandom, TrioClock
from node.statistics.host_meter import CpuTimes, MachineMeter, WorldMeter
from node.world import World
from tests.node.one_vm import domain_spec


@pytest.mark.parametrize(
    ("before", "now", "shares"),
    [
        (CpuTimes(10, 100, 120), CpuTimes(40, 140, 220), (60.0, 30.0)),  # the kernel: the other 30
        (CpuTimes(10, 100, 120), CpuTimes(10, 200, 220), (0.0, 0.0)),
        (CpuTimes(10, 100, 120), CpuTimes(110, 100, 220), (100.0, 100.0)),
        (CpuTimes(10, 100, 120), CpuTimes(10, 100, 120), (0.0, 0.0)),  # no time between
        (CpuTimes(10, 100, 120), CpuTimes(10, 99, 220), (100.0, 0.0)),  # idle time stepped back
        (CpuTimes(10, 100, 120), CpuTimes(120, 140, 220), (60.0, 60.0)),  # never more than all that was busy
    ],
)
def test_shares_between_two_readings(before: CpuTimes, now: CpuTimes, shares: tuple[float, float]) -> None:
    assert now.shares_since(before) == pytest.approx(shares)


async def test_this_machine_is_measured_from_reading_to_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever thread reads: each reading is held against the one before it."""
    readings = [
        {"user": 10, "nice": 1, "system": 5, "idle": 80, "iowait": 4, "irq": 0, "softirq": 0, "steal": 0},
        {"user": 30, "nice": 11, "system": 13, "idle": 115, "iowait": 9, "irq": 1, "softirq": 11, "steal": 10},
    ]
    Times = type(psutil.cpu_times())

    def cpu_times() -> object:
        known = readings.pop(0)
        fields = {name: float(known.get(name, 7)) for name in Times._fields}  # a guest's time is in `user`
        return Times(**fields)

    monkeypatch.setattr(psutil, "cpu_times", cpu_times)
    meter = MachineMeter()
    with trio.fail_after(10):
        figures = await meter.read()
    assert (figures.cpu_percent, figures.cpu_user_percent) == pytest.approx((60.0, 30.0))
    assert figures.memory_used_bytes > 0


async def test_a_simulated_host_is_as_busy_as_its_vms(autojump_clock: object) -> None:
    world = World(TrioClock(), SeededRandom(1))
    host = world.add_host("h", "00000000-0000-4000-8000-000000000001")
    assert (await WorldMeter(host).read()).cpu_percent == 0.0
    host.start(domain_spec(disks=(), sockets=2), "step-1", ())
    figures = await WorldMeter(host).read()
    assert 0.0 < figures.cpu_user_percent < figures.cpu_percent
