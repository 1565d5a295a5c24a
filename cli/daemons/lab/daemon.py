"""Keeps one daemon running, as a unit manager would: start, wait until it serves, start again; it knows no daemon."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.process_notes import forget_note, write_note
from cli.daemons.lab.tools import poll_until

BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 10.0
# One that lived as long as this starts anew with the shortest wait.
STEADY_SECONDS = 60.0


@attrs.frozen
class DaemonSpec:
    """How a daemon is started, seen to serve, and stopped.

    ``prepare`` is awaited before each start and returns the command line; ``serving`` returns once the process
    with the given id serves, and raises LabError when it never will.
    """

    name: str
    prepare: Callable[[], Awaitable[Sequence[str]]]
    serving: Callable[[int], Awaitable[None]]
    start_seconds: float = 60.0
    stop_seconds: float = 5.0


class Daemon:
    """One daemon of the lab: at most one process at a time, started again until stopped."""

    def __init__(self, folder: LabFolder, spec: DaemonSpec, restarted: Callable[[str], Awaitable[None]]) -> None:
        self.folder = folder
        self.spec = spec
        self._restarted = restarted
        self._process: trio.Process | None = None
        self._scope = trio.CancelScope()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def keep_running(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Runs until stop(); the first start must succeed, later ones are tried for ever.

        Raises LabError when the first start fails.
        """
        served = False
        delay_seconds = BACKOFF_FIRST_SECONDS
        with self._scope:
            while True:
                began = trio.current_time()
                try:
                    await self._start()
                    if served:
                        await self._restarted(self.spec.name)
                    else:
                        served = True
                        task_status.started()
                    assert self._process is not None
                    report(f"{self.spec.name} ended with {await self._process.wait()}")
                except LabError as failure:
                    await self._end_process()
                    if not served:
                        raise
                    report(str(failure))
                if trio.current_time() - began > STEADY_SECONDS:
                    delay_seconds = BACKOFF_FIRST_SECONDS
                report(f"starting {self.spec.name} again in {delay_seconds:.1f} s")
                await trio.sleep(delay_seconds)
                delay_seconds = min(2 * delay_seconds, BACKOFF_MAX_SECONDS)

    async def stop(self) -> None:
        """Ends the process with SIGTERM, then SIGKILL; it is not started again."""
        self._scope.cancel()
        await self._end_process()
        forget_note(self.folder, self.spec.name)

    async def _start(self) -> None:
        argv = list(await self.spec.prepare())
        with self.folder.log(self.spec.name).open("ab") as log:
            try:
                # A session of its own: an interrupt typed at the lab is for the lab, which stops in order.
                self._process = await trio.lowlevel.open_process(
                    argv, stdin=None, stdout=log, stderr=log, start_new_session=True, env=daemon_environment()
                )
            except OSError as failure:
                raise LabError(f"{self.spec.name} cannot be started: {failure}") from failure
        write_note(self.folder, self.spec.name, self._process.pid)
        await self._wait_until_serving(self._process)

    async def _wait_until_serving(self, process: trio.Process) -> None:
        name = self.spec.name
        with trio.move_on_after(self.spec.start_seconds) as deadline:
            async with trio.open_nursery() as nursery:

                async def watch() -> None:
                    await process.wait()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(watch)
                await self.spec.serving(process.pid)
                nursery.cancel_scope.cancel()
        if deadline.cancelled_caught:
            raise LabError(f"{name} does not serve after {self.spec.start_seconds:.0f} s; see {self.folder.log(name)}")
        if process.poll() is not None:
            raise LabError(f"{name} ended with {process.returncode} before it served: {self._last_words()}")

    async def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        with trio.CancelScope(shield=True):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                with trio.move_on_after(self.spec.stop_seconds):
                    await process.wait()
                    return

    def _last_words(self) -> str:
        lines = self.folder.log(self.spec.name).read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it wrote nothing"


async def wait_for_ready_file(path: Path, pid: int) -> None:
    """Waits for a ready file that the process itself wrote; one of its predecessor does not count."""
    await poll_until(lambda: read_ready_file(path).get("pid") == pid)


def read_ready_file(path: Path) -> dict[str, Any]:
    """What a daemon says about itself, or nothing while it does not serve."""
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def daemon_command(daemon: str, configuration: Path) -> list[str]:
    return [sys.executable, "-m", "cli.main", daemon, "--config", str(configuration)]


def daemon_environment() -> dict[str, str]:
    """The lab's own environment with unbuffered output, and system tools within reach."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PATH": f"{path}:/usr/sbin:/sbin"}


def report(line: str) -> None:
    print(f"lab: {line}", file=sys.stderr, flush=True)
