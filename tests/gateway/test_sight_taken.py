"""What was seen may be seen no more: what waits, what is being sent, what a cursor remembers, an open console."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from gateway.auth.gate import LiveSession
from gateway.documents.write import Writer
from gateway.live import console, subscriber
from gateway.live.frames import Cursor
from gateway.live.hub import Hub
from gateway.read_model.model import ReadModel
from gateway.visibility import ALL, Visibility
from protocol import codec
from protocol.errors import Unauthenticated
from protocol.live.engine import Change
from protocol.live.frames import LiveChange, Resync, SnapshotPart, Subscribe, Subscribed
from protocol.message import Message
from tests.engine.installation import small_installation
from tests.engine.names import named_id
from tests.engine.samples import host_samples
from tests.gateway.http import Client
from tests.gateway.running import running
from tests.gateway.sockets import open_url

VM, OTHER, HOST = named_id("vm-0"), named_id("vm-1"), named_id("host-0")
ONE, NONE = Visibility(frozenset({("vm", VM)})), Visibility(frozenset())


class ClientLeft(Exception):
    pass


@attrs.define
class Desk:
    """A hub, one session, and a client that reads frame by frame; `on` does something while a frame is being sent."""

    hub: Hub
    visibility: Visibility = ALL
    stands: bool = True
    frames: list[Message] = attrs.field(factory=list)

    def subscriber(self, **subscribe: Any) -> subscriber.Subscriber:
        session = LiveSession(lambda: self.stands, lambda: self.visibility)
        return self.hub.subscriber(Subscribe(**subscribe), "msgpack", session)

    async def read(self, reader: subscriber.Subscriber, most: int, on: Any = lambda _: None) -> None:
        """Until `most` frames have come, or what ends it."""

        async def send(data: bytes) -> None:
            self.frames.append(codec.decode(data))
            on(self.frames[-1])
            if len(self.frames) >= most:
                raise ClientLeft

        with trio.fail_after(5), contextlib.suppress(ClientLeft):
            await reader.run(send)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(subscriber, "_part_entities_max", 1)
    async with small_installation(vms=4, hosts=1) as site:
        model = ReadModel()
        model.load(await site.engine.port.snapshot())
        return Desk(Hub(site.engine.port, model, lambda record: Writer(model).record(record, bare=True), 100))


async def test_a_waiting_sample_is_forgotten_with_the_right_to_it(desk: Desk) -> None:
    reader = desk.subscriber(kinds=("tag",), samples=True)

    def shrink(frame: Message) -> None:
        if isinstance(frame, Subscribed):
            desk.hub.sampled(host_samples(HOST, (VM, OTHER), (), ()))
            desk.visibility = NONE
            reader.look()

    with trio.move_on_after(0.2):
        await desk.read(reader, 9, shrink)
    assert [type(frame) for frame in desk.frames] == [Subscribed, Resync, SnapshotPart]


async def test_a_snapshot_stops_at_the_end_of_its_session(desk: Desk) -> None:
    def log_out(frame: Message) -> None:
        desk.stands = False

    with pytest.raises(Unauthenticated):
        await desk.read(desk.subscriber(kinds=("vm",)), 9, log_out)
    assert len(desk.frames) == 1, "not one part after the log-out"


async def test_a_snapshot_begins_anew_for_who_may_see_less(desk: Desk) -> None:
    def shrink(frame: Message) -> None:
        if isinstance(frame, SnapshotPart):
            desk.visibility = ONE

    await desk.read(desk.subscriber(kinds=("vm",)), 4, shrink)
    assert [type(frame) for frame in desk.frames] == [Subscribed, SnapshotPart, Resync, SnapshotPart]
    last = desk.frames[-1]
    assert isinstance(last, SnapshotPart)
    assert [entity.id for entity in last.entities] == [VM]
    assert last.last


@pytest.mark.parametrize(
    ("before", "after", "resumed"),
    [(ALL, ALL, True), (ONE, ONE, True), (ALL, ONE, False), (ONE, ALL, False), (ONE, NONE, False)],
)
async def test_a_cursor_is_good_for_the_same_sight(
    desk: Desk, before: Visibility, after: Visibility, resumed: bool
) -> None:
    desk.visibility = before
    await desk.read(desk.subscriber(kinds=("host",)), 2)
    last = desk.frames[-1]
    assert isinstance(last, SnapshotPart)
    desk.frames.clear()
    desk.visibility = after
    reader = desk.subscriber(kinds=("vm",), cursor=last.cursor)
    await desk.read(reader, 1 if resumed else 2)
    first = desk.frames[0]
    assert isinstance(first, Subscribed)
    assert first.resumed is resumed
    if not resumed:
        assert desk.frames[1] == Resync(reason="what you may see has changed", keep=False)


async def test_a_catching_up_stops_at_the_end_of_its_session(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    model = desk.hub.model
    vm, last = model.get("vm", VM), model.sequence
    assert vm is not None
    at = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    page = [
        Change(sequence=sequence, kind="vm", id=VM, version=1, tag="vm.updated", at=at, document=vm.document)
        for sequence in range(last - 2, last + 1)
    ]

    async def history(_: int) -> Sequence[Change]:
        return page

    monkeypatch.setattr(desk.hub, "history", history)
    reader = desk.subscriber(kinds=("vm",), cursor=Cursor(model.stream_id, last - 3).text)

    def log_out(frame: Message) -> None:
        if isinstance(frame, LiveChange):
            desk.stands = False
            reader.look()  # as the hub does each second

    with pytest.raises(Unauthenticated):
        await desk.read(reader, 9, log_out)
    assert [type(frame) for frame in desk.frames] == [Subscribed, LiveChange]


async def test_a_cursor_without_a_sight_is_one_of_everything(desk: Desk) -> None:
    old = Cursor(desk.hub.model.stream_id, desk.hub.model.sequence)
    assert old.sight == ALL.digest == ""
    assert ONE.digest == Visibility(frozenset({("vm", VM)})).digest != NONE.digest != ""


async def test_a_console_ends_with_the_right_to_see_its_vm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_check_seconds", 0.05)
    seen = [ALL]
    async with (
        small_installation(vms=1, hosts=1) as site,
        running(site.engine.port, tmp_path, lambda _: seen[-1]) as gateway,
    ):
        client = Client(gateway)
        await client.login()
        await site.until_status("vm", "vm-0", "up")
        headers = [("Authorization", f"Bearer {client.token}")]
        url = f"wss://localhost:{gateway.serving.port}/ws/console/{VM}"
        async with open_url(url, gateway, extra_headers=headers) as connection:
            await connection.get_message()
            seen.append(NONE)
            with trio.fail_after(5), pytest.raises(ConnectionClosed) as closed:
                await _until_closed(connection)
    assert closed.value.reason.code == 4404


async def _until_closed(connection: WebSocketConnection) -> None:
    while True:
        await connection.get_message()
