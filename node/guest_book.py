"""What this host knows of the agents in its guests: who is alive, what each said last, how to ask one for something.

It must not read from guests: the channel actors write here what they have checked.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Final, Protocol

import attrs
import trio

from actors.kernel.ports import Clock
from protocol.node_messages import GuestReport, GuestSilent

answer_timeout_seconds: Final = 3.0
"""How long an agent may take to say that it obeys, before ACPI is used instead."""


class GuestWriter(Protocol):
    """The channel of one guest, as others may use it."""

    def order(self, kind: str, fields: dict[str, Any]) -> trio.Event | None:
        """Sends an order; the event is set when the agent says that it obeys. None when the channel is not usable."""
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
        entry = self.entries.get(vm_id)
        if entry is None or not entry.alive or entry.writer is None:
            return False
        obeyed = entry.writer.order(kind, {"reason": reason})
        if obeyed is None:
            return False
        with self.clock.move_on_after(answer_timeout_seconds):
            await obeyed.wait()
        return obeyed.is_set()
