"""Takes and keeps the lease that makes this process the engine, and says when it is lost.

It must not stop anything itself, nor take silence for a loss: a database that is away gives nobody a lease.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.journal.port import Epoch, Journal, JournalUnavailable
from protocol import limits

if TYPE_CHECKING:
    from actors.kernel.ports import Clock

log = logging.getLogger("corral.leadership")


class Leadership:
    """One candidate. `acquire` until it leads, then `keep` as a task until the lease is lost; `release` when stopping.

    What makes two leaders harmless is the epoch, not the clock; the lease only decides who may try.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        holder: str,
        *,
        on_lost: Callable[[], None],
        lease_seconds: float = limits.engine_lease_seconds,
    ) -> None:
        self.holder = holder
        self.epoch: Epoch | None = None
        self._journal = journal
        self._clock = clock
        self._on_lost = on_lost
        self._lease_seconds = lease_seconds
        self._held_until = 0.0

    @property
    def sure(self) -> bool:
        """True while no other engine can have taken the lease, by our own clock.

        False with an epoch means that the database is away: observe, but do nothing that only one may do (fencing).
        """
        return self.epoch is not None and self._clock.monotonic() < self._held_until

    async def acquire(self, *, above: int = 0) -> Epoch:
        """Waits until the lease is free or was ours, and takes it. `above`: the highest epoch seen elsewhere."""
        pause = min(1.0, self._lease_seconds / 3)
        while True:
            asked_at = self._clock.monotonic()
            try:
                epoch = await self._journal.acquire_lease(self.holder, self._lease_seconds, above=above)
            except JournalUnavailable as error:
                log.warning("cannot ask for the lease: %s", error)
                epoch = None
            if epoch is not None:
                self.epoch = epoch
                self._held_until = asked_at + self._lease_seconds
                log.info("%s leads in epoch %d", self.holder, epoch)
                return epoch
            await self._clock.sleep(pause)

    async def keep(self) -> None:
        """Renews at a third of the lease; returns after `on_lost` when another acquisition was made."""
        assert self.epoch is not None, "acquire first"
        epoch = self.epoch
        while True:
            await self._clock.sleep(self._lease_seconds / 3)
            asked_at = self._clock.monotonic()
            try:
                renewed = await self._journal.renew_lease(self.holder, epoch, self._lease_seconds)
            except JournalUnavailable as error:
                log.warning("cannot renew the lease: %s", error)
                continue
            if not renewed:
                log.error("epoch %d is over: the lease was taken", epoch)
                self.epoch = None
                self._on_lost()
                return
            self._held_until = asked_at + self._lease_seconds

    async def release(self) -> None:
        """Gives the lease back, so that a successor need not wait. A database that is away lets it run out."""
        epoch, self.epoch = self.epoch, None
        if epoch is None:
            return
        try:
            await self._journal.release_lease(self.holder, epoch)
        except JournalUnavailable as error:
            log.warning("cannot release the lease: %s", error)
