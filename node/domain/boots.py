"""Limits the number of guests that boot at the same time: under emulation, eight at once starve each other."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Callable
from typing import Final

import attrs

from actors.kernel.ports import Clock

poll_seconds: Final = 0.1


@attrs.define(kw_only=True)
class Boots:
    """A slot is given back when the guest's agent speaks, or `settle_seconds` after QEMU runs."""

    at_once: int
    settle_seconds: float
    clock: Clock
    is_up: Callable[[str], bool]
    _until: dict[str, float] = attrs.field(factory=dict, init=False)

    @contextlib.asynccontextmanager
    async def slot(self, vm_id: str) -> AsyncIterator[None]:
        """Waits for a slot and holds it while the block runs and the guest boots after it."""
        while self._booting() >= self.at_once:
            await self.clock.sleep(poll_seconds)
        self._until[vm_id] = math.inf
        try:
            yield
        except BaseException:
            del self._until[vm_id]
            raise
        self._until[vm_id] = self.clock.monotonic() + self.settle_seconds

    def _booting(self) -> int:
        now = self.clock.monotonic()
        for vm_id, until in list(self._until.items()):
            if until <= now or (until < math.inf and self.is_up(vm_id)):
                del self._until[vm_id]
        return len(self._until)
