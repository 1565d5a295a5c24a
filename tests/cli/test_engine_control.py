"""The lab's control socket, asked as the lab asks: tokens, crash hooks, refusals that say why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from cli.daemons.engine.control import EngineControl
from cli.daemons.lab.contract import ask_control, enrolment_token, host_is_up
from cli.daemons.lab.errors import LabError
from protocol.host.model import Host
from tests.actors.storage.room import Room, host_id, opened


@asynccontextmanager
async def controlled(folder: Path) -> AsyncIterator[Room]:
    async with opened() as room, trio.open_nursery() as nursery:
        room.engine.services.nodes = room.engine.hub  # no node is linked
        nursery.start_soon(EngineControl(room.engine, folder).run)
        with trio.fail_after(10):
            while not (folder / "control.sock").exists():  # noqa: ASYNC110 - it says nothing when it serves
                await trio.sleep(0.01)
        yield room
        nursery.cancel_scope.cancel()


async def test_a_host_gets_a_token_and_is_added_first(tmp_path: Path) -> None:
    async with controlled(tmp_path) as room:
        reply = await ask_control(tmp_path, {"do": "enrolment_token", "host": "new"})
        assert reply["token"] == "token"
        assert [host.name for host in room.engine.rows.named(Host, "new")] == ["new"]
        assert (await ask_control(tmp_path, {"do": "enrolment_token", "host": "new"}))["host_id"] == reply["host_id"]


async def test_the_lab_spends_no_token_of_a_host_that_another_one_is(tmp_path: Path) -> None:
    async with controlled(tmp_path) as room:
        assert await enrolment_token(tmp_path, "new") == "token"
        (host,) = room.engine.rows.named(Host, "new")
        with pytest.raises(LabError, match="another host of this lab is now called new"):
            await enrolment_token(tmp_path, "new", {host.id})


async def test_a_host_is_awaited_until_it_is_up_unless_only_a_person_can_bring_it_up(tmp_path: Path) -> None:
    async with controlled(tmp_path) as room:
        with trio.fail_after(10):
            await host_is_up(tmp_path, host_id)
        with trio.move_on_after(0.3) as waiting:
            await ask_control(tmp_path, {"do": "enrolment_token", "host": "new"})
            (new,) = room.engine.rows.named(Host, "new")
            await host_is_up(tmp_path, new.id)
        assert waiting.cancelled_caught, "it is installing"
        (known,) = room.engine.rows.named(Host, "host-1")
        resting = attrs.evolve(known, id="aaaaaaaa-0000-4000-8000-00000000dead", name="resting", status="maintenance")
        with trio.fail_after(10):
            await room.put("host", resting)
            with pytest.raises(LabError, match="is maintenance, not up"):
                await host_is_up(tmp_path, str(resting.id))


async def test_an_actor_is_crashed_on_request(tmp_path: Path) -> None:
    async with controlled(tmp_path):
        assert await ask_control(tmp_path, {"do": "crash_actor", "address": f"host/{host_id}"}) == {
            "crashed": f"host/{host_id}"
        }


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({"do": "dance"}, "There is no command 'dance'; the commands are enrolment_token"),
        ({}, "There is no command None"),
        ({"do": "crash_actor", "address": "vm/none"}, "There is no vm/none"),
        ({"do": "crash_actor"}, "address"),
    ],
)
async def test_what_cannot_be_done_says_why(question: dict[str, object], why: str, tmp_path: Path) -> None:
    async with controlled(tmp_path):
        with pytest.raises(LabError, match=why):
            await ask_control(tmp_path, question)


async def test_the_socket_is_for_its_owner_and_goes_with_the_daemon(tmp_path: Path) -> None:
    async with controlled(tmp_path):
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "control.sock").exists()
    with pytest.raises(LabError, match="No answer"):
        await ask_control(tmp_path, {"do": "crash_actor"})
