"""The bridge hands results and errors back, survives cancelled callers, and stops cleanly."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
import trio

from actors.journal.postgres.asyncio_thread import AsyncioThread, BridgeClosed


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def fail() -> None:
    raise ZeroDivisionError("on purpose")


async def nap(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


async def test_results_and_errors_come_back() -> None:
    bridge = AsyncioThread("test")
    bridge.start()
    assert await bridge.run(double, 21) == 42
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        await bridge.run(fail)
    await bridge.stop()


async def test_calls_run_beside_each_other() -> None:
    bridge = AsyncioThread("test")
    bridge.start()
    with trio.fail_after(2):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(bridge.run, nap, 0.1)
    await bridge.stop()


async def test_a_cancelled_caller_leaves_at_once_and_the_outcome_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bridge = AsyncioThread("test")
    bridge.start()
    with caplog.at_level(logging.INFO, "corral.journal"):
        with trio.move_on_after(0.01) as scope:
            await bridge.run(nap, 0.1)
        assert scope.cancelled_caught
        await trio.sleep(0.3)
    assert caplog.messages == ["nap, abandoned by its caller, was done"]
    await bridge.stop()


async def test_stopping_ends_what_runs_and_the_thread() -> None:
    bridge = AsyncioThread("test-stop")
    bridge.start()
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(BridgeClosed):
                await bridge.run(nap, 100)

        nursery.start_soon(wait)
        await trio.sleep(0.05)
        await bridge.stop()
    assert "test-stop" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(BridgeClosed):
        await bridge.run(double, 1)
    await bridge.stop()


async def test_a_stopped_bridge_can_be_started_again() -> None:
    bridge = AsyncioThread("test")
    for _ in range(2):
        bridge.start()
        bridge.start()
        assert await bridge.run(double, 1) == 2
        await bridge.stop()
