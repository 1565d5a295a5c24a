"""Two operations never get the same name or MAC address; what is not released comes back after a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.journal.port import EntityRow
from actors.kernel import ActorRef, Directory, Ports, codec_carrier
from actors.reservations.actor import hold_seconds, reservations
from actors.reservations.mac_pool import MacIndex, MacRange, normalized
from actors.reservations.messages import NameClaim, ReleaseReservation, Reserve, Reserved
from protocol.codec import encode
from protocol.errors import BadInput, Refusal
from protocol.network.model import Mac, Nic
from protocol.node.reports import Done
from protocol.vm.model import Vm
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.tree import running

small = MacRange("56:6f:00:00:00:00", "56:6f:00:00:00:02")


def put_vm(rows: Rows, id: str, name: str, *macs: str) -> None:
    nics = tuple(Nic(id=f"{id}-{n}", mac=Mac(address=mac)) for n, mac in enumerate(macs))
    rows.put(EntityRow("vm", id, 1, name, "", b"", encode(Vm(id=id, name=name, nics=nics))))


@asynccontextmanager
async def reserving(rows: Rows, mac_range: MacRange | None = None) -> AsyncIterator[ActorRef]:
    nobody: Any = None
    services = Services(
        rows=rows, writer=nobody, nodes=nobody, ensure=lambda *_: None, epoch=lambda: 1,
        silent_after_seconds=20, guest_up_timeout_seconds=60, shutdown_timeout_seconds=300,
    )  # fmt: skip
    child = ChildSpec("reservations", reservations(services, mac_range), address="reservations/main")
    directory = Directory()
    async with running(SupervisorSpec("root", children=(child,)), Ports.seeded(1), directory, carrier=codec_carrier):
        ref = directory.find("reservations/main")
        assert ref is not None
        yield ref


async def reserve(ref: ActorRef, holder: str, *, name: str = "", owner: str = "", macs: tuple[str, ...] = ()) -> Any:
    names = (NameClaim(kind="vm", name=name),) if name else ()
    request = Reserve(holder=holder, owner_id=owner or holder, names=names, macs=macs)
    return await ref.ask(request, timeout_seconds=5)


async def test_a_name_is_held_until_it_is_released(autojump_clock: MockClock) -> None:
    async with reserving(Rows()) as ref:
        assert await reserve(ref, "op-1", name="web") == Reserved()
        refused = await reserve(ref, "op-2", name="web")
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.field) == ("name_taken", "name")
        assert await ref.ask(ReleaseReservation(holder="op-1"), timeout_seconds=5) == Done()
        assert await reserve(ref, "op-2", name="web") == Reserved()


async def test_a_durable_name_is_taken_but_for_its_owner(autojump_clock: MockClock) -> None:
    rows = Rows()
    put_vm(rows, "vm-1", "web")
    async with reserving(rows) as ref:
        assert isinstance(await reserve(ref, "op", name="web", owner="vm-2"), Refusal)
        assert await reserve(ref, "op", name="web", owner="vm-1") == Reserved()
        claim = NameClaim(kind="vm", name="web", parent="elsewhere")
        assert await ref.ask(Reserve(holder="o", owner_id="vm-2", names=(claim,)), timeout_seconds=5) == Reserved()


async def test_addresses_from_the_pool_are_all_different(autojump_clock: MockClock) -> None:
    rows = Rows()
    put_vm(rows, "vm-1", "web", "56:6F:00:00:00:01")
    async with reserving(rows, small) as ref:
        assert (await reserve(ref, "op-1", macs=("",))).macs == ("56:6f:00:00:00:00",)
        assert (await reserve(ref, "op-2", macs=("",))).macs == ("56:6f:00:00:00:02",)
        refused = await reserve(ref, "op-3", macs=("",))
        assert isinstance(refused, Refusal)
        assert "used up" in refused.reason


async def test_the_same_holder_gets_the_same_addresses(autojump_clock: MockClock) -> None:
    async with reserving(Rows()) as ref:
        first = await reserve(ref, "op-1", macs=("", ""))
        assert await reserve(ref, "op-1", macs=("", "")) == first
        assert len(set(first.macs)) == 2


@pytest.mark.parametrize(
    "macs",
    [("01:00:5e:00:00:01",), ("00:00:00:00:00:00",), ("56:6f",), ("56:6f:00:00:00:0g",), ("56:6f:01:02:03:04",) * 2],
    ids=["multicast", "zeros", "short", "letters", "twice"],
)
async def test_bad_addresses_are_refused(macs: tuple[str, ...], autojump_clock: MockClock) -> None:
    async with reserving(Rows()) as ref:
        refused = await reserve(ref, "op", macs=macs)
        assert isinstance(refused, Refusal)
        assert (refused.status, refused.field) == (400, "mac")


async def test_an_address_in_use_names_its_vm(autojump_clock: MockClock) -> None:
    rows = Rows()
    put_vm(rows, "vm-1", "web", "56:6f:00:00:00:01")
    async with reserving(rows) as ref:
        refused = await reserve(ref, "op", owner="vm-2", macs=("56:6F:00:00:00:01",))
        assert isinstance(refused, Refusal)
        assert "by the VM web." in refused.reason
        kept = await reserve(ref, "op", owner="vm-1", macs=("56-6F-00-00-00-01",))
        assert kept.macs == ("56:6f:00:00:00:01",)
        put_vm(rows, "vm-1", "web")
        assert isinstance(await reserve(ref, "op", owner="vm-2", macs=("56:6f:00:00:00:01",)), Reserved)


async def test_a_hold_that_nobody_releases_expires(autojump_clock: MockClock) -> None:
    async with reserving(Rows()) as ref:
        await reserve(ref, "op-1", name="web", macs=("56:6f:00:00:00:01",))
        await trio.sleep(hold_seconds - 1)
        assert isinstance(await reserve(ref, "op-2", name="web"), Refusal)
        await trio.sleep(1)
        assert isinstance(await reserve(ref, "op-2", name="web", macs=("56:6f:00:00:00:01",)), Reserved)


def test_a_range_is_checked() -> None:
    with pytest.raises(BadInput):
        MacRange("56:6f:00:00:00:02", "56:6f:00:00:00:01")
    assert len(MacRange("56:6f:00:00:00:00", "56:6f:00:00:00:ff")) == 256


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.integers(0, 20))
def test_a_free_address_is_free(used: set[int], held: set[int], already: int) -> None:
    index = MacIndex(MacRange("56:6f:00:00:00:00", "56:6f:00:00:00:09"))
    for _ in range(already):
        index.take_free(())
    nics = tuple(Nic(mac=Mac(address=index.range.at(place))) for place in used)
    index.observe("vm", "vm-1", Vm(id="vm-1", nics=nics))
    found = index.take_free({index.range.at(place) for place in held})
    taken = {index.range.at(place) for place in used | held}
    assert (found is None) == (len(used | held) == 10)
    assert found not in taken
    assert found is None or normalized(found) == found
