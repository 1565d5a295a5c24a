"""The gateway of a run: finds the engine that listens, carries commands with retries, and feeds readers that check.

The feed and the read model are the production ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import attrs
import trio

from actors.kernel.ports import SeededRandom
from gateway.read_model.feed import Feed
from gateway.read_model.model import ReadModel, Record
from protocol.codec import encode
from protocol.errors import CorralError, Refusal, Unavailable
from protocol.live.engine import Accepted, Change, HostSamples, Principal, Snapshot, Submit
from protocol.message import Message
from tests.checkers.s11_streams import StreamChecker, check_fold
from tests.sim.database import WatchedTables
from tests.sim.engine import SimEngine
from tests.sim.rates import Rates
from tests.sim.truth import Truth

T = TypeVar("T")

admin = Principal(user_id="admin", name="admin@internal", administrator=True)


@attrs.define(eq=False)
class SimGateway:
    """An `EnginePort` over whichever engine listens; one that dies meanwhile is a lost connection."""

    engines: Sequence[SimEngine]
    random: SeededRandom

    def engine(self) -> SimEngine:
        listening = [engine for engine in self.engines if engine.listens]
        if not listening:
            raise Unavailable("No engine listens.")
        return self.random.choice(listening)

    async def _on(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """The answer of one engine, unless it dies before the answer is here."""
        chosen = self.engine()
        engine, process = chosen.engine, chosen.process
        assert engine is not None
        assert process is not None
        answers: list[T] = []
        errors: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                try:
                    answer = await call(engine)
                    await process.gate()
                    answers.append(answer)
                except Exception as error:  # noqa: BLE001 - handed to the caller without the nursery's wrapping
                    errors.append(error)
                nursery.cancel_scope.cancel()

            async def lose() -> None:
                await process.died.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(ask)
            nursery.start_soon(lose)
        if errors:
            raise errors[0]
        if not answers:
            raise Unavailable("The connection to the engine was lost.")
        return answers[0]

    @property
    def ready(self) -> bool:
        return any(engine.listens for engine in self.engines)

    async def submit(self, submit: Submit) -> Accepted | Refusal:
        return await self._on(lambda engine: engine.port.submit(submit))

    async def snapshot(self) -> Snapshot:
        return await self._on(lambda engine: engine.port.snapshot())

    async def changes_after(self, sequence: int, limit: int) -> Sequence[Change] | None:
        return await self._on(lambda engine: engine.port.changes_after(sequence, limit))

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[trio.MemoryReceiveChannel[Change | HostSamples]]:
        chosen = self.engine()
        assert chosen.engine is not None
        async with chosen.engine.port.subscribe() as channel:
            yield channel

    async def open_console(self, vm_id: str, principal: Principal) -> Any:
        raise NotImplementedError


async def ask(
    gateway: SimGateway, truth: Truth, tables: WatchedTables, random: SeededRandom, rates: Rates, submit: Submit
) -> Accepted | Refusal | None:
    """One command of a client that tries again under the same id when it got no reply. None: it gave up."""
    for attempt in range(4):
        if attempt:
            truth.once("command retried after its reply was lost")
        try:
            with trio.fail_after(35.0):
                reply = await gateway.submit(submit)
        except (CorralError, trio.TooSlowError) as error:
            truth.say(f"{type(submit.command).__name__} {submit.command_id[:8]} lost: {error}")
            await trio.sleep(random.uniform(0.5, 3.0))
            continue
        truth.replied(submit.command_id, submit.command, reply, tables.sequence, tables.jobs)
        if isinstance(reply, Refusal) and reply.code == "unavailable":
            truth.once("command refused while the database was away")
        if random.random() >= rates.client_loses_reply:
            return reply
    return None


@attrs.define(eq=False)
class Reader:
    """One gateway's feed and read model, with a checker on what they are given."""

    name: str
    port: SimGateway
    truth: Truth
    random: SeededRandom
    model: ReadModel = attrs.field(factory=ReadModel)
    checker: StreamChecker = attrs.field(init=False)
    epochs: int = 0

    def __attrs_post_init__(self) -> None:
        self.checker = StreamChecker(self.name)

    def changed(self, change: Change, before: Record | None) -> None:
        self.truth.found("S11", self.checker.change(change.sequence))

    def sampled(self, samples: HostSamples) -> None: ...

    def reset(self) -> None:
        if self.checker.sequence is not None:
            self.truth.once("reader reset because its cursor was lost")
        self.truth.found("S11", self.checker.reset(self.model.sequence))

    async def run(self, reconnects: Callable[[], float]) -> None:
        """Reads for ever; now and then it loses its connection and comes back, perhaps to another engine."""
        while True:
            began = self.model.sequence
            with trio.move_on_after(reconnects()):
                try:
                    await Feed(self.port, self.model, self).run()
                except Exception as error:  # noqa: BLE001 - a feed that ends leaves the gateway blind
                    self.truth.found("crash", [f"the feed of reader {self.name} ended: {error!r}"])
            if self.model.loaded and self.model.sequence > began:
                self.truth.once("reader caught up after a lost connection")
            await trio.sleep(10.0 * self.random.random() ** 3)

    def check(self, tables: WatchedTables) -> None:
        """At rest: what it holds is what the database holds."""
        held = {
            (kind, record.id): (record.version, encode(record.document))
            for kind in self.model.kinds()
            if kind != "event"
            for record in self.model.all(kind)
        }
        truth = {key: (row.version, row.document) for key, row in tables.entities.items() if row.document is not None}
        self.truth.found("S11", check_fold(self.name, held, truth))


def submit(command_id: str, command: Message, *, dry_run: bool = False) -> Submit:
    return Submit(command_id=command_id, principal=admin, command=command, correlation_id=f"c-{command_id[:8]}",
                  dry_run=dry_run)  # fmt: skip
