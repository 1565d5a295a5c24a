"""Dials the engine: TCP, TLS with our certificate, WebSocket, each with a deadline.

The stock client waits for ever when a server ends the connection instead of answering, which is what TLS 1.3 does with
a certificate of an unknown authority: so the stream is watched, and its end ends the dialling with the reason.
"""

from __future__ import annotations

import json
import logging
import ssl
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import attrs
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, wrap_client_stream

from actors.kernel.ports import Clock
from actors.wire.frames import FrameTransport, LinkEnded
from actors.wire.websocket_frames import WebSocketFrames
from node.link.identity import Identity
from protocol import limits
from protocol.codec import decode, encode, structure
from protocol.errors import BadInput, CorralError, Refusal, Refused, Unavailable
from protocol.node.link import Enrol, Enrolled, LinkRefused
from protocol.packing import CodecError

log = logging.getLogger("corral.link")

Use = Callable[[FrameTransport], Awaitable[str]]


class Dial(Protocol):
    """How a node reaches its engine; the simulation has another one than the WebSocket."""

    async def __call__(self, use: Use) -> str:
        """Connects, runs `use`, disconnects; returns what `use` returned, why the link ended.

        Raises `LinkEnded` when there is no connection, `Refused` when the engine says why it wants none."""
        ...


@attrs.frozen
class EngineAddress:
    """Where an engine listens, from a URL like `wss://192.0.2.1:54322`."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> EngineAddress:
        """Raises `BadInput`."""
        parts = urllib.parse.urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise BadInput(f"The engine's URL {url!r} has an invalid port.", field="engine_url") from error
        if parts.scheme != "wss" or not parts.hostname or port is None:
            raise BadInput(f"The engine's URL {url!r} must look like wss://HOST:PORT.", field="engine_url")
        return cls(parts.hostname, port)


@attrs.frozen
class WebSocketDial:
    """`Dial` over mutual TLS. The certificate is read anew each time, so that a renewed one is used at once."""

    engine: EngineAddress
    identity: Identity
    clock: Clock

    async def __call__(self, use: Use) -> str:
        return await connected(self.engine, "/link", self.identity.tls(), self.clock, use)


async def enrol(engine: EngineAddress, identity: Identity, request: Enrol, clock: Clock) -> Enrolled:
    """Spends a token for a certificate and stores it. Raises `Refused`, `Unavailable`, or `BadInput`."""
    answers: list[object] = []

    async def use(transport: FrameTransport) -> str:
        await transport.send(encode(request))
        answers.append(decode(await transport.receive(), bytes_max=limits.frame_before_authentication_bytes_max))
        return ""

    try:
        with clock.fail_after(limits.ask_timeout_seconds):
            await connected(engine, "/enrol", identity.tls(with_certificate=False), clock, use)
    except (LinkEnded, CodecError, trio.TooSlowError) as error:
        raise Unavailable(f"The engine at {engine.host}:{engine.port} refused to enrol this host: {error}.") from error
    answer = answers[0]
    if isinstance(answer, LinkRefused):
        raise Refused(answer.refusal)
    if not isinstance(answer, Enrolled):
        raise Unavailable("The engine sent an unexpected answer to the enrolment.")
    identity.install(answer.certificate_pem, answer.ca_pem)
    return answer


async def connected(engine: EngineAddress, path: str, tls: ssl.SSLContext, clock: Clock, use: Use) -> str:
    """Runs `use` on a connection to one of the engine's paths. Raises like `Dial`."""
    problems: list[BaseException] = []
    result = ""
    try:
        async with trio.open_nursery() as nursery:
            with clock.move_on_after(limits.handshake_timeout_seconds) as scope:
                frames, stream = await _opened(nursery, engine, path, tls)
            if scope.cancelled_caught:
                raise LinkEnded(f"no answer within {limits.handshake_timeout_seconds:g} seconds")
            try:
                result = await use(frames)
            finally:
                with trio.CancelScope(shield=True):
                    await frames.close()
                    await trio.aclose_forcefully(stream)  # which the WebSocket leaves open when the peer closed first
            nursery.cancel_scope.cancel()
    except* (ConnectionRejected, HandshakeError, OSError, trio.BrokenResourceError, LinkEnded, CorralError) as group:
        problems.extend(_leaves(group))
    if problems:
        raise _explained(problems) from problems[0]
    return result


async def _opened(
    nursery: trio.Nursery, engine: EngineAddress, path: str, tls: ssl.SSLContext
) -> tuple[WebSocketFrames, trio.abc.AsyncResource]:
    stream = await trio.open_tcp_stream(engine.host, engine.port)
    secured = trio.SSLStream(stream, tls, server_hostname=engine.host, https_compatible=True)
    try:
        await secured.do_handshake()
        watched = _WatchedStream(secured)
        with trio.CancelScope() as opening:
            watched.when_ended = opening.cancel
            connection = await wrap_client_stream(
                nursery,
                cast(trio.SSLStream[trio.SocketStream], watched),  # a stream is all that it uses
                f"{engine.host}:{engine.port}",
                path,
                message_queue_size=1,
                max_message_size=limits.frame_bytes_max,
                receive_buffer_size=64 * 1024,
            )
            watched.when_ended = None
            return WebSocketFrames(connection, ConnectionClosed), secured
        raise LinkEnded(f"the engine closed the connection: {watched.why}")
    except BaseException:
        await trio.aclose_forcefully(secured)
        raise


class _WatchedStream(trio.abc.Stream):
    """Tells once when the stream ended while the WebSocket's handshake still waits."""

    def __init__(self, inner: trio.SSLStream[trio.SocketStream]) -> None:
        self._inner = inner
        self.when_ended: Callable[[], object] | None = None
        self.why = "end of stream"

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = bytes(await self._inner.receive_some(max_bytes))
        except trio.BrokenResourceError as error:
            self.why = str(error.__cause__ or error)
            self._ended()
            raise
        if not data:
            self._ended()
        return data

    def _ended(self) -> None:
        if self.when_ended is not None:
            self.when_ended()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _explained(problems: list[BaseException]) -> Exception:
    """One error out of several: the engine's own reason before anything that followed from it."""
    for problem in problems:
        if isinstance(problem, CorralError):
            return problem
        if isinstance(problem, ConnectionRejected):
            try:
                return Refused(structure(json.loads(problem.body or b"{}"), Refusal))
            except (ValueError, CorralError):
                return LinkEnded(f"the engine refused the connection with HTTP {problem.status_code}")
    problem = next((found for found in problems if isinstance(found, LinkEnded)), problems[0])
    return LinkEnded(str(problem.__cause__ or problem) if not isinstance(problem, LinkEnded) else str(problem))
