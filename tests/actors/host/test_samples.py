"""From a node's counters to figures: rates, the first batch, counters that go back, clocks that stand still."""

from __future__ import annotations

import datetime

from actors.host.samples import sample
from protocol.engine_messages import VmSample
from protocol.node_messages import StatisticsBatch

AT = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
S = 1_000_000_000


def batch(seconds: float, *rows: tuple[str, int, int, int, int, int, int, int, int, int]) -> StatisticsBatch:
    return StatisticsBatch(
        at=AT + datetime.timedelta(seconds=seconds), period_seconds=5.0, cpu_percent=12.5, memory_free_bytes=3,
        memory_used_bytes=4, load_average=0.5, domains=rows,
    )  # fmt: skip


def vm(before: StatisticsBatch | None, after: StatisticsBatch) -> VmSample:
    (one,) = sample("h", before, after).vms
    return one


def test_rates_are_per_second_of_what_really_passed() -> None:
    before = batch(0, ("v", 10 * S, 2, 1000, 400, 9, 100, 200, 300, 400))
    after = batch(10, ("v", 15 * S, 2, 1000, 400, 9, 1100, 2200, 3300, 4400))
    one = vm(before, after)
    assert one.cpu_percent == 25.0, "5 seconds of 10 on 2 virtual CPUs"
    assert (one.network_rx_bytes_per_second, one.network_tx_bytes_per_second) == (100.0, 200.0)
    assert (one.disk_read_bytes_per_second, one.disk_write_bytes_per_second) == (300.0, 400.0)


def test_the_host_figures_are_taken_as_they_are() -> None:
    said = sample("h", None, batch(0))
    assert (said.host_id, said.at, said.cpu_percent, said.load_average) == ("h", AT, 12.5, 0.5)
    assert (said.memory_free_bytes, said.memory_used_bytes, said.vms) == (3, 4, ())


def test_the_first_batch_has_no_rates() -> None:
    one = vm(None, batch(0, ("v", 10 * S, 1, 1000, 400, 9, 100, 200, 300, 400)))
    assert (one.cpu_percent, one.network_rx_bytes_per_second, one.disk_write_bytes_per_second) == (0.0, 0.0, 0.0)
    assert (one.memory_bytes, one.memory_used_bytes) == (1000, 600)


def test_a_vm_that_is_new_in_this_batch_has_no_rates() -> None:
    one = vm(batch(0), batch(5, ("v", 10 * S, 1, 1000, 400, 9, 100, 200, 300, 400)))
    assert (one.cpu_percent, one.network_tx_bytes_per_second) == (0.0, 0.0)


def test_counters_that_went_back_are_a_new_run() -> None:
    before = batch(0, ("v", 10 * S, 1, 1000, 400, 9, 100, 200, 300, 400))
    one = vm(before, batch(5, ("v", 1 * S, 1, 1000, 400, 9, 10, 20, 30, 40)))
    assert (one.cpu_percent, one.network_rx_bytes_per_second, one.disk_read_bytes_per_second) == (0.0, 0.0, 0.0)


def test_without_a_balloon_the_memory_of_qemu_counts() -> None:
    assert vm(None, batch(0, ("v", 0, 1, 1000, -1, 777, 0, 0, 0, 0))).memory_used_bytes == 777


def test_no_time_between_two_batches_is_taken_as_a_period() -> None:
    before = batch(5, ("v", 0, 1, 1000, 400, 9, 0, 0, 0, 0))
    for seconds in (5.0, 1.0):  # the same moment twice, and a clock that was set back
        one = vm(before, batch(seconds, ("v", 1 * S, 1, 1000, 400, 9, 50, 0, 0, 0)))
        assert one.network_rx_bytes_per_second == 10.0
        assert one.cpu_percent == 20.0


def test_a_vm_never_uses_more_than_all_of_its_cpus() -> None:
    before = batch(0, ("v", 0, 1, 1000, 400, 9, 0, 0, 0, 0))
    assert vm(before, batch(1, ("v", 5 * S, 1, 1000, 400, 9, 0, 0, 0, 0))).cpu_percent == 100.0


def test_a_vm_without_cpus_divides_nothing_by_zero() -> None:
    before = batch(0, ("v", 0, 0, 1000, 400, 9, 0, 0, 0, 0))
    assert vm(before, batch(10, ("v", 1 * S, 0, 1000, 400, 9, 0, 0, 0, 0))).cpu_percent == 10.0
