"""Follows the live socket across lost connections: every frame goes through the fold, then to a handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from cli.client.contexts import GatewayContext
from cli.client.frames import Frame
from cli.client.live_socket import Lost, open_subscription
from cli.live.state import LiveState

Handler = Callable[[Frame], bool | None]  # True: enough

_retry_seconds_first = 0.2
_retry_seconds_max = 5.0


async def follow(
    context: GatewayContext,
    state: LiveState,
    handle: Handler,
    *,
    kinds: Sequence[str] = (),
    ids: Sequence[str] = (),
    packed: bool = False,
    attempts_max: int | None = None,
    news: Callable[[str], None] = lambda text: None,
) -> None:
    """Until the handler says enough. A lost connection is made again where it stopped, `attempts_max` times in a row.

    Raises `Remote` when the gateway refuses, or cannot be reached in the first place.
    """
    failures = 0
    while True:
        begun = state.connections
        try:
            async with open_subscription(context, packed=packed) as subscription:
                await subscription.subscribe(kinds, ids, state.cursor)
                state.connecting()
                while True:
                    frame = await subscription.frame()
                    failures = 0
                    state.apply(frame)
                    if handle(frame):
                        return
        except Lost as error:
            failures += 1
            never = begun == 0 and state.connections == 0
            if never or (attempts_max is not None and failures > attempts_max):
                raise
            news(f"{error} Reconnecting.")
            await trio.sleep(min(_retry_seconds_max, _retry_seconds_first * 2 ** (failures - 1)))
