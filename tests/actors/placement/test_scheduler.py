"""The scheduler never gives the same room twice, gives back what was not used, and knows after a restart what runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.kernel import ActorRef, Directory, Ports, codec_carrier
from actors.placement.messages import Place, Placed, ReleasePlacement
from actors.placement.scheduler import hold_seconds, scheduler
from protocol.errors import Refusal
from protocol.node.reports import Done
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.tree import running
from tests.actors.placement.hosts import host, place, put, vm


@asynccontextmanager
async def scheduling(rows: Rows) -> AsyncIterator[ActorRef]:
    nobody: Any = None
    services = Services(
        rows=rows, writer=nobody, nodes=nobody, ensure=lambda *_: None, epoch=lambda: 1,
        silent_after_seconds=20, guest_up_timeout_seconds=60, shutdown_timeout_seconds=300,
    )  # fmt: skip
    child = ChildSpec("scheduler", scheduler(services), address="scheduler/main")
    directory = Directory()
    async with running(SupervisorSpec("root", children=(child,)), Ports.seeded(1), directory, carrier=codec_carrier):
        ref = directory.find("scheduler/main")
        assert ref is not None
        yield ref


async def placed(ref: ActorRef, request: Place) -> str:
    answer = await ref.ask(request, timeout_seconds=5)
    assert isinstance(answer, Placed), answer
    return answer.host_id


async def test_starts_at_the_same_moment_do_not_get_the_same_room(autojump_clock: MockClock) -> None:
    rows = Rows()
    for name in "ab":
        put(rows, "host", host(name, gib=4.25))
    async with scheduling(rows) as ref:
        hosts = [await placed(ref, place(str(number), gib=1.5)) for number in range(4)]
        assert sorted(hosts) == ["id-a", "id-a", "id-b", "id-b"]
        full = await ref.ask(place("late", gib=1.5), timeout_seconds=5)
        assert isinstance(full, Refusal)
        assert full.code == "no_host_fits"
        assert [reason.split(":")[0] for reason in full.reasons] == ["a", "b"]
        assert await ref.ask(ReleasePlacement(operation_id="start-0"), timeout_seconds=5) == Done()
        assert await placed(ref, place("late", gib=1.5)) == hosts[0]


async def test_the_same_operation_gets_the_same_host(autojump_clock: MockClock) -> None:
    rows = Rows()
    for name in "ab":
        put(rows, "host", host(name))
    async with scheduling(rows) as ref:
        first = await placed(ref, place())
        assert await placed(ref, place()) == first
        assert await placed(ref, place("other")) != first


async def test_the_row_takes_over_from_the_hold(autojump_clock: MockClock) -> None:
    rows = Rows()
    put(rows, "host", host("a", gib=2.35))
    async with scheduling(rows) as ref:
        await placed(ref, place("v"))
        put(rows, "vm", vm("v", "a", status="wait_for_launch"))
        await ref.ask(ReleasePlacement(operation_id="start-v"), timeout_seconds=5)
        assert await placed(ref, place("w")) == "id-a"  # counted once, so there is room for one more
        assert isinstance(await ref.ask(place("x"), timeout_seconds=5), Refusal)


async def test_what_runs_is_known_from_the_rows(autojump_clock: MockClock) -> None:
    rows = Rows()
    put(rows, "vm", vm("v", "a", gib=16))
    put(rows, "host", host("a"))
    put(rows, "host", host("b"))
    async with scheduling(rows) as ref:
        assert await placed(ref, place(gib=8)) == "id-b"


async def test_a_hold_that_nobody_releases_ends(autojump_clock: MockClock) -> None:
    rows = Rows()
    put(rows, "host", host("a", gib=1.5))
    async with scheduling(rows) as ref:
        await placed(ref, place("v"))
        assert isinstance(await ref.ask(place("w"), timeout_seconds=5), Refusal)
        await trio.sleep(hold_seconds)
        assert await placed(ref, place("w")) == "id-a"


async def test_without_hosts_it_says_so(autojump_clock: MockClock) -> None:
    async with scheduling(Rows()) as ref:
        answer = await ref.ask(place(), timeout_seconds=5)
        assert isinstance(answer, Refusal)
        assert answer.reasons == ("There is no host yet.",)


@pytest.mark.parametrize("gone", ["maintenance", None])
async def test_a_host_that_left_is_not_held_any_more(gone: str | None, autojump_clock: MockClock) -> None:
    rows = Rows()
    put(rows, "host", host("a"))
    put(rows, "host", host("b"))
    async with scheduling(rows) as ref:
        assert await placed(ref, place("v")) == "id-a"
        if gone:
            put(rows, "host", host("a", status=gone))
        else:
            rows.drop("host", "id-a")
        assert await placed(ref, place("w")) == "id-b"
        assert await placed(ref, place("v")) == "id-b"
