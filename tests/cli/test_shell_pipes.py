"""Pipes and redirections of the shell, with real processes on both sides."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.fake_gateway import FakeGateway
from tests.cli.transcript import PROGRAM, process


@pytest.fixture
def vms(fake: FakeGateway) -> FakeGateway:
    for name in ("web1", "web2", "db1"):
        fake.put("vms", name=name, status="up")
    return fake


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("list vms -o name | grep web", "web1\nweb2\n"),
        ("list vms | grep -c up", "3\n"),
        ("show vm web1 | head -1", "id      00000000-0000-0000-0000-000000000001\n"),
        ("list vms -o name | sort | head -1", "db1\n"),
        ("list vms --kwargs 'name=web1' -o name | tr a-z A-Z", "WEB1\n"),
        ("echo 'a | b' | cat", "a | b\n"),
        ("history | grep -c history", "1\n"),
    ],
)
def test_a_pipe(vms: FakeGateway, line: str, out: str) -> None:
    ran = process(line)
    assert (ran.code, ran.out, ran.err) == (0, out, "")


def test_what_is_piped_is_plain(vms: FakeGateway) -> None:
    assert process("list vms | cat").out == process("list vms").out
    assert "\x1b" not in process("list vms | cat").out


def test_the_exit_code_is_that_of_the_last(vms: FakeGateway) -> None:
    assert process("list vms | grep -q nothing").code == 1
    assert process("show vm none | cat").code == 0
    assert process("list vms | exit 7").code == 7
    assert process("list vms | kill -TERM $$").code == 128 + 15


def test_a_reader_that_leaves_early(vms: FakeGateway) -> None:
    for number in range(3000):
        vms.put("vms", name=f"many-{number}", description="x" * 80)
    ran = process("list vms --max 5000 -o json | head -1", "echo after")
    assert (ran.code, ran.out, ran.err) == (0, "[\nafter\n", "")


def test_a_reader_of_a_single_command_that_leaves_early(vms: FakeGateway) -> None:
    for number in range(3000):
        vms.put("vms", name=f"many-{number}", description="x" * 80)
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(PROGRAM)} list vms --max 5000 -o json"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[\n0\n", "")


def test_files(vms: FakeGateway, tmp_path: Path) -> None:
    file = tmp_path / "the vms"
    ran = process(f"list vms -o name > '{file}'", f"echo more >> '{file}'", f"!wc -l < '{file}'")
    assert (ran.code, ran.out.strip()) == (0, "4")
    assert file.read_text() == "web1\nweb2\ndb1\nmore\n"


def test_a_file_that_cannot_be_written(vms: FakeGateway) -> None:
    ran = process("list vms > /proc/none/such")
    assert ran.code != 0
    assert "/proc/none/such" in ran.err


def test_a_place_holds_in_a_pipe(vms: FakeGateway) -> None:
    assert process("cd vms", "list -o name | grep db", "pwd | cat").out == "db1\n/vms\n"
