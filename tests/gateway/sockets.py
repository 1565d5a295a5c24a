"""WebSocket clients for tests, JSON and msgpack, that prove the order of what they get."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from protocol import codec
from protocol.live.frames import Alive, LiveChange, Resync, SnapshotPart, Subscribe, Subscribed
from tests.gateway.running import Running


@attrs.define
class Follower:
    """Folds frames into a state and checks the chain of `previous`."""

    state: dict[tuple[str, str], int] = attrs.field(factory=dict)  # version by kind and id
    documents: dict[tuple[str, str], Any] = attrs.field(factory=dict)
    sequence: int = 0
    cursor: str = ""
    changes: list[int] = attrs.field(factory=list)
    resyncs: list[bool] = attrs.field(factory=list)
    in_snapshot: bool = False

    @property
    def objects(self) -> dict[tuple[str, str], int]:
        """The versions of all but events, which a snapshot holds only the newest of."""
        return {key: version for key, version in self.state.items() if key[0] != "event"}

    def take(self, frame: dict[str, Any]) -> None:
        match frame["op"]:
            case "subscribed":
                self.in_snapshot = not frame["resumed"]
                if not frame["resumed"]:
                    self.state.clear()
                else:
                    assert frame["sequence"] == self.sequence, "resumed where it was left"
            case "alive":
                assert not self.in_snapshot
                assert frame["sequence"] >= self.sequence
                self.sequence, self.cursor = frame["sequence"], frame["cursor"]
            case "resync":
                self.resyncs.append(frame["keep"])
                self.in_snapshot = True
                if not frame["keep"]:
                    self.state.clear()
            case "snapshot":
                assert self.in_snapshot
                for entity in frame["entities"]:
                    self.state[entity["kind"], entity["id"]] = entity["version"]
                    self.documents[entity["kind"], entity["id"]] = entity["document"]
                for kind, id in frame["removed"]:
                    self.state.pop((kind, id), None)
                if frame["last"]:
                    self.in_snapshot = False
                    self.sequence, self.cursor = frame["sequence"], frame["cursor"]
            case "change":
                assert not self.in_snapshot
                assert frame["previous"] <= self.sequence < frame["sequence"], (frame, self.sequence)
                self.sequence, self.cursor = frame["sequence"], frame["cursor"]
                self.changes.append(frame["sequence"])
                key = (frame["kind"], frame["id"])
                if frame["document"] is None:
                    del self.state[key]
                else:
                    self.state[key] = frame["version"]
                    self.documents[key] = frame["document"]


@attrs.define
class Socket:
    connection: WebSocketConnection
    follower: Follower = attrs.field(factory=Follower)

    async def frame(self) -> dict[str, Any]:
        with trio.fail_after(10):
            data = await self.connection.get_message()
        frame = json.loads(data) if isinstance(data, str) else _plain(codec.decode(data))
        self.follower.take(frame)
        return dict(frame)

    async def until(self, sequence: int) -> None:
        while self.follower.sequence < sequence or self.follower.in_snapshot:
            await self.frame()


def _plain(message: Any) -> dict[str, Any]:
    ops = {Alive: "alive", Subscribed: "subscribed", SnapshotPart: "snapshot", LiveChange: "change", Resync: "resync"}
    plain = {field.name: getattr(message, field.name) for field in attrs.fields(type(message))}
    if isinstance(message, SnapshotPart):
        plain["entities"] = [
            {name: getattr(e, name) for name in ("kind", "id", "version", "document")} for e in message.entities
        ]
    return {"op": ops.get(type(message), type(message).__name__), **plain}


@asynccontextmanager
async def open_url(url: str, gateway: Running, **more: Any) -> AsyncIterator[WebSocketConnection]:
    async with open_websocket_url(
        url, ssl_context=gateway.client_context(), max_message_size=2**24, **more
    ) as connection:
        try:
            yield connection
        finally:
            # trio-websocket leaves the stream of a client open when the server closed first.
            if connection.closed:
                await connection._close_stream()


@asynccontextmanager
async def json_socket(gateway: Running, token: str, **subscribe: Any) -> AsyncIterator[Socket]:
    url = f"wss://localhost:{gateway.serving.port}/ws"
    async with open_url(url, gateway) as connection:
        await connection.send_message(json.dumps({"op": "subscribe", "token": token, **subscribe}))
        yield Socket(connection)


@asynccontextmanager
async def msgpack_socket(gateway: Running, token: str, **subscribe: Any) -> AsyncIterator[Socket]:
    url = f"wss://localhost:{gateway.serving.live_port}/"
    async with open_url(url, gateway) as connection:
        await connection.send_message(codec.encode(Subscribe(token=token, **subscribe)))
        yield Socket(connection)
