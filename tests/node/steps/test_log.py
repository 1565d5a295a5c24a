"""The step log after a crash at every byte, after compaction, and under writers that share an fsync."""

from __future__ import annotations

import os
import pathlib

import pytest
import trio

from node.steps.log import FileStepLog
from node.steps.store import (
    StepStatus,
    StepStore,
    begun_record,
    done_record,
    epoch_record,
    forget_record,
    forgotten_steps_max,
    host_record,
    stopped_record,
    storage_record,
)
from protocol.errors import HostFailed
from protocol.node.domain import DomainObserved, DomainStatus, StopReason
from protocol.node.receipts import stopped_receipt
from protocol.node.reports import DomainChanged, Done, StepDone


def done(step_id: str) -> StepDone:
    return StepDone(step_id=step_id, result=Done())


def stopped(vm_id: str, step_id: str) -> DomainChanged:
    domain = DomainObserved(vm_id=vm_id, status=DomainStatus.ABSENT, started_step_id=step_id)
    return DomainChanged(domain=domain, stopped=StopReason.CRASHED)


records = [
    host_record("h"),
    epoch_record(3),
    begun_record("a"),
    done_record(done("a")),
    storage_record("s", "/data"),
    begun_record("b"),
    stopped_record(stopped("v", "a")),
    epoch_record(5),
    forget_record(["a"]),
]


def picture(store: StepStore) -> object:
    return list(store.records())


async def test_after_a_crash_at_any_byte_a_prefix_of_the_records_is_there(tmp_path: pathlib.Path) -> None:
    book = FileStepLog(tmp_path / "whole")
    pictures, ends = [picture(book.store)], [(tmp_path / "whole").stat().st_size]
    for record in records:
        await book.write(record)
        pictures.append(picture(book.store))
        ends.append((tmp_path / "whole").stat().st_size)
    book.close()
    data = (tmp_path / "whole").read_bytes()
    torn = tmp_path / "torn"
    for size in range(ends[0], len(data) + 1):
        torn.write_bytes(data[:size])
        again = FileStepLog(torn)
        whole = max(n for n, end in enumerate(ends) if end <= size)
        assert picture(again.store) == pictures[whole], size
        await again.write(epoch_record(99))
        again.close()
        once_more = FileStepLog(torn)
        assert once_more.store.highest_epoch == 99, "what is written after a torn tail is read again"
        once_more.close()


async def test_a_turned_bit_ends_what_is_believed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "book"
    book = FileStepLog(path)
    await book.write(*records)
    book.close()
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    again = FileStepLog(path)
    assert again.store.step_status("a") is StepStatus.DONE, "only the last record is gone"
    again.close()


async def test_compaction_keeps_everything_that_counts(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "book"
    book = FileStepLog(path, compact_above=4096)
    await book.write(host_record("h"), epoch_record(7), storage_record("s", "/data"))
    for number in range(300):
        await book.write(begun_record(f"step-{number}"), done_record(done(f"step-{number}")))
        await book.write(forget_record([f"step-{number}"]))
    await book.write(begun_record("open"))
    assert path.stat().st_size < 40_000
    expected = picture(book.store)
    book.close()
    again = FileStepLog(path)
    assert picture(again.store) == expected
    assert again.store.step_status("step-0") is StepStatus.FORGOTTEN
    assert again.store.step_status("open") is StepStatus.BEGUN
    again.close()


async def test_writers_share_an_fsync_and_all_are_durable(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = FileStepLog(tmp_path / "book")
    syncs = []
    true_fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (syncs.append(fd), true_fsync(fd)))
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(book.write, begun_record(f"s{number}"))
    assert len(syncs) < 10
    book.close()
    again = FileStepLog(tmp_path / "book")
    assert all(again.store.step_status(f"s{n}") is StepStatus.BEGUN for n in range(100))
    again.close()


async def test_a_cancelled_writer_leaves_nothing_half_done(tmp_path: pathlib.Path) -> None:
    book = FileStepLog(tmp_path / "book")
    with trio.move_on_after(0):
        await book.write(epoch_record(1))
    await book.write(epoch_record(2))
    assert book.store.highest_epoch == 2
    book.close()


async def test_after_a_failed_write_nothing_is_believed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = FileStepLog(tmp_path / "book")

    def full(fd: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        with pytest.raises(HostFailed, match="No space"):
            await book.write(epoch_record(1))
    with pytest.raises(HostFailed, match="failed earlier"):
        await book.write(epoch_record(2))
    assert book.store.highest_epoch == 0
    book.close()


def test_a_foreign_file_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "book").write_bytes(b"something else")
    with pytest.raises(HostFailed, match="not a step log"):
        FileStepLog(tmp_path / "book")


def test_the_outbox_holds_outcomes_and_the_last_end_of_each_vm() -> None:
    store = StepStore()
    for record in (done_record(done("a")), stopped_record(stopped("v", "1")), stopped_record(stopped("v", "2"))):
        store.apply(record)
    assert list(store.outbox()) == [stopped("v", "2"), done("a")]
    store.apply(forget_record(["a", stopped_receipt(stopped("v", "2"))]))
    assert list(store.outbox()) == []
    assert store.step_status("a") is StepStatus.FORGOTTEN


def test_another_host_starts_anew() -> None:
    store = StepStore()
    store.apply(epoch_record(9))
    store.apply(host_record("new"))
    assert (store.highest_epoch, store.host_id) == (0, "new")


def test_forgotten_steps_are_bounded() -> None:
    store = StepStore()
    store.apply(forget_record([str(n) for n in range(forgotten_steps_max + 10)]))
    assert store.step_status("0") is StepStatus.NEW
    assert store.step_status(str(forgotten_steps_max)) is StepStatus.FORGOTTEN


def test_records_of_a_newer_version_are_passed_over() -> None:
    store = StepStore()
    store.apply(["invention", 1])
    store.apply(["epoch", "not a number"])
    assert store.highest_epoch == 0
