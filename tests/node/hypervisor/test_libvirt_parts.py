"""The parts of the libvirt side that need no libvirtd: events, their pipe, errors, places, streams."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import trio

from node.domain_xml import LiveDomain
from node.hypervisor.libvirt import mounts as place
from node.hypervisor.libvirt.streams import open_socket
from protocol.errors import Unavailable
from protocol.node.domain import DomainObserved, DomainStatus, StopReason
from protocol.node.reports import DomainChanged

libvirt = pytest.importorskip("libvirt", reason="needs libvirt-python")

from node.hypervisor.libvirt.domains import Seen  # noqa: E402 - they need what the line above asks for
from node.hypervisor.libvirt.errors import is_lost, mapped  # noqa: E402
from node.hypervisor.libvirt.events import DomainMemory  # noqa: E402
from node.hypervisor.libvirt.loop import EventPipe, RawEvent  # noqa: E402

VM = "cccccccc-0000-4000-8000-000000000001"


def seen(step_id: str, status: DomainStatus = DomainStatus.RUNNING) -> Seen:
    observed = DomainObserved(vm_id=VM, status=status, started_step_id=step_id)
    return Seen(observed=observed, live=LiveDomain(name="vm-cccccccc", vm_id=VM, mark=None))


def life(event: int, detail: int = 0) -> RawEvent:
    return RawEvent(kind="lifecycle", incarnation=1, vm_id=VM, event=event, detail=detail)


def stopped(detail: int) -> RawEvent:
    return life(libvirt.VIR_DOMAIN_EVENT_STOPPED, detail)


def summary(change: DomainChanged | None) -> tuple[DomainStatus, StopReason | None, str]:
    assert change is not None
    return change.domain.status, change.stopped, change.domain.started_step_id


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("SHUTDOWN", StopReason.SHUTDOWN),
        ("DESTROYED", StopReason.DESTROYED),
        ("CRASHED", StopReason.CRASHED),
        ("FAILED", StopReason.CRASHED),
        ("SAVED", StopReason.SAVED),
        ("MIGRATED", StopReason.MIGRATED),
    ],
)
def test_why_a_running_domain_ended(detail: str, reason: StopReason) -> None:
    memory = DomainMemory()
    memory.learn(seen("step-1"))
    change = memory.change(stopped(getattr(libvirt, f"VIR_DOMAIN_EVENT_STOPPED_{detail}")), "last words")
    assert summary(change) == (DomainStatus.ABSENT, reason, "step-1")
    assert change is not None
    assert change.detail == "last words"
    assert memory.devices() == {}


def test_a_domain_that_never_ran_failed() -> None:
    memory = DomainMemory()
    memory.expect(VM, "step-1", "vm-cccccccc")
    change = memory.change(stopped(libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED))
    assert summary(change) == (DomainStatus.ABSENT, StopReason.FAILED, "step-1")
    assert memory.change(stopped(libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED)) is None


def test_domains_of_others_are_not_told() -> None:
    memory = DomainMemory()
    assert memory.change(life(libvirt.VIR_DOMAIN_EVENT_STARTED)) is None
    assert memory.change(stopped(libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)) is None


def test_the_end_of_an_older_qemu_does_not_take_the_next_one_with_it() -> None:
    memory = DomainMemory()
    memory.learn(seen("step-1"))
    memory.expect(VM, "step-2", "vm-cccccccc")
    end = memory.change(stopped(libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED))
    assert summary(end) == (DomainStatus.ABSENT, StopReason.DESTROYED, "step-1")
    end = memory.change(stopped(libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED))
    assert summary(end) == (DomainStatus.ABSENT, StopReason.FAILED, "step-2")


def test_an_io_error_is_the_detail_of_the_pause_that_follows() -> None:
    memory = DomainMemory()
    memory.learn(seen("step-1"))
    error = RawEvent(kind="io_error", incarnation=1, vm_id=VM, text="/data/disk: enospc")
    assert memory.change(error) is None
    pause = life(libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR)
    change = memory.change(pause)
    assert summary(change) == (DomainStatus.PAUSED, None, "step-1")
    assert change is not None
    assert (change.domain.reason, change.detail) == ("io_error", "/data/disk: enospc")
    again = memory.change(life(libvirt.VIR_DOMAIN_EVENT_RESUMED))
    assert again is not None
    assert (again.domain.status, again.domain.reason) == (DomainStatus.RUNNING, "")


def test_after_a_new_connection_only_what_is_there_is_known() -> None:
    memory = DomainMemory()
    memory.learn(seen("step-1"))
    memory.learn_all(())
    assert memory.change(stopped(libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)) is None


# --- the pipe -----------------------------------------------------------------------------------------------------


async def test_the_pipe_keeps_order_and_its_bound() -> None:
    pipe = EventPipe(size=10)
    await trio.to_thread.run_sync(lambda: [pipe.put(life(n)) for n in range(50)])
    got = []
    with trio.move_on_after(0.5):
        async for event in pipe.receive:
            pipe.taken()
            got.append(event)
    assert [event.event for event in got[:10]] == list(range(10))
    assert [event.kind for event in got[10:]] == ["overflow"]
    await trio.to_thread.run_sync(pipe.put, life(99))
    assert (await pipe.receive.receive()).event == 99


def test_the_pipe_takes_events_after_trio_has_ended() -> None:
    async def make() -> EventPipe:
        return EventPipe()

    trio.run(make).put(life(1))


# --- errors -------------------------------------------------------------------------------------------------------


def test_a_refused_connection_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(libvirt.libvirtError) as caught:
        libvirt.open(f"qemu+unix:///system?socket={tmp_path}/none")
    assert is_lost(caught.value)
    error = mapped(caught.value, doing="connect")
    assert isinstance(error, Unavailable)
    assert error.refusal.remedy


# --- places -------------------------------------------------------------------------------------------------------


def test_the_socket_behind_a_uri() -> None:
    assert place.socket_of("qemu+unix:///system?socket=/lab/run/libvirt-sock") == "/lab/run/libvirt-sock"
    assert place.socket_of("qemu:///system") == "/run/libvirt/libvirt-sock"
    assert place.socket_of("qemu+ssh://host/system") == ""
    assert place.socket_of("test:///x.xml") == ""


def test_who_listens_on_a_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        assert place.listener_pid(str(tmp_path / "s")) == os.getpid()
    assert place.listener_pid(str(tmp_path / "none")) == 0


def test_paths_of_this_namespace_stay_as_they_are() -> None:
    assert place.seen_by(os.getpid(), "/x") == "/x"
    assert place.seen_by(0, "/x") == "/x"
    assert place.seen_by(os.getpid(), "") == ""


def test_the_last_words_are_those_of_the_last_run() -> None:
    log = (
        "2026-01-01 00:00:00.000+0000: starting up libvirt version: 9.0.0\n"
        "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name x \\\n-msg timestamp=on\n"
        "qemu: error of an earlier run\n"
        "2026-01-02 00:00:00.000+0000: starting up libvirt version: 9.0.0\n"
        "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name x \\\n-msg timestamp=on\n"
        "char device redirected to /dev/pts/1 (label charserial0)\n"
        "qemu-system-x86_64: cannot go on\n"
        "2026-01-02 00:00:01.000+0000: shutting down, reason=crashed\n"
    )
    assert place.spoken_words(log).splitlines() == [
        "qemu-system-x86_64: cannot go on",
        "2026-01-02 00:00:01.000+0000: shutting down, reason=crashed",
    ]
    assert place.spoken_words("x" * 5_000).endswith("x" * 1_000)
    assert place.last_words(os.getpid(), "no-such-domain") == ""


async def test_a_socket_under_a_long_path_can_be_opened(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    descriptor = os.open(folder, os.O_PATH)
    with trio.socket.socket(socket.AF_UNIX) as listener:
        await listener.bind(f"/proc/self/fd/{descriptor}/s")
        listener.listen()
        stream = await open_socket(str(folder / "s"))
        peer, _ = await listener.accept()
        with peer:
            await stream.send_all(b"hello")
            assert await peer.recv(10) == b"hello"
        assert await stream.receive_some() == b""
        await stream.aclose()
    os.close(descriptor)
    with pytest.raises(OSError, match=r"refused|No such"):
        await open_socket(str(folder / "none"))
