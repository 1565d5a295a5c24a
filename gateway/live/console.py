"""Carries the bytes of a serial console between a WebSocket and the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from gateway.auth.gate import Caller, Gate
from gateway.read_model.engine_client import ConsoleStream, EnginePort
from gateway.read_model.view import Reads
from protocol.errors import NotFound, Refusal, Refused, Unauthenticated
from protocol.live.engine import Principal

_check_seconds = 5.0


async def open_console(engine: EnginePort, view: Reads, vm_id: str, principal: Principal) -> ConsoleStream:
    """Raises `Refused`, and `NotFound` for a VM that is not to be seen."""
    _must_be_seen(view, vm_id)
    stream = await engine.open_console(vm_id, principal)
    if isinstance(stream, Refusal):
        raise Refused(stream)
    return stream


def console_check(gate: Gate, caller: Caller, vm_id: str) -> Callable[[], None]:
    """Raises `Unauthenticated` when the session has ended, `NotFound` when the VM may not be seen any more."""
    session = gate.live_session(caller)

    def check() -> None:
        if not session.stands():
            raise Unauthenticated("The session has ended.", remedy="Log in again.")
        _must_be_seen(gate.view(caller), vm_id)

    return check


def _must_be_seen(view: Reads, vm_id: str) -> None:
    if view.get("vm", vm_id) is None:
        raise NotFound(f"There is no VM with the id {vm_id!r:.80}.", remedy="List /vms.")


async def bridge(
    stream: ConsoleStream,
    receive: Callable[[], Awaitable[bytes]],
    send: Callable[[bytes], Awaitable[None]],
    check: Callable[[], None],
) -> None:
    """Both ways until one side ends; `receive` gives b"" at the end. Raises what `check` does."""

    async def inwards() -> None:
        try:
            while data := await receive():
                await stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        nursery.cancel_scope.cancel()

    async def outwards() -> None:
        try:
            while data := await stream.receive_some():
                await send(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the VM's end is gone: the same as the end of its bytes
        nursery.cancel_scope.cancel()

    async def watch() -> None:
        while True:  # a session ends by the clock, nobody tells
            check()
            await trio.sleep(_check_seconds)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inwards)
            nursery.start_soon(outwards)
            nursery.start_soon(watch)
    finally:
        with trio.move_on_after(2, shield=True):
            await stream.aclose()
