"""Messages and actors that the tests of kernel and supervision play with."""

from __future__ import annotations

import attrs
import trio

from actors.kernel import Actor, Answer, Context, Envelope
from protocol.message import Message, Priority, WhenFull, message


@message("test.say")
@attrs.frozen(kw_only=True)
class Say(Message):
    text: str = ""


@message("test.alarm", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class Alarm(Message):
    text: str = ""


@message("test.sample", priority=Priority.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class Sample(Message):
    source: str = ""
    value: int = 0

    @property
    def conflation_key(self) -> str:
        return self.source


@message("test.parcel", when_full=WhenFull.WAIT)
@attrs.frozen(kw_only=True)
class Parcel(Message):
    number: int = 0


@message("test.crash")
@attrs.frozen(kw_only=True)
class Crash(Message):
    reason: str = "told to"


@message("test.leave")
@attrs.frozen(kw_only=True)
class Leave(Message):
    """End normally."""


@message("test.work")
@attrs.frozen(kw_only=True)
class Work(Message):
    """Take that long, then reply."""

    seconds: float = 0.0


@message("test.keep")
@attrs.frozen(kw_only=True)
class Keep(Message):
    """Do not reply yet."""


class Boom(Exception):
    """What the tests raise."""


class Player(Actor):
    """Does as it is told, and writes down what happens to it as `name: what`."""

    def __init__(self, context: Context, script: list[str], name: str = "", *, stop_seconds: float = 0.0) -> None:
        super().__init__(context)
        self.script = script
        self.name = name or context.address.rpartition("/")[2]
        self.kept: list[Envelope] = []
        self._stop_seconds = stop_seconds

    def note(self, what: str) -> None:
        self.script.append(f"{self.name}: {what}")

    async def started(self) -> None:
        self.note(f"up {self.context.incarnation}")

    async def stopping(self) -> None:
        await trio.sleep(self._stop_seconds)
        self.note("down")

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case Say(text=text):
                self.note(text)
                self.context.reply(envelope, Say(text=f"{text}, heard"))
            case Alarm(text=text):
                self.note(f"alarm {text}")
            case Sample(source=source, value=value):
                self.note(f"{source}={value}")
            case Parcel(number=number):
                self.note(f"parcel {number}")
                self.context.reply(envelope, Parcel(number=number))
            case Work(seconds=seconds):
                await self.context.ports.clock.sleep(seconds)
                self.note(f"worked {seconds:g} s")
                self.context.reply(envelope, Say(text="done"))
            case Keep():
                self.kept.append(envelope)
            case Answer(token=token, body=body):
                self.note(f"answer {token}: {body}")
            case Leave():
                self.context.stop_self()
            case Crash(reason=reason):
                raise Boom(reason)
