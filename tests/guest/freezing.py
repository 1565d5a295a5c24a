"""What every agent does when it is asked to freeze and to thaw, told as stories; a harness makes the guest."""

from __future__ import annotations

from typing import Any, Protocol

from protocol import guest as guest_messages


class Harness(Protocol):
    async def ask(self, **order: Any) -> dict[str, Any]:
        """One order of the node, and the reply to it."""
        ...

    async def wait(self, seconds: float) -> None:
        """Lets the guest's time pass."""
        ...

    async def close(self) -> None:
        """The host closes its end of the channel."""
        ...

    def is_frozen(self) -> bool: ...

    def breaks(self, error: str) -> None:
        """From now on a file system of the guest cannot be frozen."""
        ...


class FreezeContract:
    async def test_it_freezes_and_thaws_and_both_may_come_twice(self, guest: Harness) -> None:
        for id in ("1", "2"):
            assert await guest.ask(type="freeze", id=id) == {"type": "reply", "id": id, "ok": True}
            assert guest.is_frozen()
        for id in ("3", "4"):
            assert await guest.ask(type="thaw", id=id) == {"type": "reply", "id": id, "ok": True}
            assert not guest.is_frozen()

    async def test_it_thaws_by_itself_after_a_minute_from_the_last_freeze(self, guest: Harness) -> None:
        await guest.ask(type="freeze", id="1")
        await guest.wait(guest_messages.freeze_seconds_max / 2)
        await guest.ask(type="freeze", id="2")
        await guest.wait(guest_messages.freeze_seconds_max * 0.75)
        assert guest.is_frozen()
        await guest.wait(guest_messages.freeze_seconds_max / 2)
        assert not guest.is_frozen()

    async def test_it_thaws_when_its_host_is_gone(self, guest: Harness) -> None:
        await guest.ask(type="freeze", id="1")
        await guest.close()
        await guest.wait(5)
        assert not guest.is_frozen()

    async def test_it_thaws_before_it_powers_off(self, guest: Harness) -> None:
        await guest.ask(type="freeze", id="1")
        assert (await guest.ask(type="shutdown", id="2", reason=""))["ok"]
        await guest.wait(0.2)
        assert not guest.is_frozen()

    async def test_it_says_why_it_cannot(self, guest: Harness) -> None:
        guest.breaks("/data cannot be frozen: Input/output error")
        reply = await guest.ask(type="freeze", id="1")
        assert (reply["ok"], reply["error"]) == (False, "/data cannot be frozen: Input/output error")
        assert not guest.is_frozen()

    async def test_it_refuses_an_order_that_it_does_not_know(self, guest: Harness) -> None:
        reply = await guest.ask(type="levitate", id="1")
        assert (reply["ok"], reply["error"]) == (False, "this agent does not support the command levitate")
