"""The virtio-serial port: lines to and from the node.

While nobody listens on the host, reads return end of file and writes would block: so both back off and try again.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from guest.local_messages import HostGone, Order, Say
from protocol import guest as guest_messages
from protocol import limits
from protocol.message import Message

absent_seconds: Final = 1.0
"""How long to wait before a port is tried again that is missing, in use, or has nobody on the other side."""
write_timeout_seconds: Final = 5.0
read_bytes: Final = 4096


class Channel(Actor):
    """Owns the port. `Say` goes out; what comes in is told to the actor at `listener` as `Order`, and its end as
    `HostGone`."""

    def __init__(self, context: Context, path: str, listener: str) -> None:
        super().__init__(context)
        self._path = path
        self._listener = listener
        self._port = -1
        self._host_is_there = False  # somebody spoke, and the port has not ended since

    async def started(self) -> None:
        self._open()
        self.context.spawn(self._read_for_ever)

    async def stopping(self) -> None:
        self._close()

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case Say(line=line):
                await self._write(line)
            case other:
                raise NotImplementedError(f"the channel got {type(other).__name__}")

    # -- in

    async def _read_for_ever(self) -> None:
        clock = self.context.ports.clock
        rest = b""
        while True:
            if self._port < 0 and not self._open():
                await clock.sleep(absent_seconds)
                continue
            try:
                await trio.lowlevel.wait_readable(self._port)
                data = os.read(self._port, read_bytes)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                self._close()
                self._host_gone()
                continue
            if not data:
                rest = b""
                self._host_gone()
                await clock.sleep(absent_seconds)
                continue
            self._host_is_there = True
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[-limits.guest_frame_bytes_max :]
            for line in lines:
                self._understand(line)

    def _open(self) -> bool:
        try:
            self._port = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError:
            return False
        return True

    def _close(self) -> None:
        if self._port >= 0:
            port, self._port = self._port, -1
            trio.lowlevel.notify_closing(port)
            os.close(port)

    def _understand(self, line: bytes) -> None:
        order = read_order(line)
        if order is not None:
            self._tell(order)

    def _host_gone(self) -> None:
        if self._host_is_there:
            self._host_is_there = False
            self._tell(HostGone())

    def _tell(self, message: Message) -> None:
        listener = self.context.directory.find(self._listener)
        try:
            if listener is not None:
                listener.tell(message)
        except (MailboxFull, ActorGone):
            return  # the node asks again, or uses the power button

    # -- out

    async def _write(self, line: bytes) -> None:
        """All of it or, when nobody reads on the host, nothing that matters: the node asks anew when it connects."""
        if self._port < 0:
            return
        clock = self.context.ports.clock
        with clock.move_on_after(write_timeout_seconds):
            view = memoryview(line)
            while view and self._port >= 0:
                try:
                    view = view[os.write(self._port, view) :]
                except BlockingIOError:
                    # Not `wait_writable`: a port without a host counts as ready, and this would spin.
                    await clock.sleep(0.1)
                except OSError:
                    self._close()


def read_order(line: bytes) -> Order | None:
    """An order of the node, also one that a newer node knows and we do not; None for a line that is none."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return None
    period = value.get("heartbeat_period_seconds")
    return Order(
        kind=_text(value["type"]),
        id=_text(value.get("id")),
        reason=_text(value.get("reason")),
        heartbeat_period_seconds=float(period) if isinstance(period, int | float) else 0.0,
    )


def as_line(value: dict[str, Any]) -> bytes:
    """A message as it goes out."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def answer(order: Order, error: str = "") -> Say:
    """The reply to an order: it is obeyed, or why not."""
    reply = {"type": guest_messages.REPLY, "id": order.id, "ok": not error}
    return Say(line=as_line(reply | {"error": error} if error else reply))


def _text(value: object) -> str:
    return value[: limits.name_characters_max] if isinstance(value, str) else ""
