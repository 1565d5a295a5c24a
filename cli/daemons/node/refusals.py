"""Reports that the engine refuses this host, which only a person can change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from node.link.dial import Dial, Use
from protocol.errors import Refusal, Refused


@attrs.frozen
class WatchedDial:
    """Dials as `dial` does; `refused` hears of refusals for what the host is, such as that it was removed."""

    dial: Dial
    refused: Callable[[Refusal], Awaitable[None]]

    async def __call__(self, use: Use) -> str:
        try:
            return await self.dial(use)
        except Refused as problem:
            if problem.refusal.status == 403:
                await self.refused(problem.refusal)
            raise
