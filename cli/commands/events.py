"""Shows events, follows them live, and verifies the stream of changes: in order, without a gap, equal to a snapshot.

It must not repair what it finds: a violation is reported and makes the command fail.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import click

from cli import index
from cli.options import FORMATS
from cli.problems import OK, REMOTE_ERROR, Problem, SyntaxProblem
from cli.render import cells
from cli.render import printing as render
from cli.session import session
from cli.values import Duration, Many

_quiet_seconds = 2.0  # --verify alone ends when nothing has come for so long
_busy_seconds = 30.0  # or after this, where something always comes
_EXAMPLES = """\b
Examples:
  corral events --max 50 --query 'severity = error'
  corral events --follow
  corral events --follow --all --kinds vm,host -o jsonl
  corral events --verify --for 60s
  corral events --verify --live --cursor ~/.corral-cursor"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--max",
    "max_items",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Number of past events to show.",
)
@click.option("--query", "-q", help="Search query, such as 'severity = error'.")
@click.option("--follow", "-f", is_flag=True, help="Keep showing new events until Ctrl-C.")
@click.option("--all", "everything", is_flag=True, help="Show every change, not only events.")
@click.option("--kinds", type=Many(click.STRING), help="Show changes of these kinds only, such as vm,host,job.")
@click.option("--verify", is_flag=True, help="Check that no change is missing, repeated or out of order.")
@click.option("--live", is_flag=True, help="Use the live port (msgpack) instead of the gateway's own (JSON).")
@click.option(
    "--cursor",
    "cursor_file",
    type=click.Path(dir_okay=False),
    help="Resume from the position in this file; keep it updated.",
)
@click.option("--for", "duration", type=Duration(), help="Stop after this long.")
@click.option("--count", type=click.IntRange(1), help="Stop after this many changes.")
@click.option(
    "-o", "--output", "form", type=click.Choice(FORMATS), default=session.setting("output"), help="Output format."
)
@click.pass_context
def events(ctx: click.Context, /, follow: bool, verify: bool, **given: Any) -> int:
    """Show events; follow or verify the stream of changes.

    With --verify, the last line on standard output is a summary, and the exit code is 10 if a rule was violated.
    Without --follow, --for or --count, it stops when nothing has arrived for two seconds, or after thirty seconds.
    """
    if follow or verify or given["cursor_file"] or given["live"]:
        if given["query"]:
            raise SyntaxProblem("--query searches past events only: omit it or --follow.")
        return Stream(session.of(ctx), verify=verify, follow=follow, **given).run()
    client = session.of(ctx).client()
    asked = {"max": str(given["max_items"])}
    if given["query"]:
        asked["search"] = given["query"]
    noun = index.nouns()["event"]
    found = client.items("/events", asked)[::-1]
    from cli.render.names import Naming

    text = render.documents(found, noun, given["form"], names=Naming(client, found, noun), colour=session.on_terminal())
    click.echo(text)
    return OK


class Stream:
    """One run of `--follow` or `--verify`."""

    def __init__(
        self, shared: session.CliSession, *, verify: bool, follow: bool, live: bool, cursor_file: str | None,
        duration: float | None, count: int | None, form: str, everything: bool, kinds: list[str] | None, **_: Any,
    ) -> None:  # fmt: skip
        from cli.live.state import LiveState

        self.context = shared.client().context
        self.state = LiveState()
        self.verify = verify
        self.quiet_ends = verify and not follow and duration is None and count is None
        self.prints = follow or not verify
        self.live = live
        self.cursor_file = cursor_file
        self.duration = duration
        self.count = count
        self.form = form
        self.events_only = not (everything or kinds or (verify and not follow))
        self.kinds = kinds or (["event"] if self.events_only and not verify else [])
        self._reported = 0
        self._connections = 0
        self._quiet: Any = None

    def run(self) -> int:
        """Until it is interrupted or has seen enough. Returns the exit code."""
        from cli.client import live_socket as client_live

        self._read_cursor()
        try:
            compared = client_live.run(self._main)
        finally:
            self._write_cursor()
        if not self.verify:
            return OK
        state = self.state
        click.echo(
            f"verified: changes {state.changes}, snapshots {state.snapshots}, resyncs {state.resyncs}, "
            f"connections {self._connections}, sequence {state.first_sequence}..{state.sequence}, "
            f"{compared}, violations {len(state.violations)}"
        )
        return REMOTE_ERROR if state.violations else OK

    async def _main(self) -> str:
        import trio

        from cli.live.following import follow

        forever = float("inf")
        longest = _busy_seconds if self.quiet_ends else forever if self.duration is None else self.duration
        async with trio.open_nursery() as nursery:
            await nursery.start(self._end_on_signal, nursery.cancel_scope)
            nursery.start_soon(self._keep_cursor)
            with trio.move_on_after(longest), trio.CancelScope() as self._quiet:
                await follow(
                    self.context, self.state, self._handle, kinds=self.kinds, packed=self.live, news=session.note
                )
            nursery.cancel_scope.cancel()
        self._connections = self.state.connections
        return await self._compare() if self.verify else ""

    def _handle(self, frame: dict[str, Any]) -> bool:
        import trio

        if self.quiet_ends:
            self._quiet.deadline = trio.current_time() + _quiet_seconds
        for text in self.state.violations[self._reported :]:
            session.note(f"violation: {text}")
        self._reported = len(self.state.violations)
        if frame["op"] == "change" and self.prints and (frame["kind"] == "event" or not self.events_only):
            self._print(frame)
        return self.count is not None and self.state.changes >= self.count

    def _print(self, frame: dict[str, Any]) -> None:
        if self.form in ("json", "jsonl"):
            click.echo(json.dumps(frame, ensure_ascii=False, default=str))
            return
        document = frame["document"] or {}
        if frame["kind"] == "event":
            shown = f"{document.get('severity', ''):<8}{cells.printable(str(document.get('description', '')))}"
        else:
            name = cells.printable(str(document.get("name") or frame["id"]))
            status = f" {document['status']}" if document.get("status") else ""
            shown = f"{frame['kind']} {name}: {frame['tag']}{status}"
        click.echo(f"{cells.moment(frame['at'])}  {frame['sequence']:>8}  {shown}")

    async def _compare(self) -> str:
        """Holds the fold against a fresh snapshot, at the same sequence; what comes in between is waited for."""
        import trio

        from cli.live.following import follow
        from cli.live.state import LiveState, differences

        if self.state.violations or not self.state.whole or not self.state.complete:
            return "not compared with a snapshot"
        fresh = LiveState()
        with trio.move_on_after(10):
            await follow(self.context, fresh, lambda _: fresh.complete, kinds=self.kinds, packed=self.live)
        if not fresh.complete:
            return "no snapshot to compare with"
        # Changes of other kinds move the sequence of a snapshot on, so the fold may never reach it: quiet is enough.
        with trio.move_on_after(_quiet_seconds):
            reached = fresh.sequence
            await follow(self.context, self.state, lambda _: self.state.sequence >= reached, kinds=self.kinds,
                         packed=self.live)  # fmt: skip
        if self.state.sequence > fresh.sequence:
            return "not compared: changes did not pause"
        found = differences(self.state, fresh)
        self.state.violations.extend(found)
        for text in found:
            session.note(f"violation: {text}")
        return f"{len(fresh.versions)} objects as in a fresh snapshot" if not found else f"{len(found)} objects differ"

    async def _end_on_signal(self, scope: Any, task_status: Any) -> None:
        import trio

        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                scope.cancel()
                return

    async def _keep_cursor(self) -> None:
        import trio

        while self.cursor_file:
            await trio.sleep(1)
            self._write_cursor()

    def _read_cursor(self) -> None:
        if not self.cursor_file or not os.path.exists(self.cursor_file):
            return
        try:
            with open(self.cursor_file, encoding="utf-8") as file:
                kept = json.load(file)
            self.state.cursor = str(kept["cursor"])
            self.state.stream_id, self.state.sequence = str(kept["stream_id"]), int(kept["sequence"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Problem(
                f"the cursor file {self.cursor_file} cannot be read ({error}). Remove it to start over."
            ) from error

    def _write_cursor(self) -> None:
        if not self.cursor_file or not self.state.cursor or not self.state.complete:
            return
        kept = {"cursor": self.state.cursor, "stream_id": self.state.stream_id, "sequence": self.state.sequence}
        fresh = f"{self.cursor_file}.{os.getpid()}"
        try:
            with open(fresh, "w", encoding="utf-8") as file:
                json.dump(kept, file)
            os.replace(fresh, self.cursor_file)
        except OSError as error:
            raise Problem(f"the cursor file {self.cursor_file} cannot be written: {error.strerror}.") from error
