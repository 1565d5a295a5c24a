"""Holds names and MAC addresses for an operation until they are durable, so that two operations never get the same.

What is durable is known from the rows; a hold that nobody releases expires.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.reservations.mac_pool import MacIndex, MacRange, normalized
from actors.reservations.messages import NameClaim, ReleaseReservation, Reserve, Reserved
from protocol.document import id_of
from protocol.errors import BadInput, Conflict, CorralError, Refused
from protocol.message import Message
from protocol.node.reports import Done
from protocol.refusals import name_taken
from protocol.registry import BY_KIND

hold_seconds: Final = 120.0


@attrs.frozen
class ReservationHold:
    """What one holder holds."""

    names: tuple[NameClaim, ...]
    macs: tuple[str, ...]
    until: float  # monotonic


@attrs.define
class ReservationHolds:
    """What outlives an incarnation: holds by holder in the order of their ends, and who holds what."""

    rows: Rows
    macs: MacIndex
    by_holder: dict[str, ReservationHold] = attrs.field(factory=dict)
    held_names: dict[NameClaim, str] = attrs.field(factory=dict)
    held_macs: dict[str, str] = attrs.field(factory=dict)

    def hold(self, holder: str, hold: ReservationHold) -> None:
        self.by_holder[holder] = hold
        self.held_names.update((claim, holder) for claim in hold.names)
        self.held_macs.update((address, holder) for address in hold.macs)

    def release(self, holder: str) -> ReservationHold | None:
        """Without effect when nothing is held."""
        hold = self.by_holder.pop(holder, None)
        if hold is not None:
            for claim in hold.names:
                self.held_names.pop(claim, None)
            for address in hold.macs:
                self.held_macs.pop(address, None)
        return hold


def reservations(services: Services, mac_range: MacRange | None = None) -> Callable[[Context], Actor]:
    """The factory of `reservations/main`. They observe the rows from now on, whatever happens to the actor."""
    holds = ReservationHolds(services.rows, MacIndex(mac_range or MacRange()))
    services.rows.observe(holds.macs.observe)
    return lambda context: ReservationsActor(context, holds)


class ReservationsActor(Actor):
    """Answers `Reserve` with `Reserved` or a refusal, `ReleaseReservation` with `Done`."""

    def __init__(self, context: Context, holds: ReservationHolds) -> None:
        super().__init__(context)
        self._holds = holds

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case Reserve() as request:
                try:
                    reply: Message = self._reserve(request)
                except CorralError as error:
                    reply = error.refusal
                self.context.reply(envelope, reply)
            case ReleaseReservation(holder=holder):
                self._holds.release(holder)
                self.context.reply(envelope, Done())
            case other:
                raise NotImplementedError(f"{self.context.address} got {type(other).__name__}")

    def _reserve(self, request: Reserve) -> Reserved:
        """All or nothing. A holder that asks again gives up what it held, and gets the same addresses from the pool."""
        now = self.context.ports.clock.monotonic()
        self._expire(now)
        for claim in request.names:
            self._check_name(claim, request)
        wanted = [normalized(address) if address else "" for address in request.macs]
        for address in wanted:
            self._check_mac(address, wanted, request)
        before = self._holds.release(request.holder)
        macs = self._fill(wanted, before.macs if before else ())
        self._holds.hold(request.holder, ReservationHold(request.names, macs, now + hold_seconds))
        return Reserved(macs=macs)

    def _check_name(self, claim: NameClaim, request: Reserve) -> None:
        held_by = self._holds.held_names.get(claim)
        taken = held_by is not None and held_by != request.holder
        for document in self._holds.rows.named(BY_KIND[claim.kind].cls, claim.name):
            row = self._holds.rows.row(claim.kind, id_of(document))
            taken = taken or (row is not None and row.id != request.owner_id and (row.parent or "") == claim.parent)
        if taken:
            raise Refused(name_taken(claim.kind, claim.name))

    def _check_mac(self, address: str, wanted: list[str], request: Reserve) -> None:
        if not address:
            return
        owner = self._holds.macs.other_owner(address, request.owner_id)
        held_by = self._holds.held_macs.get(address)
        if owner is not None or (held_by is not None and held_by != request.holder):
            of = f" by the VM {self._name_of(owner)}" if owner else ""
            raise Conflict(
                f"The MAC address {address} is in use{of}.",
                remedy="Choose another one, or leave it out to get a free one.",
                entity=request.owner_id,
                field="mac",
            )
        if wanted.count(address) > 1:
            raise BadInput(
                f"The MAC address {address} is given to two NICs.",
                remedy="Give each NIC its own.",
                entity=request.owner_id,
                field="mac",
            )

    def _name_of(self, vm_id: str) -> str:
        return self._holds.rows.name_of("vm", vm_id)

    def _fill(self, wanted: list[str], before: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses wanted, and for each "" the one held before in its place, or a free one."""
        macs = list(wanted)
        held = {*self._holds.held_macs, *wanted}
        for place, address in enumerate(wanted):
            if address:
                continue
            old = before[place] if place < len(before) else ""
            found = old if old and old not in held else self._holds.macs.take_free(held)
            if found is None:
                raise Conflict(
                    f"The MAC pool {self._holds.macs.range.first} - {self._holds.macs.range.last} is used up.",
                    remedy="Remove NICs that are not needed, or configure a larger range.",
                    field="mac",
                )
            macs[place] = found
            held.add(found)
        return tuple(macs)

    def _expire(self, now: float) -> None:
        while self._holds.by_holder:
            holder, hold = next(iter(self._holds.by_holder.items()))
            if hold.until > now:
                return
            self.context.log.warning("a reservation was never released", holder=holder)
            self._holds.release(holder)
