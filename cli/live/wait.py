"""Waits for the operation that a request started, and shows its progress."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import click

from cli.client.rest import Client, Document
from cli.index import Noun
from cli.problems import LoggedOut, Problem, Remote

ENDED = ("finished", "failed", "aborted")
_poll_seconds = 1.0
_quiet_seconds = 5.0  # what takes longer says what it waits for also where no terminal shows it


def wait_for(client: Client, noun: Noun, answer: Document, path: str, timeout_seconds: float, *, gone: bool) -> str:
    """Waits for the job of the answer, then for the object to come to rest; returns ` (up)` or the like.

    Raises `Remote` when the job failed and `Problem` when the time is over; the operation goes on then.
    """
    job_id = job_of(client, answer)
    status = "" if gone else _status(client, path)
    if not job_id and status not in noun["transient"]:
        return f" ({status})" if status else ""
    waiting = Waiting(client, noun, path, job_id, gone)
    if not waiting.over(_job(client, job_id), status):
        waiting.until_over(timeout_seconds)
    waiting.check()
    return f" ({waiting.status})" if waiting.status else ""


class Waiting:
    """One operation and the object it works on."""

    def __init__(self, client: Client, noun: Noun, path: str, job_id: str, gone: bool) -> None:
        self.status = ""
        self.job: Document = {}
        self._client = client
        self._noun = noun
        self._path = path
        self._id = path.rpartition("/")[2]
        self._job_id = job_id
        self._gone = gone
        self._shown = ""

    def over(self, job: Document | None, status: str) -> bool:
        """Takes the latest and says whether there is nothing more to wait for."""
        self.job = job if job is not None else self.job
        self.status = status
        job_over = not self._job_id or job is None or job.get("status") in ENDED
        failed = self.job.get("status") in ("failed", "aborted")
        return job_over and (failed or self._gone or status not in self._noun["transient"])

    def until_over(self, timeout_seconds: float) -> None:
        """By the live socket; by asking now and then where that does not open."""
        import trio

        from cli.client import live_socket as client_live

        async def main() -> None:
            try:
                with trio.fail_after(timeout_seconds):
                    async with trio.open_nursery() as nursery:
                        if not sys.stderr.isatty():
                            nursery.start_soon(self._report_now_and_then)
                        await self._by_any_way()
                        nursery.cancel_scope.cancel()
            except trio.TooSlowError as error:
                after = f" The operation continues: corral job show {self._job_id}" if self._job_id else ""
                raise Problem(
                    f"the {self._noun['title']} is {self.status or 'not ready'} after {timeout_seconds:g} s.{after}"
                ) from error

        try:
            client_live.run(main)
        except KeyboardInterrupt:
            if self._job_id:
                click.echo(f"\nthe operation continues: corral job show {self._job_id}", err=True)
            raise
        finally:
            self._clear()

    def check(self) -> None:
        """Raises `Remote` when the job did not do what was asked: for who cancelled it, that it was aborted."""
        was_asked = self._noun["kind"] == "job" and self.job.get("status") == "aborted"
        if self.job.get("status") in ("failed", "aborted") and not was_asked:
            why = self.job.get("reason") or f"the operation {self.job.get('outcome') or self.job['status']}"
            raise Remote(f"{why} (corral job show {self._job_id})", 409)

    async def _by_any_way(self) -> None:
        try:
            await self._by_frames()
        except LoggedOut:
            raise
        except Remote:
            await self._by_asking()

    async def _by_frames(self) -> None:
        from cli.live.following import follow
        from cli.live.state import LiveState

        state = LiveState()
        kind = self._noun["kind"]

        def handle(frame: Document) -> bool:
            if not state.complete:
                return False
            document: Any = state.named(kind, self._id) or {}
            job = state.named("job", self._job_id) if self._job_id else None
            status = str(document.get("status", "")) if kind else self.status
            self._tell(job or {}, status)
            return self.over(job, status)

        ids = [one for one in (self._job_id, self._id if kind else "") if one]
        kinds = ["job", kind] if kind and kind != "job" else ["job"]
        await follow(self._client.context, state, handle, kinds=kinds, ids=ids, attempts_max=5)
        if not kind:
            self.status = ""

    async def _by_asking(self) -> None:
        import trio

        while not self.over(_job(self._client, self._job_id), "" if self._gone else _status(self._client, self._path)):
            self._tell(self.job, self.status)
            await trio.sleep(_poll_seconds)

    def _tell(self, job: Document, status: str) -> None:
        """One line that is written over on a terminal; elsewhere one now and then."""
        steps = (job.get("steps") or {}).get("step") or []
        running = next((step for step in steps if step.get("status") == "started"), None)
        awaited = self._noun["waits_for"].get(status, "") if running is None else ""
        parts = [str(job.get("description", "")), str((running or {}).get("description", "")), status]
        progress = (running or {}).get("progress")
        parts += [f"{progress} %" if progress is not None else "", f"waiting for {awaited}" if awaited else ""]
        shown = "  ".join(part for part in parts if part)[:140]
        if shown != self._shown and sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be written over
            click.echo(f"\r\x1b[K{shown[:width]}", err=True, nl=False)
        self._shown = shown

    async def _report_now_and_then(self) -> None:
        import trio

        reported = ""
        while True:
            await trio.sleep(_quiet_seconds)
            if self._shown and self._shown != reported:
                reported = self._shown
                click.echo(reported, err=True)

    def _clear(self) -> None:
        if self._shown and sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)


def job_of(client: Client, answer: Document) -> str:
    """The job that an answer names; else the one that runs under the correlation id of the request."""
    job = answer.get("job")
    if isinstance(job, dict) and job.get("id"):
        return str(job["id"])
    if not client.accepted_only:
        return ""
    mine = [one for one in client.items("/jobs") if one.get("correlation_id") == client.correlation_id]
    whole = [one for one in mine if not one.get("parent_job")] or mine
    return str(whole[-1]["id"]) if whole else ""  # newest first: what the request itself began is the last


def _job(client: Client, job_id: str) -> Document | None:
    return _got(client, f"/jobs/{job_id}") if job_id else None


def _status(client: Client, path: str) -> str:
    return str((_got(client, path) or {}).get("status", ""))


def _got(client: Client, path: str) -> Document | None:
    try:
        return client.get(path)
    except Remote as error:
        if error.status == 404:
            return None
        raise
