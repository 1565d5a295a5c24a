"""Statistics on their way into the database, on a virtual clock: a row a minute, none when it is away, none for ever."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from actors.journal import sampler as sampler_module
from actors.journal.memory.journal import MemoryJournal, MemoryStore
from actors.journal.port import Epoch, Sample
from actors.journal.sampler import Sampler, figures
from actors.kernel.ports import Ports, TrioClock
from protocol.live.engine import HostSamples
from tests.actors.journal.databases import Database
from tests.actors.storage.room import host_id, opened
from tests.engine.samples import host_samples, noon


def reported(host: str, *vms: str, after: float = 0.0, cpu: float = 5.0) -> HostSamples:
    """What a host reported `after` seconds after noon."""
    samples = host_samples(host, vms)
    return attrs.evolve(
        samples, at=noon + datetime.timedelta(seconds=after), cpu_percent=cpu,
        vms=tuple(attrs.evolve(vm, cpu_percent=cpu) for vm in samples.vms),
    )  # fmt: skip


@attrs.define
class CountingJournal(MemoryJournal):
    calls: list[int] = attrs.field(factory=list)

    async def store_samples(self, epoch: int, samples: Sequence[Sample]) -> None:
        self.calls.append(len(samples))
        await MemoryJournal.store_samples(self, epoch, samples)


@attrs.define
class Bench:
    store: MemoryStore
    journal: CountingJournal
    sampler: Sampler
    epoch: Epoch

    @property
    def stored(self) -> list[Sample]:
        return [kept for kept, _ in self.store.tables.samples]

    @property
    def names(self) -> list[str]:
        return sorted(f"{sample.kind}/{sample.id}" for sample in self.stored)


def known(*names: str) -> Callable[[str, str], bool]:
    return lambda kind, key: f"{kind}/{key}" in names


@asynccontextmanager
async def running(**settings: float) -> AsyncIterator[Bench]:
    clock = TrioClock()
    store = MemoryStore(clock)
    journal = CountingJournal(store)
    epoch = await journal.acquire_lease("engine", 1e9)
    assert epoch is not None
    fields = {"period_seconds": 60.0, "samples_kept_seconds": 3600.0, "commands_kept_seconds": 3600.0, **settings}
    sampler = Sampler(journal, epoch, known("host/h1", "host/h2", "vm/a", "vm/b"), clock, **fields)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sampler.run)
        await trio.sleep(0.5)  # never at the same moment as the sampler
        yield Bench(store, journal, sampler, epoch)
        nursery.cancel_scope.cancel()


async def test_the_newest_figures_of_a_minute_are_stored_in_one_call(autojump_clock: object) -> None:
    async with running() as bench:
        for second in range(59):
            bench.sampler.sampled(reported("h1", "a", "b", after=second, cpu=float(second)))
            bench.sampler.sampled(reported("h2", after=second))
            assert len(bench.sampler._newest) == 2, "no more than one of each host is kept"
            await trio.sleep(1)
        assert bench.stored == []
        await trio.sleep(2)
        assert bench.names == ["host/h1", "host/h2", "vm/a", "vm/b"]
        assert bench.journal.calls == [4]
        (vm,) = [sample for sample in bench.stored if sample.id == "a"]
        assert vm.at == noon + datetime.timedelta(seconds=58)
        assert figures(vm) == {
            "host_id": "h1", "cpu_percent": 58.0, "memory_bytes": 1024**3, "memory_used_bytes": 512 * 1024**2,
            "network_rx_bytes_per_second": 1000.0, "network_tx_bytes_per_second": 500.0,
            "disk_read_bytes_per_second": 10.0, "disk_write_bytes_per_second": 20.0,
        }  # fmt: skip
        (host,) = [sample for sample in bench.stored if sample.id == "h1"]
        assert figures(host) == {
            "vms": 2, "cpu_percent": 58.0, "cpu_user_percent": 20.0, "memory_used_bytes": 16 * 1024**3,
            "memory_free_bytes": 48 * 1024**3, "load_average": 0.5,
        }  # fmt: skip


async def test_who_said_nothing_in_a_minute_gets_no_row(autojump_clock: object) -> None:
    async with running() as bench:
        bench.sampler.sampled(reported("h1"))
        bench.sampler.sampled(reported("h2"))
        await trio.sleep(61)
        bench.sampler.sampled(reported("h2", after=60))
        await trio.sleep(600)
        assert bench.names == ["host/h1", "host/h2", "host/h2"]


async def test_a_vm_that_moved_counts_where_it_was_last_and_strangers_do_not_count(autojump_clock: object) -> None:
    async with running() as bench:
        bench.sampler.sampled(reported("h2", "a", after=30))
        bench.sampler.sampled(reported("h1", "a", "a stray QEMU", after=10))
        bench.sampler.sampled(reported("a removed host", "b", after=40))
        await trio.sleep(61)
        assert bench.names == ["host/h1", "host/h2", "vm/a", "vm/b"]
        assert [figures(sample)["host_id"] for sample in bench.stored if sample.id == "a"] == ["h2"]


async def test_while_the_database_is_away_minutes_are_dropped_and_the_log_says_so_once(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "corral.samples")
    async with running() as bench:
        bench.store.away = True
        for minute in range(5):
            bench.sampler.sampled(reported("h1", after=60 * minute))
            await trio.sleep(60)
        await trio.sleep(1)
        assert len(caplog.records) == 1
        assert bench.sampler._newest == {}
        bench.store.away = False
        bench.sampler.sampled(reported("h1", after=300))
        await trio.sleep(60)
        assert [sample.at for sample in bench.stored] == [noon + datetime.timedelta(seconds=300)]
        assert [record.getMessage() for record in caplog.records][1:] == ["samples are stored again; rounds dropped: 5"]


async def test_a_deposed_engine_stores_nothing_and_goes_on(autojump_clock: object) -> None:
    async with running() as bench:
        await bench.store.connect().release_lease("engine", bench.epoch)
        assert await bench.store.connect().acquire_lease("another", 10.0) is not None
        bench.sampler.sampled(reported("h1"))
        await trio.sleep(200)
        assert bench.stored == []


async def test_old_rows_are_pruned(autojump_clock: object) -> None:
    async with running(samples_kept_seconds=600.0) as bench:
        for minute in range(60):
            bench.sampler.sampled(reported("h1", "a", after=60 * minute))
            await trio.sleep(60)
        await trio.sleep(1)
        assert 20 <= len(bench.stored) <= 22
        await trio.sleep(1200)
        assert bench.stored == []


async def test_many_rows_go_in_several_calls(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_module, "rows_at_once_max", 3)
    async with running() as bench:
        bench.sampler.sampled(reported("h1", "a", "b"))
        bench.sampler.sampled(reported("h2"))
        await trio.sleep(61)
        assert bench.journal.calls == [3, 1]


async def test_the_same_on_each_journal(database: Database) -> None:
    clock = Ports.system().clock
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 60)
        sampler = Sampler(
            journal, epoch, known("host/h1", "vm/a"), clock,
            period_seconds=0.2, samples_kept_seconds=60.0, commands_kept_seconds=60.0,
        )  # fmt: skip
        sampler.sampled(reported("h1", "a"))
        with trio.move_on_after(1.0):
            await sampler.run()
        pruned = await journal.prune(epoch, commands_older_seconds=60.0, samples_older_seconds=0.0)
        assert pruned.samples == 2


async def test_an_engine_stores_what_its_hosts_report(autojump_clock: object) -> None:
    async with opened() as room:
        room.engine.services.publish(reported(host_id, "a stray QEMU"))
        await trio.sleep(61)
        ((sample, _),) = room.store.tables.samples
        assert (sample.kind, sample.id) == ("host", host_id)


def test_a_row_of_another_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="layout 9"):
        figures(Sample("vm", "a", noon, bytes([0x92, 9, 0])))
