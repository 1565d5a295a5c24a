"""The file systems of a real guest stand still while they are frozen: a program that writes hangs, and goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import ovirtsdk4.types as types
import pytest

from cli.problems import REMOTE_ERROR
from tests.real.lab.running_lab import RunningLab, until

pytestmark = [pytest.mark.real, pytest.mark.slow]
WRITER = (
    "(n=0; while :; do n=$((n+1)); echo $n >/root/count; sync; echo $n >/run/count; sleep 0.1; done) & echo on-$((1+1))"
)
"""Each number is on the disk before it shows in memory, where it can be read whatever the disk does."""


@pytest.fixture(scope="module")
def writer(lab: RunningLab) -> Iterator[str]:
    """A VM whose guest writes to its disk all the time."""
    vm_id = lab.add_tiny("writer")
    lab.vm(vm_id).start()
    until("its agent reports", 120, lambda: lab.is_up(vm_id) and lab.vm(vm_id).get().fqdn)
    # The shell of the console notes each line in a file on the disk: it would hang with it.
    lab.console("writer", "HISTFILE=/run/history exec sh", "[#$] $")
    lab.console("writer", WRITER, "on-2")
    yield vm_id
    lab.vm(vm_id).stop()
    until("down", 30, lambda: lab.vm(vm_id).get().status == types.VmStatus.DOWN)
    lab.vm(vm_id).remove()


def test_a_write_hangs_until_the_vm_is_thawed(lab: RunningLab, writer: str) -> None:
    until("it writes", 20, lambda: _is_writing(lab))
    lab.corral("vm", "freezefilesystems", "writer")
    _until_said(lab, writer, "are frozen", 1)
    assert not _is_writing(lab), "it stands still"
    lab.vm(writer).freeze_filesystems()  # once more, by the SDK: harmless
    _until_said(lab, writer, "are frozen", 2)
    assert not _is_writing(lab)
    lab.vm(writer).thaw_filesystems()
    _until_said(lab, writer, "are thawed", 1)
    until("it goes on", 10, lambda: _is_writing(lab))
    lab.corral("vm", "thawfilesystems", "writer")
    _until_said(lab, writer, "are thawed", 2)


def test_a_guest_that_nobody_thaws_does_it_itself(lab: RunningLab, writer: str) -> None:
    before = sum("are frozen" in text for text in lab.events(writer))
    lab.corral("vm", "freezefilesystems", "writer")
    _until_said(lab, writer, "are frozen", before + 1)
    began = time.monotonic()
    time.sleep(30)
    assert not _is_writing(lab)
    until("it goes on by itself", 60, lambda: _is_writing(lab))
    assert time.monotonic() - began > 45


def test_a_frozen_vm_shuts_down(lab: RunningLab, writer: str) -> None:
    before = sum("are frozen" in text for text in lab.events(writer))
    lab.corral("vm", "freezefilesystems", "writer")
    _until_said(lab, writer, "are frozen", before + 1)
    lab.vm(writer).shutdown()
    until("down by its own will", 50, lambda: lab.vm(writer).get().status == types.VmStatus.DOWN)
    refused = lab.corral("vm", "freezefilesystems", "writer", expect=REMOTE_ERROR)
    assert "it must be up" in refused
    lab.vm(writer).start()
    until("up again", 120, lambda: lab.is_up(writer))


def _until_said(lab: RunningLab, vm_id: str, words: str, times: int) -> None:
    until(f"{words}: {times}", 60, lambda: sum(words in text for text in lab.events(vm_id)) >= times)


def _count(lab: RunningLab) -> int:
    found = re.search(r"count=(\d+)=", lab.console("writer", "echo count=$(cat /run/count)=", "count=[0-9]+="))
    assert found is not None
    return int(found[1])


def _is_writing(lab: RunningLab) -> bool:
    """Within two seconds another number was written; in a guest that stands still at most the one under way."""
    first = _count(lab)
    time.sleep(2)
    return _count(lab) > first + 1
