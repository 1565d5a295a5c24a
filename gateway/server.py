"""Serves a gateway: one HTTPS port for REST and WebSocket, one trio-websocket port for daemons, until cancelled.

It must not let a peer that has stopped reading delay shutdown: every connection is tracked and can be closed.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from gateway.app import Gateway, build
from gateway.config import GatewayConfig, Outside, Serving
from gateway.live.trio_socket import LivePort
from gateway.read_model.engine_client import EnginePort
from gateway.visibility import VisibilityOf, everything
from protocol import limits

_backlog: Final = 1_024
_poll_seconds: Final = 0.05


class Connections:
    """The open connections of a port. Hypercorn shields its sends without a deadline, so at the end they are cut."""

    def __init__(self) -> None:
        self._open: set[trio.SocketStream] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, stream: trio.SocketStream) -> None:
        self._open.add(stream)

    def remove(self, stream: trio.SocketStream) -> None:
        self._open.discard(stream)

    def cut(self) -> None:
        """A send that waits for a peer fails at once; the peer gets a reset."""
        for stream in self._open:
            try:
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                stream.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # gone already


async def serve(
    config: GatewayConfig,
    engine: EnginePort,
    outside: Outside,
    follow: Callable[[ssl.SSLContext], ssl.SSLContext] = lambda context: context,
    visibility_of: VisibilityOf = everything,
    *,
    task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a gateway until it is cancelled; started when it listens and has read the inventory.

    `follow` is told each TLS context, by whoever loads a new certificate into it before the old one expires.
    """
    gateway = await trio.to_thread.run_sync(build, config, engine, outside, visibility_of)
    context = follow(tls_context(config, ("h2", "http/1.1")))
    sockets = [listen(host, config.port, config.send_timeout_seconds) for host in config.hosts]
    async with trio.open_nursery() as feeding:
        feeding.start_soon(gateway.hub.run)
        await feeding.start(gateway.feed.run)
        async with trio.open_nursery() as nursery:
            for sock in sockets:
                await nursery.start(_serve_http, gateway, config, sock, context)
            live_port = await _start_live_port(nursery, gateway, config, engine, follow)
            task_status.started(Serving(port=sockets[0].getsockname()[1], live_port=live_port))
            await trio.sleep_forever()
        feeding.cancel_scope.cancel()


def listen(host: str, port: int, send_timeout_seconds: float) -> socket.socket:
    """A listening socket whose connections die when a peer acknowledges nothing for that long."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(send_timeout_seconds * 1000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((host, port))
    sock.listen(_backlog)
    sock.setblocking(False)
    return sock


def tls_context(config: GatewayConfig, protocols: Iterable[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(config.certificate_file, config.key_file)
    context.set_alpn_protocols(list(protocols))
    return context


def _hypercorn_config(config: GatewayConfig) -> Config:
    made = Config()
    made.ssl_handshake_timeout = config.tls_handshake_timeout_seconds
    made.keep_alive_timeout = 60.0
    made.keep_alive_max_requests = 1_000_000
    made.h11_max_incomplete_size = 64 * 1024
    made.websocket_max_message_size = limits.frame_before_authentication_bytes_max
    # Hypercorn's pinger sleeps on after a WebSocket has ended; TCP keep-alive finds dead peers, `alive` frames the rest.
    made.websocket_ping_interval = None
    made.include_server_header = False
    made.accesslog = None
    made.errorlog = None
    return made


async def _serve_http(
    gateway: Gateway,
    config: GatewayConfig,
    sock: socket.socket,
    context: ssl.SSLContext,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hypercorn's connections under our own listener: its `serve` gives no way to cut a paused peer."""
    hypercorn_config = _hypercorn_config(config)
    app: Any = wrap_app(gateway.app, hypercorn_config.wsgi_max_body_size, "asgi")  # type: ignore[arg-type]
    worker = WorkerContext(None)
    connections = Connections()
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))

    async def connection(stream: trio.SocketStream) -> None:
        connections.add(stream)
        try:
            secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
            await TCPServer(app, hypercorn_config, worker, ConnectionState({}), secured)
        except* OSError:
            pass
        except* Exception as group:  # noqa: BLE001 - a bug or a broken peer ends one connection
            # Hypercorn lets a broken peer's protocol errors through; they end one connection, not the gateway.
            gateway.log(f"a connection ended by {_innermost(group)!r}")
        finally:
            connections.remove(stream)
            await trio.aclose_forcefully(stream)

    async def terminate() -> None:
        gateway.hub.close()
        await worker.terminated.set()  # idle connections end

    await accept_until_cancelled(
        listener, connection, connections, terminate, config.shutdown_timeout_seconds, task_status=task_status
    )


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _start_live_port(
    nursery: trio.Nursery,
    gateway: Gateway,
    config: GatewayConfig,
    engine: EnginePort,
    follow: Callable[[ssl.SSLContext], ssl.SSLContext],
) -> int | None:
    """The port it listens on, None when there is none."""
    if config.live_port is None:
        return None
    sock = listen(config.hosts[0], config.live_port, config.send_timeout_seconds)
    context = follow(tls_context(config, ("http/1.1",)))
    port = LivePort(gateway.gate, gateway.hub, engine, context, config.tls_handshake_timeout_seconds)
    connections = Connections()

    async def connection(stream: trio.SocketStream) -> None:
        connections.add(stream)
        try:
            await port.connection(stream)
        except* Exception as group:  # noqa: BLE001 - a bug or a broken peer ends one connection
            gateway.log(f"a live connection ended by {_innermost(group)!r}")
        finally:
            connections.remove(stream)

    async def terminate() -> None:
        gateway.hub.close()

    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    await nursery.start(
        accept_until_cancelled, listener, connection, connections, terminate, config.shutdown_timeout_seconds
    )
    return int(sock.getsockname()[1])


async def accept_until_cancelled(
    listener: trio.SocketListener,
    connection: Callable[[trio.SocketStream], Awaitable[None]],
    connections: Connections,
    terminate: Callable[[], Awaitable[None]],
    timeout_seconds: float,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accepts until cancelled; then subscriptions end, connections get a moment, and what is left is cut."""
    stop = trio.Event()
    async with trio.open_nursery() as outer:
        handlers = await outer.start(_hold_connections, connections, stop, timeout_seconds)
        try:
            task_status.started()
            await trio.serve_listeners(connection, [listener], handler_nursery=handlers)
        finally:
            with trio.CancelScope(shield=True):
                await terminate()
            stop.set()


async def _hold_connections(
    connections: Connections,
    stop: trio.Event,
    timeout_seconds: float,
    *,
    task_status: trio.TaskStatus[trio.Nursery] = trio.TASK_STATUS_IGNORED,
) -> None:
    """The nursery of the connections: it outlives the cancellation of the port by `timeout_seconds`."""
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as handlers:
            task_status.started(handlers)
            await stop.wait()
            deadline = trio.current_time() + timeout_seconds
            while connections and trio.current_time() < deadline:  # noqa: ASYNC110 - both may end it
                await trio.sleep(_poll_seconds)
            handlers.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                while connections:
                    connections.cut()
                    await trio.sleep(_poll_seconds)
