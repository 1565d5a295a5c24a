"""Byte streams to a guest's serial terminal and to unix sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import trio

_unix_path_bytes_max = 107
_open_timeout_seconds = 5


class QuietStream:
    """A stream whose broken end reads as its end: QEMU went away, which is no error of the reader's."""

    def __init__(self, stream: trio.abc.Stream, on_close: Callable[[], None] | None = None) -> None:
        self._stream = stream
        self._on_close = on_close

    async def send_all(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError:
            return b""

    async def aclose(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        await self._stream.aclose()


async def open_terminal(path: str, on_close: Callable[[], None] | None = None) -> QuietStream:
    """The terminal that QEMU made for a serial port. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    return QuietStream(trio.lowlevel.FdStream(descriptor), on_close)


async def open_socket(path: str, on_close: Callable[[], None] | None = None) -> QuietStream:
    """A unix socket, also under a path longer than the system call takes. Raises `OSError`."""
    made = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with trio.fail_after(_open_timeout_seconds):
            if len(os.fsencode(path)) <= _unix_path_bytes_max:
                await made.connect(path)
            else:
                directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    await made.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
                finally:
                    os.close(directory)
    except trio.TooSlowError:
        made.close()
        raise TimeoutError(f"nothing listens on {path}") from None
    except BaseException:
        made.close()
        raise
    return QuietStream(trio.SocketStream(made), on_close)
