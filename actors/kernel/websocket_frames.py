"""Gives a trio-websocket connection, of either side, the shape of a `FrameTransport`. It must not open connections."""

from __future__ import annotations

import logging
import ssl
from typing import Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from actors.kernel.frames import LinkEnded

log = logging.getLogger("corral.link")

close_timeout_seconds: Final = 3.0


class WebSocketFrames:
    """A `FrameTransport` over one WebSocket whose reader task runs in the opener's nursery."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    async def send(self, frame: bytes) -> None:
        try:
            await self._connection.send_message(frame)
        except ConnectionClosed as closed:
            raise LinkEnded(_why(closed)) from closed

    async def receive(self) -> bytes:
        try:
            message = await self._connection.get_message()
        except ConnectionClosed as closed:
            raise LinkEnded(_why(closed)) from closed
        if isinstance(message, str):
            raise LinkEnded("a text message where only bytes are spoken")
        return message

    async def close(self, reason: str = "") -> None:
        with trio.move_on_after(close_timeout_seconds):
            try:
                await self._connection.aclose(1000, reason[:100] or None)
            except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
                log.debug("the connection was gone before it was closed")


def _why(closed: ConnectionClosed) -> str:
    reason = closed.reason
    return f"connection closed ({reason.code} {reason.reason or reason.name})" if reason else "connection closed"
