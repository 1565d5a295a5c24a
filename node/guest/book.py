"""What this host knows of its guest agents: which are alive, the last report of each, how to send one a request."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Final, Protocol

import attrs
import trio

from actors.kernel.ports import Clock
from protocol.errors import Conflict, HostFailed
from protocol.node.reports import GuestReport, GuestSilent

answer_timeout_seconds: Final = 3.0
"""How long an agent may take to say that it obeys, before ACPI is used instead."""


@attrs.define(eq=False)
class Awaited:
    """The answer to an order, once it `came`. `error`: why the agent does not obey, "" when it does."""

    came: trio.Event = attrs.field(factory=trio.Event)
    error: str = ""

    def answer(self, error: str) -> None:
        self.error = error
        self.came.set()


class GuestWriter(Protocol):
    """The channel of one guest, as others may use it."""

    def order(self, kind: str, fields: dict[str, Any]) -> Awaited | None:
        """Sends an order; None when the channel is not usable."""
        ...

    def starts_over(self) -> None:
        """The guest boots again: whoever spoke until now is gone."""
        ...


@attrs.define
class GuestEntry:
    """One guest. `silent_since` is set while its agent is silent."""

    writer: GuestWriter | None = None
    alive: bool = False
    report: GuestReport | None = None
    silent_since: datetime.datetime | None = None
    silent_reason: str = ""


@attrs.define
class GuestBook:
    """One per node daemon; entries live as long as their domain's channel actor."""

    clock: Clock
    entries: dict[str, GuestEntry] = attrs.field(factory=dict)

    def is_alive(self, vm_id: str) -> bool:
        """Whether the agent was heard within the stale period."""
        entry = self.entries.get(vm_id)
        return entry is not None and entry.alive

    def starts_over(self, vm_id: str) -> None:
        """Forgets what the agent said before its guest booted again."""
        entry = self.entries.get(vm_id)
        if entry is not None and entry.writer is not None:
            entry.writer.starts_over()

    def reports(self) -> Iterator[GuestReport | GuestSilent]:
        """The latest report on each guest: what a new link gets."""
        for vm_id, entry in self.entries.items():
            if entry.alive and entry.report is not None:
                yield entry.report
            elif entry.silent_since is not None:
                yield GuestSilent(vm_id=vm_id, since=entry.silent_since, reason=entry.silent_reason)

    async def ask(self, vm_id: str, kind: str, reason: str) -> bool:
        """Whether the agent took an order; False leaves it to the caller to find another way."""
        answer = self._order(vm_id, kind, {"reason": reason})
        if answer is None:
            return False
        with self.clock.move_on_after(answer_timeout_seconds):
            await answer.came.wait()
        return answer.came.is_set() and not answer.error

    async def demand(self, vm_id: str, kind: str, timeout_seconds: float) -> None:
        """Has the agent carry out an order for which there is no other way. Raises `Conflict` when nobody is there to
        do it, `HostFailed` when the agent could not or did not answer."""
        answer = self._order(vm_id, kind, {})
        if answer is None:
            raise Conflict(
                f"VM {vm_id} cannot {kind} its file systems: no guest agent responds.",
                remedy="Install and start the guest agent in the VM, then try again.", entity=vm_id,
            )  # fmt: skip
        with self.clock.move_on_after(timeout_seconds):
            await answer.came.wait()
        if not answer.came.is_set():
            raise HostFailed(
                f"The guest agent of VM {vm_id} did not {kind} its file systems within {timeout_seconds:g} s.",
                remedy="The agent may be too old for this command: update it.", entity=vm_id,
            )  # fmt: skip
        if answer.error:
            raise HostFailed(
                f"The guest agent of VM {vm_id} could not {kind} its file systems: {answer.error}.",
                remedy="Check the file systems in the guest.", entity=vm_id,
            )  # fmt: skip

    def _order(self, vm_id: str, kind: str, fields: dict[str, Any]) -> Awaited | None:
        entry = self.entries.get(vm_id)
        if entry is None or not entry.alive or entry.writer is None:
            return None
        return entry.writer.order(kind, fields)
