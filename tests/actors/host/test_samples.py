"""From a node's counters to figures: rates, the first batch, counters that go back, clocks that stand still."""

from __future__ import annotations

import datetime

from actors.host.samples import sample
from protocol.live.engine import VmSample
from protocol.node.reports import DiskRow, DomainRow, NicRow, StatisticsBatch

AT = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
S = 1_000_000_000


def batch(
    seconds: float, *rows: DomainRow, nics: tuple[NicRow, ...] = (), disks: tuple[DiskRow, ...] = ()
) -> StatisticsBatch:
    return StatisticsBatch(
        at=AT + datetime.timedelta(seconds=seconds), period_seconds=5.0, cpu_percent=12.5, cpu_user_percent=10.0,
        memory_free_bytes=3, memory_used_bytes=4, load_average=0.5, domains=rows, nics=nics, disks=disks,
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
    host_samples = sample("h", None, batch(0))
    assert (host_samples.host_id, host_samples.at, host_samples.load_average) == ("h", AT, 0.5)
    assert (host_samples.cpu_percent, host_samples.cpu_user_percent) == (12.5, 10.0)
    assert (host_samples.memory_free_bytes, host_samples.memory_used_bytes, host_samples.vms) == (3, 4, ())


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


def test_a_counter_that_was_not_told_makes_no_rate_before_or_after() -> None:
    idle = batch(0, ("v", 0, 1, 1000, 400, 9, 0, 0, 10**12, 10**12))
    busy = batch(5, ("v", 0, 1, 1000, 400, 9, 0, 0, -1, -1))
    again = batch(10, ("v", 0, 1, 1000, 400, 9, 0, 0, 10**12 + 5, 10**12 + 5))
    for before, after in ((idle, busy), (busy, again)):
        seen = vm(before, after)
        assert (seen.disk_read_bytes_per_second, seen.disk_write_bytes_per_second) == (0.0, 0.0)


def test_a_vm_never_uses_more_than_all_of_its_cpus() -> None:
    before = batch(0, ("v", 0, 1, 1000, 400, 9, 0, 0, 0, 0))
    assert vm(before, batch(1, ("v", 5 * S, 1, 1000, 400, 9, 0, 0, 0, 0))).cpu_percent == 100.0


def test_a_vm_without_cpus_divides_nothing_by_zero() -> None:
    before = batch(0, ("v", 0, 0, 1000, 400, 9, 0, 0, 0, 0))
    assert vm(before, batch(10, ("v", 1 * S, 0, 1000, 400, 9, 0, 0, 0, 0))).cpu_percent == 10.0


def test_every_device_has_rates_of_its_own() -> None:
    before = batch(0, nics=(("v", "n1", 100, 200, 0, 0, 0, 0), ("v", "n2", 7, 7, 0, 0, 0, 0)),
                   disks=(("v", "d", 10, 20, 1, 2),))  # fmt: skip
    after = batch(10, nics=(("v", "n2", 7, 17, 1, 2, 3, 4), ("v", "n1", 1100, 2200, 0, 0, 0, 0)),
                  disks=(("v", "d", 1010, 4020, 11, 22),))  # fmt: skip
    host_samples = sample("h", before, after)
    assert host_samples.nics == (
        ("v", "n2", 0.0, 1.0, 7, 17, 1, 2, 3, 4), ("v", "n1", 100.0, 200.0, 1100, 2200, 0, 0, 0, 0),
    )  # fmt: skip
    assert host_samples.disks == (("v", "d", 100.0, 400.0, 1.0, 2.0),)


def test_a_device_seen_for_the_first_time_has_totals_and_no_rate() -> None:
    nics: tuple[NicRow, ...] = (("v", "n", 100, 200, 1, 2, 3, 4),)
    disks: tuple[DiskRow, ...] = (("v", "d", 1, 2, 3, 4),)
    for before in (None, batch(0)):
        host_samples = sample("h", before, batch(5, nics=nics, disks=disks))
        assert host_samples.nics == (("v", "n", -1.0, -1.0, 100, 200, 1, 2, 3, 4),)
        assert host_samples.disks == (("v", "d", -1.0, -1.0, -1.0, -1.0),)


def test_a_device_whose_counter_fell_has_no_rate() -> None:
    before = batch(0, nics=(("v", "n", 100, 200, 0, 0, 0, 0),), disks=(("v", "d", 10, 20, 1, 2),))
    after = batch(5, nics=(("v", "n", 300, 100, 0, 0, 0, 0),), disks=(("v", "d", 90, 90, 9, 1),))
    host_samples = sample("h", before, after)
    assert host_samples.nics[0][2:4] == (-1.0, -1.0)
    assert host_samples.disks[0][2:] == (-1.0, -1.0, -1.0, -1.0)


def test_a_shared_disk_is_counted_for_each_vm() -> None:
    before = batch(0, disks=(("v", "d", 0, 0, 0, 0), ("w", "d", 500, 0, 0, 0)))
    after = batch(1, disks=(("v", "d", 10, 0, 0, 0), ("w", "d", 520, 0, 0, 0)))
    assert [(vm_id, read) for vm_id, _, read, *_ in sample("h", before, after).disks] == [("v", 10.0), ("w", 20.0)]
