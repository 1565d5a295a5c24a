"""Asks and answers on a daemon's control socket: length in four big-endian bytes, then a msgpack map, both ways."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from protocol.errors import CorralError, HostFailed, Unavailable
from protocol.packing import CodecError, pack, unpack

frame_bytes_max: Final = 1 << 20
timeout_seconds: Final = 60.0

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def ask(path: Path, question: Mapping[str, object]) -> dict[str, Any]:
    """One question. Raises `Unavailable` when nobody answers, `HostFailed` with the reason when it was refused."""
    try:
        with trio.fail_after(timeout_seconds):
            async with await trio.open_unix_socket(str(path)) as stream:
                await _send(stream, question)
                reply = await _receive(stream)
    except (OSError, trio.BrokenResourceError, trio.TooSlowError, CodecError) as error:
        raise Unavailable(f"No answer on {path}: {error}.") from error
    if "error" in reply:
        raise HostFailed(f"{question.get('do')} was refused: {reply['error']}")
    return reply


async def serve(path: Path, answer: Answer) -> None:
    """Answers (0600) until cancelled."""
    await trio.Path(path).unlink(missing_ok=True)
    with trio.socket.from_stdlib_socket(_listening(path)) as sock:
        try:
            await trio.serve_listeners(partial(_answer_one, answer), [trio.SocketListener(sock)])
        finally:
            with contextlib.suppress(FileNotFoundError):  # whoever starts the daemon anew may have swept it
                os.unlink(path)


def _listening(path: Path) -> socket.socket:
    """Bound and listening in one go: whoever sees the file may ask at once. Trio's own bind would let others run first."""
    made = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    made.listen(16)
    return made


async def _answer_one(answer: Answer, stream: trio.SocketStream) -> None:
    async with stream:
        with trio.move_on_after(timeout_seconds):
            try:
                try:
                    reply = await answer(await _receive(stream))
                except (CorralError, CodecError, KeyError) as error:
                    reply = {"error": str(error)}
                await _send(stream, reply)
            except trio.BrokenResourceError:
                return


async def _send(stream: trio.SocketStream, value: Mapping[str, object]) -> None:
    body = pack(dict(value))
    await stream.send_all(struct.pack(">I", len(body)) + body)


async def _receive(stream: trio.SocketStream) -> dict[str, Any]:
    (size,) = struct.unpack(">I", await _exactly(stream, 4))
    if size > frame_bytes_max:
        raise CodecError(f"{size} bytes are more than {frame_bytes_max}")
    value = unpack(await _exactly(stream, size))
    if not isinstance(value, dict):
        raise CodecError("a frame is a map")
    return value


async def _exactly(stream: trio.SocketStream, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = await stream.receive_some(count - len(received))
        if not more:
            raise trio.BrokenResourceError("closed before the end of the frame")
        received += bytes(more)
    return received
