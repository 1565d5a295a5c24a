"""P2: nodes that report statistics and heartbeats into a live engine, against a bare TLS WebSocket server.

The engine is `corral engine` in a process of its own with its embedded PostgreSQL, every host and VM a row in it; the
load is a third process and sends each frame to both servers, so the machine's moods hit both alike.
"""

from __future__ import annotations

import http.client
import json
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from actors.journal.embedded.server import EmbeddedPostgres
from bench import Grown, Row

_vms_each: Final = 16
_period_seconds: Final = 5.0
_hosts: Final = 250
_hosts_at_goal: Final = 2_500
_start_seconds: Final = 180.0
_ratio: Final = 1.5
_ratio_watched: Final = 1.8
_share_percent: Final = 25.0
_growth: Final = (1, 4, 16)


@attrs.frozen
class Used:
    """Shares of a core in per cent that each server used, at the nominal number of frames a second."""

    floor: float
    ours: float


def _cpu_seconds(pid: int) -> float:
    """Of the whole process, to the nanosecond: the kernel's clock of a process (clock_getcpuclockid(3)). The figures of
    /proc that psutil reads have steps of 10 ms, which is a tenth of what the bare server uses."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


@attrs.frozen
class Servers:
    bare_pid: int
    engine_pid: int
    load: trio.Process
    live_port: int
    token: str

    async def order(self, line: str) -> tuple[int, int]:
        """(frames sent to each server, samples that the subscriber got) so far."""
        assert self.load.stdin is not None
        await self.load.stdin.send_all(f"{line}\n".encode())
        sent, samples = (await _line(self.load)).split()
        return int(sent), int(samples)

    async def used(self, hosts: int, times: int, seconds: float) -> Used:
        """Sets the period, lets everybody find it, and measures for a while."""
        period = _period_seconds / times
        await self.order(f"every {period}")
        await trio.sleep(period + 0.25)
        pids = (self.bare_pid, self.engine_pid)
        began, (sent, _), before = time.perf_counter(), await self.order("count"), [_cpu_seconds(pid) for pid in pids]
        await trio.sleep(seconds)
        (sent_at_end, _), after = await self.order("count"), [_cpu_seconds(pid) for pid in pids]
        took = time.perf_counter() - began
        rate, nominal = (sent_at_end - sent) / took, 2 * hosts / period
        assert rate > 0.5 * nominal, f"the load sent {rate:.0f} frames a second of {nominal:.0f}"
        # A loaded machine sends somewhat fewer or more: what was used is brought to the nominal rate.
        shares = [(end - start) / took * 100 * nominal / rate for start, end in zip(before, after, strict=True)]
        return Used(*shares)


def _show(log: Path) -> None:
    sys.stderr.write(f"{log.name}: {log.read_text(errors='replace')[-3_000:]}\n")


async def _line(process: trio.Process) -> str:
    assert process.stdout is not None
    text = b""
    while not text.endswith(b"\n"):
        chunk = await process.stdout.receive_some()
        assert chunk, f"{process.args!r} ended"
        text += chunk
    return text.decode()


def _token(ready: dict[str, Any]) -> str:
    password = Path(ready["password_file"]).read_text().strip()
    host, port = ready["url"].removeprefix("https://").split(":")
    context = ssl.create_default_context(cafile=ready["ca_file"])
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=20)
    form = f"grant_type=password&scope=ovirt-app-api&username={ready['user']}&password={password}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/ovirt-engine/sso/oauth/token", form, headers)
    token = json.loads(connection.getresponse().read())["access_token"]
    connection.close()
    return str(token)


@asynccontextmanager
async def _process(*words: str, log: Path) -> AsyncIterator[trio.Process]:
    """A module of ours, ended by SIGTERM."""
    with log.open("wb") as errors:
        command = [sys.executable, "-m", *words]
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield process
    except BaseException:
        _show(log)
        raise
    finally:
        with trio.CancelScope(shield=True):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            with trio.move_on_after(20):
                await process.wait()
            if process.poll() is None:
                process.kill()


@asynccontextmanager
async def _database_goes_with(state_dir: Path) -> AsyncIterator[None]:
    """An engine keeps its data elsewhere when the database's account cannot pass its state directory."""
    try:
        yield
    finally:
        with trio.CancelScope(shield=True):
            await EmbeddedPostgres(state_dir).remove()


@asynccontextmanager
async def _running(directory: Path, hosts: int) -> AsyncIterator[Servers]:
    """Both servers and the nodes, all linked."""
    size = (str(hosts), str(_vms_each))
    log = directory / "log"
    async with (
        _database_goes_with(directory / "engine"),
        _process("bench.node_engine", str(directory), *size, log=log.with_suffix(".engine")) as engine,
    ):
        file = directory / "engine" / "ready.json"
        with trio.fail_after(_start_seconds):
            while not file.exists():
                assert engine.poll() is None, "the engine ended while it started"
                await trio.sleep(0.1)
        ready = json.loads(file.read_text())
        port = ready["node_url"].rpartition(":")[2]
        token = await trio.to_thread.run_sync(_token, ready)
        async with (
            _process("bench.node_floor", str(directory), log=log.with_suffix(".floor")) as bare,
            trio.open_nursery() as nursery,
        ):
            bare_port = (await _line(bare)).strip()
            words = ("bench.node_load", str(directory), *size, bare_port, port)
            async with _process(*words, log=log.with_suffix(".load")) as load:
                with trio.fail_after(_start_seconds):
                    assert await _line(load) == "joined\n"
                live_port = int(ready["live_url"].rstrip("/").rpartition(":")[2])
                yield Servers(bare.pid, engine.pid, load, live_port, token)
            nursery.cancel_scope.cancel()


async def _measure(hosts: int, seconds: float, times: tuple[int, ...], directory: Path) -> tuple[dict[int, Used], Used]:
    """Used at each multiple of the rate; and at the first once more, with a subscriber to all samples."""
    async with _running(directory, hosts) as servers:
        plain = {factor: await servers.used(hosts, factor, seconds if factor == 1 else seconds / 2) for factor in times}
        await servers.order(f"watch {servers.live_port} {servers.token}")
        watched = await servers.used(hosts, 1, seconds)
        _, samples = await servers.order("count")
        assert samples > hosts, f"the subscriber got {samples} samples"
    return plain, watched


def _rows(plain: dict[int, Used], watched: Used, hosts: int) -> list[Row]:
    """The goal is for 2,500 hosts; fewer are judged by their part of it."""
    part = hosts / _hosts_at_goal
    share = f"<= {_share_percent * part:g} % of a core"
    first = plain[1]
    growth = tuple(Grown(factor, plain[factor].floor, plain[factor].ours) for factor in _growth if factor in plain)
    rows = [
        Row(
            id="P2", what=f"{hosts:,} nodes x {_vms_each} VMs report every {_period_seconds:g} s, mutual TLS", unit="% core",
            goal=f"<= {_ratio:g}x, {share}", floor=first.floor, ours=first.ours, is_met=_is_met(first, _ratio, part),
            growth=growth if len(growth) > 1 else (),
        ),
        Row(
            id="P2", what="the same, a live subscriber to all samples besides", unit="% core",
            goal=f"<= {_ratio_watched:g}x, {share}", floor=watched.floor, ours=watched.ours,
            is_met=_is_met(watched, _ratio_watched, part),
        ),
    ]  # fmt: skip
    whole = plain.get(round(1 / part)) if part < 1 else None
    if whole is not None:  # no verdict: what the engine says to ten times as many links is not in it
        rows.append(
            Row(
                id="P2", what=f"the frames of {_hosts_at_goal:,} nodes over {hosts} links: lower bound", unit="% core",
                goal="-", floor=whole.floor, ours=whole.ours,
            )
        )  # fmt: skip
    return rows


def _is_met(used: Used, ratio: float, part: float) -> bool:
    return used.ours <= ratio * used.floor and used.ours <= _share_percent * part


def run(full: bool) -> list[Row]:
    """`growth` is in frames: 1x, 4x and 16x as often over the same links. `full` links 2,500 nodes as well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20_000)), hard))
    rows: list[Row] = []
    at_once = _hosts_at_goal // _hosts
    sizes = [(_hosts, tuple(sorted({*_growth, at_once})))]
    if full:
        sizes.append((_hosts_at_goal, (1,)))
    for hosts, times in sizes:
        with tempfile.TemporaryDirectory() as directory:
            plain, watched = trio.run(partial(_measure, hosts, 20.0 if full else 7.0, times, Path(directory)))
        rows += _rows(plain, watched, hosts)
    return rows
