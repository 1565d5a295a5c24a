"""Gives a WebSocket connection, of either side, the shape of a `FrameTransport`.

It must not open connections, nor import the WebSocket library: who opens one hands in the library's error.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any, Final, Protocol

import trio

from actors.wire.frames import LinkEnded

log = logging.getLogger("corral.link")

close_timeout_seconds: Final = 0.5
"""How long to wait for the peer's farewell once ours is sent; when we are being cancelled none can be read anyway."""


class Connection(Protocol):
    """What is used of a connection whose reader task runs in the opener's nursery."""

    async def send_message(self, message: str | bytes) -> None: ...

    async def get_message(self) -> str | bytes: ...

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None: ...


class WebSocketFrames:
    """A `FrameTransport` over one WebSocket. `closed` is the library's error for a connection that is over."""

    def __init__(self, connection: Connection, closed: type[Exception]) -> None:
        self._connection = connection
        self._closed = closed

    async def send(self, frame: bytes) -> None:
        try:
            await self._connection.send_message(frame)
        except self._closed as error:
            raise LinkEnded(_why(error)) from error

    async def receive(self) -> bytes:
        try:
            message = await self._connection.get_message()
        except self._closed as error:
            raise LinkEnded(_why(error)) from error
        if isinstance(message, str):
            raise LinkEnded("a text message where only bytes are spoken")
        return message

    async def close(self, reason: str = "") -> None:
        with trio.move_on_after(close_timeout_seconds):
            try:
                await self._connection.aclose(1000, reason[:100] or None)
            except (self._closed, trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
                log.debug("the connection was gone before it was closed")


def _why(error: Exception) -> str:
    reason: Any = getattr(error, "reason", None)
    return f"connection closed ({reason.code} {reason.reason or reason.name})" if reason else "connection closed"
