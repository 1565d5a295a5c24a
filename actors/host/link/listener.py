"""Listens for nodes: TLS, certificates, WebSocket; then hands each link to its session.

Two paths: `/link` for nodes with a certificate, `/enrol` for machines with a token. Own TLS handshake with a deadline,
because a stock server waits for ever on a connection that says nothing.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, wrap_server_stream

from actors.host.enrolment.authority import PeerVerdict
from actors.host.link.hub import LinkHub
from actors.host.link.session import LinkSettings, Renew, serve_link
from actors.kernel.ports import Ports
from actors.wire.frames import LinkEnded
from actors.wire.websocket_frames import WebSocketFrames
from protocol import limits
from protocol.codec import decode, encode, unstructure
from protocol.errors import BadInput, CertificateRefused, NotFound, Refusal, UnknownHost
from protocol.node.link import Enrol, Enrolled, LinkRefused
from protocol.packing import CodecError

log = logging.getLogger("corral.link")

strangers_at_once_max: Final = 256
"""How many connections may be in their handshake or enrolment; more are closed at once."""


@attrs.frozen(kw_only=True)
class LinkListener:
    """The engine's port for nodes. `judge` says what a client certificate is worth (`Authority.judge`)."""

    hub: LinkHub
    tls: ssl.SSLContext
    judge: Callable[[bytes | None], PeerVerdict]
    epoch: Callable[[], int]
    known_host: Callable[[str], bool]
    enrol: Callable[[Enrol], Awaitable[Enrolled | Refusal]]
    renew: Renew
    addresses: Sequence[str]
    port: int
    ports: Ports
    heartbeat_period_seconds: float = limits.heartbeat_period_seconds
    silent_after_seconds: float = limits.host_silent_after_seconds
    handshake_timeout_seconds: float = limits.handshake_timeout_seconds

    async def run(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Listens until cancelled. Starts with the port: the system's choice when `port` is 0. Raises `OSError`."""
        listeners: list[trio.SocketListener] = []
        port = self.port
        for address in self.addresses:
            for listener in await trio.open_tcp_listeners(port, host=address):
                listeners.append(listener)
                port = listener.socket.getsockname()[1]
        strangers = trio.CapacityLimiter(strangers_at_once_max)
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, partial(self._guarded, strangers), listeners))
            task_status.started(port)

    async def _guarded(self, strangers: trio.CapacityLimiter, stream: trio.SocketStream) -> None:
        """Whatever one connection does, the others go on."""
        try:
            strangers.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            log.warning("too many connections in their handshake: one was closed")
            await trio.aclose_forcefully(stream)
            return
        try:
            await self._serve(stream, partial(strangers.release_on_behalf_of, stream))
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, LinkEnded) as ended:
            log.info("a connection from a node ended: %s", "; ".join(map(str, ended.exceptions)))
        except* Exception:
            log.exception("a connection from a node failed")
        finally:
            if stream in strangers.statistics().borrowers:
                strangers.release_on_behalf_of(stream)
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.SocketStream, is_no_stranger: Callable[[], None]) -> None:
        tls = trio.SSLStream(stream, self.tls, server_side=True, https_compatible=True)
        with self.ports.clock.move_on_after(self.handshake_timeout_seconds) as scope:
            try:
                await tls.do_handshake()
            except trio.BrokenResourceError as error:
                await _say_why(stream, tls)
                raise LinkEnded(f"TLS handshake failed: {error.__cause__ or error}") from error
        if scope.cancelled_caught:
            raise LinkEnded("no TLS handshake in time")
        verdict = self.judge(tls.getpeercert(binary_form=True))
        bytes_max = limits.frame_before_authentication_bytes_max if verdict.reason else limits.frame_bytes_max
        async with trio.open_nursery() as nursery:
            with self.ports.clock.move_on_after(self.handshake_timeout_seconds) as scope:
                request = await wrap_server_stream(
                    nursery, tls, message_queue_size=1, max_message_size=bytes_max, receive_buffer_size=64 * 1024
                )
            if not scope.cancelled_caught:
                await self._answer(request, verdict, is_no_stranger)
            nursery.cancel_scope.cancel()

    async def _answer(
        self, request: WebSocketRequest, verdict: PeerVerdict, is_no_stranger: Callable[[], None]
    ) -> None:
        if request.path == "/enrol":
            with self.ports.clock.move_on_after(limits.ask_timeout_seconds):
                await self._enrol(WebSocketFrames(await request.accept(), ConnectionClosed))
            return
        refusal = self._refusal(request.path, verdict)
        if refusal is not None:
            log.warning("a node was refused: %s", refusal)
            with self.ports.clock.move_on_after(self.handshake_timeout_seconds):
                body = json.dumps(unstructure(refusal)).encode()
                await request.reject(refusal.status, extra_headers=[(b"Content-Type", b"application/json")], body=body)
            return
        with self.ports.clock.fail_after(self.handshake_timeout_seconds):
            transport = WebSocketFrames(await request.accept(), ConnectionClosed)
        is_no_stranger()
        settings = LinkSettings(
            hub=self.hub,
            ports=self.ports,
            epoch=self.epoch,
            renew=self.renew,
            heartbeat_period_seconds=self.heartbeat_period_seconds,
            silent_after_seconds=self.silent_after_seconds,
            hello_timeout_seconds=self.handshake_timeout_seconds,
        )
        await serve_link(transport, settings, host_id=verdict.host_id, renewal_only=verdict.expired)

    def _refusal(self, path: str, verdict: PeerVerdict) -> Refusal | None:
        """Why this peer gets no link: an HTTP answer, because a closed connection tells nobody anything."""
        if path != "/link":
            return NotFound(f"There is no path {path:.80} here.", remedy="Use /link or /enrol.").refusal
        if verdict.reason and not verdict.expired:
            return CertificateRefused(verdict.reason).refusal
        if not self.known_host(verdict.host_id):
            return UnknownHost(f"Host {verdict.host_id} is not known here; it may have been removed.").refusal
        return None

    async def _enrol(self, transport: WebSocketFrames) -> None:
        try:
            request = decode(await transport.receive(), bytes_max=limits.frame_before_authentication_bytes_max)
            if not isinstance(request, Enrol):
                raise CodecError("the first frame on /enrol must be an enrolment")
            answer = await self.enrol(request)
        except CodecError as error:
            answer = BadInput(f"Broken enrolment: {error}.", remedy="Upgrade the older side.").refusal
        if isinstance(answer, Refusal):
            log.warning("an enrolment was refused: %s", answer)
        await transport.send(encode(LinkRefused(refusal=answer) if isinstance(answer, Refusal) else answer))
        await transport.close()


async def _say_why(stream: trio.SocketStream, tls: trio.SSLStream[trio.SocketStream]) -> None:
    """Sends the alert that OpenSSL made when the handshake failed; Trio drops it, and the peer would never know.

    The one private name of Trio here; without it a peer is merely told less."""
    outgoing = getattr(tls, "_outgoing", None)
    alert = outgoing.read() if outgoing is not None else b""
    if alert:
        try:
            await stream.send_all(alert)
            await stream.send_eof()
            # What the peer has sent meanwhile is read, or the kernel would answer it with a reset that eats the alert.
            with trio.move_on_after(1):
                while await stream.receive_some():
                    pass
        except trio.BrokenResourceError:
            return
