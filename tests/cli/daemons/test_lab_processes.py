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
from cli.daemons.lab.daemon import wait_until_ready
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.last_words import last_words, progress
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
async def lab(folder: Path, word: str = "lab") -> AsyncIterator[trio.Process]:
    words = [sys.executable, "-m", "tests.cli.daemons.lab_with_fakes", word, str(folder), str(free_port())]
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
        assert (output["real_hosts"], output["shared_dir"], output["not_serving"]) == ([], None, [])
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
        assert (tmp_path / "engine" / "control.sock").exists()
        result = await trio.to_thread.run_sync(CliRunner().invoke, command, ["stop", "--dir", str(tmp_path)])
        assert "stopped 3 processes" in result.output, result.output
        assert not any(note.alive() for note in left)
        assert not (tmp_path / "engine" / "control.sock").exists()


async def test_a_second_lab_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with lab(tmp_path):
        engine = summary(tmp_path)["engine_pid"]
        for how in ((), ("--detach",)):
            words = [sys.executable, "-m", "cli.daemons.lab", "--dir", str(tmp_path), "--no-real", *how]
            refused = await trio.run_process(words, cwd=CHECKOUT, check=False, capture_stderr=True)
            assert refused.returncode == 1
            assert refused.stderr.startswith(b"Error: a lab is already running in")
        assert summary(tmp_path)["engine_pid"] == engine


async def test_a_lab_whose_engine_does_not_start_says_why_and_ends(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "tests.cli.daemons.lab_with_fakes",
        "broken-lab",
        str(tmp_path),
        str(free_port()),
    ]
    with trio.fail_after(SECONDS_MAX):
        failed = await trio.run_process(words, cwd=CHECKOUT, check=False, capture_stderr=True)
    assert failed.returncode == 1
    assert f"engine exited with code 7 before it served: no disk left; see {tmp_path}" in failed.stderr.decode()
    assert living(LabFolder(tmp_path)) == []


async def test_a_daemon_that_does_not_start_is_named_with_its_last_words_and_the_rest_serves(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    async with lab(tmp_path, "half-broken-lab"):
        (missing,) = summary(tmp_path)["not_serving"]
        assert missing["name"] == "simulated-nodes"
        assert missing["reason"].startswith("exited with code 7 before it served: no disk left; see ")
        assert [note.name for note in living(LabFolder(tmp_path))] == ["engine", "postgres"]
        shown = await trio.to_thread.run_sync(CliRunner().invoke, command, ["status", "--dir", str(tmp_path)])
        assert "simulated-nodes  not serving: exited with code 7" in shown.output, shown.output

        (tmp_path / "broken").unlink()
        await until(lambda: summary(tmp_path)["not_serving"] == [])
        assert "simulated-nodes" in [note.name for note in living(LabFolder(tmp_path))]


async def test_a_simulated_host_that_was_removed_is_named_and_the_rest_serves(tmp_path: Path) -> None:
    (tmp_path / "simulated").mkdir()
    (tmp_path / "simulated" / "removed").touch()
    async with lab(tmp_path):
        assert summary(tmp_path)["not_serving"] == [{"name": "sim-0002", "reason": "it was removed"}]


async def test_a_node_that_the_engine_refuses_fails_at_once_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "refused.json").write_text(json.dumps({"pid": 7, "reason": "Host 1 is not known here."}))
    with trio.fail_after(SECONDS_MAX), pytest.raises(LabError, match="Host 1 is not known here"):
        await wait_until_ready(tmp_path, 7)
    with trio.move_on_after(0.3) as waiting:
        await wait_until_ready(tmp_path, 8)  # another process's file
    assert waiting.cancelled_caught
    (tmp_path / "ready.json").write_text(json.dumps({"pid": 8}))
    with trio.fail_after(SECONDS_MAX):
        await wait_until_ready(tmp_path, 8)


def test_the_last_words_are_whole_lines_of_this_process_alone(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    log.write_text("of another process\n")
    begin = log.stat().st_size
    assert last_words(log, begin) == f"no output; see {log}"
    with log.open("a") as more:
        more.write("one\n  | two\n  | ^^^^\nthree\n  +----\nfour\n")
    assert last_words(log, begin) == f"two | three | four; see {log}"
    with log.open("a") as more:
        more.write("five " * 60 + "\nlast " + "x" * 200 + "\n")
    assert last_words(log, begin) == f"last {'x' * 200}; see {log}"


def test_the_progress_in_a_log_is_shown_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / "lab.log"
    log.write_text("lab: of an earlier lab\n")
    begin = log.stat().st_size
    assert progress(log, begin) == ([], begin)
    with log.open("a") as more:
        more.write("lab: starting engine\nurl  https://here\nlab: engine ser")
    lines, end = progress(log, begin)
    assert lines == ["lab: starting engine"]
    with log.open("a") as more:
        more.write("ves\n")
    assert progress(log, end) == (["lab: engine serves"], log.stat().st_size)


def test_no_real_host_and_two_real_hosts_contradict_each_other(tmp_path: Path) -> None:
    refused = CliRunner().invoke(command, ["--dir", str(tmp_path), "--no-real", "--real-hosts", "2"])
    assert (refused.exit_code, "contradict each other" in refused.output) == (2, True)


async def test_killing_a_real_host_of_a_lab_without_one_names_what_there_is(tmp_path: Path) -> None:
    async with lab(tmp_path):
        words = ["kill-host", "real-2", "--dir", str(tmp_path)]
        refused = await trio.to_thread.run_sync(CliRunner().invoke, command, words)
        assert "no real host real-2; real hosts: none" in refused.output, refused.output


def test_a_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="choose a shorter --dir"):
        open_folder(tmp_path / ("d" * 100))


def test_status_of_no_lab(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["status", "--dir", str(tmp_path)])
    assert (result.exit_code, "no lab is running" in result.output) == (3, True)


def test_the_engine_gets_the_settings_laid_into_the_folder_and_the_lab_has_the_last_word(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    folder.engine_settings.write_text("node_certificate_seconds = 30.0\nport = 1\n")
    settings = read(write_engine_configuration(folder, 9443, ["127.0.0.1"]), EngineConfig)
    assert (settings.node_certificate_seconds, settings.port) == (30.0, 9443)
    folder.engine_settings.write_text("30 seconds")
    with pytest.raises(LabError, match="not valid TOML"):
        write_engine_configuration(folder, 9443, ["127.0.0.1"])
