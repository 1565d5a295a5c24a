"""The real engine's tree over a journal in memory: what tests of any room stand on.

Every message goes through the codec.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from actors.entity.services import Nodes
from actors.journal.memory.journal import MemoryStore
from actors.journal.port import EntityRow, EntityWrite, JournalEntry, Transaction
from actors.journal.writer import Durable, Failed
from actors.kernel import Ports, codec_carrier
from cli.daemons.engine.config import EngineTimes
from cli.daemons.engine.wiring import Engine
from protocol.codec import encode
from protocol.command import Add
from protocol.errors import Refusal
from protocol.live.engine import Accepted, Principal, Submit
from protocol.message import Message
from supervisors.observe import Observer
from supervisors.tree import running

administrator = Principal(user_id="bbbbbbbb-0000-4000-8000-000000000001", name="admin@internal", administrator=True)


class NoTokens:
    """Enrolment without certificates: every host gets the same token."""

    async def issue_token(self, host_id: str, lifetime_seconds: float = 3600.0) -> str:
        return "token"


@attrs.define
class RunningEngine:
    """The engine, and the database below it."""

    engine: Engine
    store: MemoryStore

    @property
    def sequence(self) -> int:
        """The newest of the journal."""
        return self.store.tables.sequence

    async def give(self, id: str, command: Message, **more: Any) -> Accepted | Refusal:
        """One command of the administrator; what it adds gets its id too."""
        if isinstance(command, Add) and not command.id:
            command = attrs.evolve(command, id=id)
        submit = Submit(command_id=id, principal=administrator, command=command, **more)
        return await self.engine.command_router.submit(submit)

    def document(self, kind: str, id: str) -> Any:
        return self.engine.rows.document(kind, id)

    async def put(self, kind: str, document: Any) -> None:
        """Makes a document durable that no command brings about; the object's actor does not hear of it."""
        present = self.engine.rows.row(kind, document.id)
        version, state = (present.version, present.state) if present is not None else (0, b"")
        row = EntityRow(kind, document.id, version + 1, document.name, "", state, encode(document))
        entry = JournalEntry(
            kind, row.id, row.version, "test.put", b"", row.document, "", self.engine.ports.clock.wall()
        )
        settled = trio.Event()

        def done(result: Durable | Failed) -> None:
            assert isinstance(result, Durable), result
            self.engine.rows.put(row)
            settled.set()

        self.engine.writer.submit(Transaction((EntityWrite(row, version),), (entry,)), done)
        await settled.wait()


@asynccontextmanager
async def running_engine(
    store: MemoryStore | None = None,
    *,
    seed: int = 1,
    times: EngineTimes | None = None,
    nodes: Callable[[Engine], Nodes] | None = None,
    observer: Observer = lambda _: None,
) -> AsyncIterator[RunningEngine]:
    """An engine that leads over `store`, on the present Trio clock. `nodes` takes the place of its links."""
    ports = Ports.seeded(seed)
    store = store or MemoryStore(ports.clock)
    journal = store.connect()
    await journal.open()
    epoch = await journal.acquire_lease("engine", 10.0)
    assert epoch is not None
    engine = Engine(journal, epoch, ports, NoTokens(), on_deposed=lambda: None, times=times)
    if nodes is not None:
        engine.services.nodes = nodes(engine)
    await engine.prepare()
    async with running(engine.tree(), ports, engine.directory, carrier=codec_carrier, observer=observer):
        yield RunningEngine(engine, store)
