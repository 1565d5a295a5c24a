"""The same subscriptions on a trio-websocket port over TLS, in msgpack, for daemons and command lines."""

from __future__ import annotations

import ssl
from typing import Any, Final

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)

from gateway.auth.gate import Caller, Gate
from gateway.live.asgi_socket import first_refusal
from gateway.live.console import bridge, console_check, open_console
from gateway.live.hub import Hub
from gateway.read_model.engine_client import EnginePort
from protocol import codec, limits
from protocol.errors import BadInput, CorralError, Forbidden, Refusal, Unauthenticated
from protocol.live.frames import LiveError, Subscribe
from protocol.packing import CodecError

_close_seconds: Final = 2.0
_console_prefix: Final = "/console/"


class LivePort:
    """Serves one connection after its TLS handshake."""

    def __init__(
        self, gate: Gate, hub: Hub, engine: EnginePort, context: ssl.SSLContext, handshake_timeout_seconds: float
    ) -> None:
        self._gate = gate
        self._hub = hub
        self._engine = engine
        self._context = context
        self._handshake_timeout_seconds = handshake_timeout_seconds

    async def connection(self, stream: trio.SocketStream) -> None:
        """Returns when the connection has ended, whoever ended it."""
        secured = trio.SSLStream(stream, self._context, server_side=True, https_compatible=True)
        try:
            async with trio.open_nursery() as nursery:
                # The stock server waits for ever for a peer that stops in its handshake.
                with trio.fail_after(self._handshake_timeout_seconds):
                    await secured.do_handshake()
                    request = await wrap_server_stream(
                        nursery, secured, max_message_size=limits.frame_before_authentication_bytes_max
                    )
                    connection = await request.accept()
                await self._speak(request, connection)
                nursery.cancel_scope.cancel()
        except* (
            trio.BrokenResourceError,
            trio.ClosedResourceError,
            trio.TooSlowError,
            ConnectionClosed,
            ConnectionRejected,
            ConnectionTimeout,
            HandshakeError,
            OSError,
        ):
            pass
        finally:
            await trio.aclose_forcefully(secured)

    async def _speak(self, request: WebSocketRequest, connection: WebSocketConnection) -> None:
        refusal: Refusal | None = None
        try:
            caller = await self._caller(request)
            if str(request.path).startswith(_console_prefix):
                await self._console(connection, caller, str(request.path)[len(_console_prefix) :])
            else:
                await self._live(connection, caller)
        except* CorralError as group:
            refusal = first_refusal(group)
        with trio.move_on_after(_close_seconds):
            if refusal is not None:
                await connection.send_message(codec.encode(LiveError(refusal=refusal)))
                await connection.aclose(4000 + refusal.status, refusal.code)
            await connection.aclose(1001)

    async def _caller(self, request: WebSocketRequest) -> Caller | None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        if not self._gate.origin_allowed(headers):
            raise Forbidden(
                "The connecting page is from another site.", remedy="Allow its origin in the configuration."
            )
        if "authorization" in headers:
            return await self._gate.by_headers("GET", headers, "live")
        return None

    async def _subscribe(self, connection: WebSocketConnection) -> Subscribe:
        with trio.move_on_after(limits.handshake_timeout_seconds):
            data = await connection.get_message()
            try:
                message = codec.decode(data if isinstance(data, bytes) else data.encode())
            except CodecError as error:
                raise BadInput("The first frame is not a message.", remedy="Send live.subscribe.") from error
            if isinstance(message, Subscribe):
                return message
            raise BadInput("The first frame is not a subscription.", remedy="Send live.subscribe.")
        raise Unauthenticated("No subscription arrived in time.", remedy="Send live.subscribe at once.")

    async def _live(self, connection: WebSocketConnection, caller: Caller | None) -> None:
        subscribe = await self._subscribe(connection)
        known = caller or self._gate.by_token(subscribe.token)
        subscriber = self._hub.subscriber(subscribe, "msgpack", self._gate.live_session(known))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drain, connection, nursery.cancel_scope)
            await subscriber.run(connection.send_message)
            nursery.cancel_scope.cancel()

    async def _console(self, connection: WebSocketConnection, caller: Caller | None, vm_id: str) -> None:
        known = caller or self._gate.by_token((await self._subscribe(connection)).token)
        stream = await open_console(self._engine, self._gate.view(known), vm_id, known.principal)
        await bridge(
            stream,
            lambda: _receive_bytes(connection),
            connection.send_message,
            console_check(self._gate, known, vm_id),
        )


async def _receive_bytes(connection: WebSocketConnection) -> bytes:
    """b"" at the end only."""
    try:
        while True:
            data: Any = await connection.get_message()
            if data:
                return data if isinstance(data, bytes) else bytes(data.encode())
    except ConnectionClosed:
        return b""


async def _drain(connection: WebSocketConnection, scope: trio.CancelScope) -> None:
    """Reads on, so that a client that leaves is noticed."""
    try:
        while True:
            await connection.get_message()
    except ConnectionClosed:
        scope.cancel()
