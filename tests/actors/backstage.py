"""What an actor in a transcript stands on: ports, a journal, nodes and other actors that only take note."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

import attrs

from actors.journal.port import Transaction
from actors.journal.writer import Durable, Failed
from actors.kernel.ports import Ports, SeededRandom, TrioClock
from protocol.message import Message

NOW: Final = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
SECRET: Final = "secret-of-many-characters"


@attrs.define
class FreshIds:
    """Ids in a row, and always the same secret."""

    given: int = 0

    def uuid(self) -> str:
        self.given += 1
        return f"ffffffff-0000-4000-8000-{self.given:012d}"

    def token(self) -> str:
        return SECRET


def ports(now: Callable[[], datetime.datetime]) -> Ports:
    """Time stands still unless the transcript moves it."""
    return Ports(TrioClock(now), SeededRandom(1), FreshIds())


class Somebody:
    """Another actor, or the actor itself as others reach it: takes whatever it is told."""

    address = "somebody"

    def tell(self, message: Message, **_: Any) -> None:
        pass

    def owe(self, *_: Any) -> None:
        pass


somebody: Any = Somebody()


@attrs.define
class FakeIncarnation:
    """Nothing runs beside the actor: timers fire when a transcript says so."""

    address: str
    number: int = 1

    @property
    def ref(self) -> Any:
        return somebody

    @property
    def mailbox(self) -> Any:
        return self

    def carry(self, message: Message) -> Message:
        return message

    def spawn(self, run: Callable[..., Any], args: tuple[Any, ...]) -> None:
        pass

    def finish(self) -> None:
        pass


class FakeJournal:
    """Everything is durable at once."""

    available = True

    def submit(self, transaction: Transaction, on_done: Callable[[Durable | Failed], None]) -> None:
        on_done(Durable(1, 1, ()))


@attrs.define
class FakeNodes:
    """Nodes take every command, and are linked when a transcript says so."""

    is_linked: bool = False

    def send(self, host_id: str, message: Message) -> bool:
        return True

    def linked(self, host_id: str) -> bool:
        return self.is_linked

    def session_of(self, host_id: str) -> str:
        return "s" if self.is_linked else ""

    def disconnect(self, host_id: str, reason: str) -> None:
        self.is_linked = False
