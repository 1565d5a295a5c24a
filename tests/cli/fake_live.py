"""A live port that plays what a test wrote: for each connection the frames to send, then silence or the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio
import trio_websocket

Frame = dict[str, Any]


class FakeLive:
    """`plays` has one list of frames for each connection; a frame None ends the connection, a number is a pause, an event
    is waited for."""

    def __init__(self, *plays: list[Any]) -> None:
        self.plays = list(plays)
        self.subscribed: list[Frame] = []
        self.headers: list[dict[str, str]] = []
        self.console: list[bytes] = []
        self.url = ""

    async def serve(self, request: Any) -> None:
        self.headers.append({key.decode(): value.decode() for key, value in request.headers})
        socket = await request.accept()
        try:
            if "/console/" in request.path:
                await self._console(socket)
            else:
                await self._live(socket)
        except trio_websocket.ConnectionClosed:
            pass

    async def _live(self, socket: Any) -> None:
        self.subscribed.append(json.loads(await socket.get_message()))
        for frame in self.plays.pop(0) if self.plays else []:
            if frame is None:
                return
            if isinstance(frame, float):
                await trio.sleep(frame)
            elif isinstance(frame, threading.Event):
                await trio.to_thread.run_sync(frame.wait, 10)
            else:
                await socket.send_message(json.dumps(frame))
        await trio.sleep_forever()

    async def _console(self, socket: Any) -> None:
        await socket.send_message(b"\x1b[1mtiny\x1b[0m login: ")
        while True:
            data = await socket.get_message()
            self.console.append(data)
            await socket.send_message(b"you said " + data.upper() + b"\n")


@contextmanager
def serving(fake: FakeLive) -> Iterator[FakeLive]:
    """Serves it on a free port of this machine."""
    ready = threading.Event()
    kept: list[Any] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(trio_websocket.serve_websocket, fake.serve, "127.0.0.1", 0, None)
            fake.url = f"ws://127.0.0.1:{server.port}/ws"
            kept.extend([trio.lowlevel.current_trio_token(), nursery.cancel_scope])
            ready.set()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    ready.wait(10)
    try:
        yield fake
    finally:
        token, scope = kept
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        thread.join(10)


def subscribed(sequence: int, *, resumed: bool = False) -> Frame:
    return {"op": "subscribed", "stream_id": "s", "sequence": sequence, "cursor": f"c{sequence}", "resumed": resumed}


def snapshot(sequence: int, *entities: Frame, last: bool = True) -> Frame:
    return {"op": "snapshot", "sequence": sequence, "last": last, "cursor": f"c{sequence}", "removed": [],
            "entities": list(entities)}  # fmt: skip


def entity(kind: str, id: str, version: int = 1, **document: Any) -> Frame:
    return {"kind": kind, "id": id, "version": version, "document": {"id": id, **document}}


def change(sequence: int, previous: int, kind: str, id: str, version: int = 2, **document: Any) -> Frame:
    return {"op": "change", "sequence": sequence, "previous": previous, "cursor": f"c{sequence}", "kind": kind, "id": id,
            "version": version, "tag": f"{kind}.changed", "at": "2030-01-01T00:00:00.000+00:00", "correlation_id": "",
            "parent": "", "document": {"id": id, **document} if document else None}  # fmt: skip
