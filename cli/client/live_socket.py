"""Opens the gateway's WebSockets: live frames in JSON or msgpack as plain dictionaries, and the bytes of a console."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import trio
import trio_websocket

from cli.client.contexts import GatewayContext
from cli.client.frames import Frame, refused, unpacked
from cli.client.rest import tls_context
from cli.problems import LoggedOut, Problem, Remote
from protocol import limits

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
T = TypeVar("T")

_queue_messages_max = 1_000  # pings are answered behind what is not read yet
_goodbye_seconds = 2.0
_LOST = (trio_websocket.ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError)


class Lost(Remote):
    """The connection ended; a cursor resumes where it stopped."""


class Socket:
    """One open WebSocket."""

    def __init__(self, connection: Any, context: GatewayContext) -> None:
        self._connection = connection
        self._context = context

    async def send(self, message: str | bytes) -> None:
        """Raises `Lost`."""
        try:
            await self._connection.send_message(message)
        except _LOST as error:
            raise self._ended(error) from error

    async def receive(self) -> str | bytes:
        """The next message. Raises `Lost`, or `LoggedOut` when the gateway says so by its closing code."""
        try:
            message: str | bytes = await self._connection.get_message()
        except _LOST as error:
            raise self._ended(error) from error
        return message

    def _ended(self, error: BaseException) -> Remote:
        reason = getattr(error, "reason", None)
        code = getattr(reason, "code", None)
        if code == 4401:
            return LoggedOut(f"the session has expired. Log in again with: {self._context.login_command}", 401)
        return Lost(f"the live connection to {self._context.url} was closed (code {code}).")


class Subscription:
    """A socket that speaks live frames."""

    def __init__(self, socket: Socket, *, packed: bool) -> None:
        self._socket = socket
        self._packed = packed

    async def subscribe(
        self, kinds: Sequence[str] = (), ids: Sequence[str] = (), cursor: str = "", *, samples: bool = False
    ) -> None:
        """Says what is wanted; the first frame that comes is `subscribed`."""
        if self._packed:
            from protocol import codec
            from protocol.live.frames import Subscribe

            token = self._socket._context.token
            message = Subscribe(kinds=tuple(kinds), ids=tuple(ids), cursor=cursor, samples=samples, token=token)
            await self._socket.send(codec.encode(message))
        else:
            wanted = {"op": "subscribe", "kinds": list(kinds), "ids": list(ids), "cursor": cursor, "samples": samples}
            await self._socket.send(json.dumps(wanted))

    async def frame(self) -> Frame:
        """The next frame with its `op`. Raises `Remote` for an `error` frame."""
        message = await self._socket.receive()
        frame = unpacked(message) if isinstance(message, bytes) else json.loads(message)
        if frame.get("op") == "error":
            raise refused(frame, self._socket._context)
        return dict(frame)


@asynccontextmanager
async def open_subscription(context: GatewayContext, *, packed: bool = False) -> AsyncIterator[Subscription]:
    """The live socket: JSON on the gateway's port, msgpack (`packed`) on its live port."""
    if packed and not context.live_url:
        raise Problem(
            "this login has no address of the live port. Log in with: corral login --lab DIR, or omit --live."
        )
    url = context.live_url if packed else context.socket_url
    async with open_socket(context, url) as socket:
        yield Subscription(socket, packed=packed)


@asynccontextmanager
async def open_socket(context: GatewayContext, url: str) -> AsyncIterator[Socket]:
    """Any WebSocket of the gateway, with the session's token. Raises `Remote` when it does not open.

    The stream is ours: the library's own opening leaves it to the garbage collector when the peer ends first.
    """
    stream: Stream | None = None
    raised: BaseException | None = None
    opened = False
    try:
        async with trio.open_nursery() as nursery:
            try:
                with trio.fail_after(limits.handshake_timeout_seconds):
                    stream = await _connected(context, url)
                    connection = await _upgraded(nursery, stream, context, url)
            except (trio_websocket.HandshakeError, trio.BrokenResourceError, trio.TooSlowError, OSError) as error:
                raised = _not_opened(error, context, url)
                raise raised from error
            opened = True
            try:
                yield Socket(connection, context)
            except BaseException as error:
                raised = error
                raise
            finally:
                with trio.move_on_after(_goodbye_seconds):
                    await connection.aclose()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        ending = _ending(group, raised, context)
        if ending is not None:
            raise ending from group.__cause__
        if not opened:  # the library's reader met the refusal first, or somebody cancelled on the way
            refused_by = group.subgroup(trio_websocket.HandshakeError)
            raise _not_opened(_first(refused_by), context, url) if refused_by else group from None
    finally:
        if stream is not None:
            await trio.aclose_forcefully(stream)


def _ending(
    group: BaseExceptionGroup[BaseException], raised: BaseException | None, context: GatewayContext
) -> BaseException | None:
    """What to raise when the nursery of a socket ends with a group: what the block raised, or why it was cancelled.

    The library's reader may stumble over a ping while we say goodbye: nobody waits for its frames any more.
    """
    if raised is not None and not isinstance(raised, trio.Cancelled):
        return raised
    if (pressed := group.subgroup(KeyboardInterrupt)) is not None:
        return _first(pressed)
    broken = group.subgroup(Exception)
    cancelled_from_outside = trio.current_effective_deadline() == float("-inf")
    if raised is None or cancelled_from_outside or broken is None:
        return raised
    return Lost(f"the live connection to {context.url} was lost: {_first(broken)!r}.")


async def _connected(context: GatewayContext, url: str) -> Stream:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "wss"
    plain_stream = await trio.open_tcp_stream(host, parts.port or (443 if secure else 80))
    if not secure:
        return plain_stream
    secured = trio.SSLStream(plain_stream, tls_context(context), server_hostname=host, https_compatible=True)
    try:
        await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(plain_stream)
        raise
    return secured


async def _upgraded(nursery: trio.Nursery, stream: Stream, context: GatewayContext, url: str) -> Any:
    parts = urlsplit(url)
    return await trio_websocket.wrap_client_stream(
        nursery, stream, parts.netloc, parts.path or "/",
        extra_headers=[(b"Authorization", f"Bearer {context.token}".encode())],
        message_queue_size=_queue_messages_max, max_message_size=limits.frame_bytes_max,
        receive_buffer_size=64 * 1024,
    )  # fmt: skip


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Runs an async function to its end; of a group of exceptions the first problem comes out alone."""
    try:
        return trio.run(main)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _not_opened(error: BaseException, context: GatewayContext, url: str) -> Remote:
    status = getattr(error, "status_code", None)
    if status == 401:
        return LoggedOut(f"not logged in. Log in again with: {context.login_command}", 401)
    if status is not None:
        return Remote(f"{url} refused the live connection with HTTP status {status}.", status)
    why = str(error).partition(" (")[0] or str(error.__cause__ or "") or type(error).__name__
    return Lost(f"{url} does not answer: {why}. Is the gateway running?")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        members = found.exceptions
        found = next((one for one in members if isinstance(one, Problem | BaseExceptionGroup)), members[0])
    return found
