"""A lab keeps its daemons running and ends all of them; the daemons are played by lab_with_fakes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from cli.daemons.configuration import read
from cli.daemons.engine.config import EngineConfig
from cli.daemons.lab.command import command
from cli.daemons.lab.contract import write_engine_configuration
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder, open_folder
from cli.daemons.lab.process_notes import living
from cli.daemons.lab.tools import poll_until

CHECKOUT = Path(__file__).parents[3]
SECONDS_MAX = 60.0


def free_port() -> int:
    """The first of three free ports in a row: a lab takes as many."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        try:
            for other in (port + 1, port + 2):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", other))
        except OSError:
            continue
        return port


@asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[trio.Process]:
    words = [sys.executable, "-m", "tests.cli.daemons.lab_with_fakes", "lab", str(folder), str(free_port()), "no-real"]
    process = await trio.lowlevel.open_process(words, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    try:
        await until(lambda: (folder / "lab.json").exists())
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with trio.CancelScope(shield=True):
                await process.wait()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(SECONDS_MAX):
        await poll_until(condition)


def summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "lab.json").read_text()))


async def test_says_where_it_serves_and_leaves_nothing_running(tmp_path: Path) -> None:
    async with lab(tmp_path) as process:
        output = summary(tmp_path)
        assert output["pid"] == process.pid
        assert (output["user"], output["password"], output["real_host"], output["hosts"]) == (
            "admin@internal",
            "secret",
            False,
            2,
        )
        assert (tmp_path / "lab.json").stat().st_mode & 0o077 == 0
        running = living(LabFolder(tmp_path))
        assert [note.name for note in running] == ["engine", "postgres", "simulated-nodes"]
        process.terminate()
        with trio.fail_after(SECONDS_MAX):
            assert await process.wait() == 0
        assert not [note for note in running if note.alive()]
        assert not (tmp_path / "lab.json").exists()


async def test_a_killed_engine_is_started_again_and_the_file_rewritten(tmp_path: Path) -> None:
    async with lab(tmp_path):
        before = summary(tmp_path)
        os.kill(before["engine_pid"], signal.SIGKILL)
        await until(lambda: summary(tmp_path)["engine_pid"] not in (None, before["engine_pid"]))
        assert summary(tmp_path)["pid"] == before["pid"]


async def test_what_a_killed_lab_left_is_ended_by_stop(tmp_path: Path) -> None:
    async with lab(tmp_path) as process:
        left = living(LabFolder(tmp_path))
        process.kill()
        await process.wait()
        assert all(note.alive() for note in left)
        result = await trio.to_thread.run_sync(CliRunner().invoke, command, ["stop", "--dir", str(tmp_path)])
        assert "ended 3 processes" in result.output, result.output
        assert not any(note.alive() for note in left)


async def test_a_second_lab_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with lab(tmp_path):
        engine = summary(tmp_path)["engine_pid"]
        for how in ((), ("--detach",)):
            words = [sys.executable, "-m", "cli.daemons.lab", "--dir", str(tmp_path), "--no-real", *how]
            refused = await trio.run_process(words, cwd=CHECKOUT, check=False, capture_stderr=True)
            assert refused.returncode == 1
            assert refused.stderr.startswith(b"Error: a lab runs in")
        assert summary(tmp_path)["engine_pid"] == engine


async def test_a_lab_whose_engine_does_not_start_says_why_and_ends(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "tests.cli.daemons.lab_with_fakes",
        "broken-lab",
        str(tmp_path),
        str(free_port()),
        "no-real",
    ]
    with trio.fail_after(SECONDS_MAX):
        failed = await trio.run_process(words, cwd=CHECKOUT, check=False, capture_stderr=True)
    assert failed.returncode == 1
    assert "engine ended with 7 before it served: no disk left" in failed.stderr.decode()
    assert living(LabFolder(tmp_path)) == []


def test_a_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="choose a shorter --dir"):
        open_folder(tmp_path / ("d" * 100))


def test_status_of_no_lab(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["status", "--dir", str(tmp_path)])
    assert (result.exit_code, "no lab runs" in result.output) == (3, True)


def test_the_engine_gets_the_settings_laid_into_the_folder_and_the_lab_has_the_last_word(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    folder.engine_settings.write_text("node_certificate_seconds = 30.0\nport = 1\n")
    settings = read(write_engine_configuration(folder, 9443, ["127.0.0.1"]), EngineConfig)
    assert (settings.node_certificate_seconds, settings.port) == (30.0, 9443)
    folder.engine_settings.write_text("30 seconds")
    with pytest.raises(LabError, match="no TOML"):
        write_engine_configuration(folder, 9443, ["127.0.0.1"])
