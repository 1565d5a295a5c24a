"""The engine as seen by a gateway in its own process: commands, snapshot, changes, samples, consoles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import attrs
import trio

from actors.command_router import CommandRouter
from actors.host.consoles import ConsoleBroker, HostConsole
from actors.journal.port import Journal, JournalError, JournalRow
from protocol.activity.model import Event
from protocol.codec import decode
from protocol.errors import Forbidden, Refusal, Unavailable
from protocol.live.engine import Accepted, Change, Entity, HostSamples, Principal, Snapshot, Submit
from protocol.message import Message

events_in_snapshot_max = 1_000
subscriber_changes_max = 100_000


class EnginePortInProcess:
    """Implements `gateway.read_model.engine_client.EnginePort` on the engine's own parts."""

    def __init__(
        self, journal: Journal, command_router: CommandRouter, consoles: ConsoleBroker, ready: Callable[[], bool]
    ) -> None:
        self._journal = journal
        self._command_router = command_router
        self._consoles = consoles
        self._ready = ready
        self._subscribers: list[trio.MemorySendChannel[Change | HostSamples]] = []

    @property
    def ready(self) -> bool:
        return self._ready()

    async def submit(self, submit: Submit) -> Accepted | Refusal:
        return await self._command_router.submit(submit)

    def published(self, rows: Sequence[JournalRow]) -> None:
        """The writer's rows listener: every durable row, in order, to every reader."""
        if self._subscribers:
            for row in rows:
                self._spread(change_of(row))

    def sampled(self, message: Message) -> None:
        """Samples beside the journal."""
        if isinstance(message, HostSamples):
            self._spread(message)

    def _spread(self, message: Change | HostSamples) -> None:
        for channel in list(self._subscribers):
            try:
                channel.send_nowait(message)
            except trio.WouldBlock:
                if isinstance(message, Change):
                    self._subscribers.remove(channel)
                    channel.close()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._subscribers.remove(channel)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[trio.MemoryReceiveChannel[Change | HostSamples]]:
        send, receive = trio.open_memory_channel[Change | HostSamples](subscriber_changes_max)
        self._subscribers.append(send)
        try:
            yield receive
        finally:
            if send in self._subscribers:
                self._subscribers.remove(send)
            send.close()
            receive.close()

    async def changes_after(self, sequence: int, limit: int) -> Sequence[Change] | None:
        """Raises `Unavailable` while the database is away, as `snapshot` does."""
        with _database_may_be_away():
            return await self._changes_after(sequence, limit)

    async def _changes_after(self, sequence: int, limit: int) -> Sequence[Change] | None:
        head = await self._journal.head()
        if sequence + 1 < head.oldest_sequence or sequence > head.sequence:
            return None
        rows = await self._journal.read(sequence, limit)
        if (rows[0].sequence if rows else head.sequence + 1) != sequence + 1:
            return None  # folded since the head was read
        return [change_of(row) for row in rows]

    async def snapshot(self) -> Snapshot:
        with _database_may_be_away():
            taken = await self._journal.snapshot()
            rows = await self._journal.last_events("event", events_in_snapshot_max)
        return Snapshot(
            stream_id=taken.head.stream_id,
            sequence=taken.head.sequence,
            entities=tuple(
                Entity(kind=row.kind, id=row.id, version=row.version, document=decode(row.document))
                for row in taken.rows
                if row.document is not None
            ),
            events=tuple(change_of(row) for row in reversed(rows) if row.sequence <= taken.head.sequence),
        )

    async def open_console(self, vm_id: str, principal: Principal) -> HostConsole | Refusal:
        await trio.lowlevel.checkpoint()
        if not principal.administrator:
            return Forbidden(f"{principal.name} may not open consoles.", remedy="Ask an administrator.").refusal
        return self._consoles.open(vm_id)


@contextmanager
def _database_may_be_away() -> Iterator[None]:
    """What a gateway gets is an error of the protocol: it knows no journal."""
    try:
        yield
    except JournalError as error:
        raise Unavailable(f"The database is away: {error}", remedy="Try again in a moment.") from error


def change_of(row: JournalRow) -> Change:
    """A journal row as readers get it; an audit line gets the sequence as its id and index."""
    document = decode(row.document) if row.document is not None else None
    id = row.id
    if isinstance(document, Event):
        id = str(row.sequence)
        document = attrs.evolve(document, id=id, index=row.sequence)
    return Change(
        sequence=row.sequence,
        kind=row.kind,
        id=id,
        version=row.version,
        tag=row.tag,
        at=row.at,
        document=None if row.removed else document,
        correlation_id=row.correlation_id,
    )
