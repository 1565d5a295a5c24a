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

from cli.daemons.lab import contract
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.last_words import PROGRESS, last_words
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
    with the given id serves, and raises LabError when it never will. Without an ``essential`` one there is no lab.
    """

    name: str
    prepare: Callable[[], Awaitable[Sequence[str]]]
    serving: Callable[[int], Awaitable[None]]
    start_seconds: float = 60.0
    stop_seconds: float = 5.0
    essential: bool = False


class Daemon:
    """One daemon of the lab: at most one process at a time, started again until stopped."""

    def __init__(self, folder: LabFolder, spec: DaemonSpec, changed: Callable[[], Awaitable[None]]) -> None:
        """`changed` is called when the daemon serves, and when it cannot be started."""
        self.folder = folder
        self.spec = spec
        self.problem: str | None = None
        """Why it does not serve, when its last start failed."""
        self._changed = changed
        self._process: trio.Process | None = None
        self._said_before = 0
        self._scope = trio.CancelScope()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def keep_running(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Runs until stop(). Reports itself as started after the first attempt; `problem` then says why it failed.

        Raises LabError when an essential daemon's first start fails.
        """
        name, is_first = self.spec.name, True
        delay_seconds = BACKOFF_FIRST_SECONDS
        with self._scope:
            while True:
                began = trio.current_time()
                if is_first:
                    report(f"starting {name}")
                failure = await self._attempt()
                if failure and is_first and self.spec.essential:
                    raise LabError(f"{name} {failure}")
                # The first of several failed starts is told: the others would say the same every few seconds.
                is_news = not failure or is_first or self.problem is None
                self.problem = failure
                if is_news:
                    report(f"{name} {failure or f'serves after {trio.current_time() - began:.1f} s'}")
                    await self._changed()
                if is_first:
                    task_status.started()
                    is_first = False
                if self._process is not None and not failure:
                    report(f"{name} exited with code {await self._process.wait()}")
                if trio.current_time() - began > STEADY_SECONDS:
                    delay_seconds = BACKOFF_FIRST_SECONDS
                if is_news:
                    report(f"restarting {name} in {delay_seconds:.1f} s")
                await trio.sleep(delay_seconds)
                delay_seconds = min(2 * delay_seconds, BACKOFF_MAX_SECONDS)

    async def _attempt(self) -> str | None:
        """Starts the process and waits until it serves, or says why it does not and ends it."""
        try:
            await self._start()
        except LabError as failure:
            await self._end_process()
            return str(failure)
        return None

    async def stop(self) -> None:
        """Ends the process with SIGTERM, then SIGKILL; it is not started again."""
        self._scope.cancel()
        await self._end_process()
        forget_note(self.folder, self.spec.name)

    async def _start(self) -> None:
        try:
            argv = list(await self.spec.prepare())
            with self.folder.log(self.spec.name).open("ab") as log:
                self._said_before = log.tell()
                # A session of its own: an interrupt typed at the lab is for the lab, which stops in order.
                self._process = await trio.lowlevel.open_process(
                    argv, stdin=None, stdout=log, stderr=log, start_new_session=True, env=daemon_environment()
                )
        except (OSError, LabError) as failure:
            raise LabError(f"cannot be started: {failure}") from failure
        write_note(self.folder, self.spec.name, self._process.pid)
        await self._wait_until_serving(self._process)

    async def _wait_until_serving(self, process: trio.Process) -> None:
        with trio.move_on_after(self.spec.start_seconds) as deadline:
            async with trio.open_nursery() as nursery:

                async def watch() -> None:
                    await process.wait()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(watch)
                try:
                    await self.spec.serving(process.pid)
                except LabError as failure:
                    raise LabError(f"is not serving: {failure} ({self._last_words()})") from failure
                nursery.cancel_scope.cancel()
        if deadline.cancelled_caught:
            raise LabError(f"did not come up within {self.spec.start_seconds:.0f} s: {self._last_words()}")
        if process.poll() is not None:
            raise LabError(f"exited with code {process.returncode} before it served: {self._last_words()}")

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
        return last_words(self.folder.log(self.spec.name), self._said_before)


async def wait_until_ready(state_dir: Path, pid: int) -> None:
    """Waits for the ready file that the process itself wrote; one of its predecessor does not count.

    Raises LabError with the engine's reason when the process wrote that it is refused.
    """
    ready, refused = state_dir / contract.READY, state_dir / contract.REFUSED

    def said(path: Path) -> bool:
        return bool(read_ready_file(path).get("pid") == pid)

    await poll_until(lambda: said(ready) or said(refused))
    if not said(ready):
        raise LabError(f"{read_ready_file(refused).get('reason')}")


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
    print(f"{PROGRESS}{line}", file=sys.stderr, flush=True)
