"""Subscriptions and serial consoles on the HTTPS port, in JSON, for browsers."""

from __future__ import annotations

import json
from typing import Any, Final

import trio
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway.auth.gate import Caller, Gate
from gateway.documents.render import json_bytes
from gateway.live.console import bridge, console_check, open_console
from gateway.live.hub import Hub
from gateway.read_model.engine_client import EnginePort
from protocol import limits
from protocol.errors import BadInput, CorralError, Forbidden, Refusal, Unauthenticated
from protocol.live.frames import LiveError, Subscribe

_close_seconds: Final = 1.0
_fields: Final = {"op", "kinds", "ids", "cursor", "samples", "token"}


def websocket_routes(gate: Gate, hub: Hub, engine: EnginePort) -> list[WebSocketRoute]:
    """`/ws` and `/ws/console/{vm_id}`."""

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            caller, subscribe = await _begin(gate, websocket)
            subscriber = hub.subscriber(subscribe, "json", gate.live_session(caller))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_drain, websocket, nursery.cancel_scope)
                await subscriber.run(lambda data: websocket.send({"type": "websocket.send", "text": data.decode()}))
                nursery.cancel_scope.cancel()
            await _close(websocket, 1001)
        except* WebSocketDisconnect:
            pass
        except* CorralError as group:
            refusal = first_refusal(group)
            await _refuse(websocket, hub.encoder.message(LiveError(refusal=refusal), "json"), refusal)

    async def console(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            caller = await _caller(gate, websocket)
            if caller is None:
                caller = gate.by_token(str((await _first_message(websocket)).get("token", "")))
            vm_id = websocket.path_params["vm_id"]
            stream = await open_console(engine, gate.view(caller), vm_id, caller.principal)
            await bridge(
                stream,
                lambda: _receive_bytes(websocket),
                lambda data: websocket.send({"type": "websocket.send", "bytes": data}),
                console_check(gate, caller, vm_id),
            )
            await _close(websocket, 1000)
        except* WebSocketDisconnect:
            pass
        except* CorralError as group:
            refusal = first_refusal(group)
            body = json_bytes({"op": "error", "reason": refusal.reason, "remedy": refusal.remedy, "code": refusal.code})
            await _refuse(websocket, body, refusal)

    return [WebSocketRoute("/ws", live), WebSocketRoute("/ws/console/{vm_id}", console)]


def first_refusal(group: BaseException) -> Refusal:
    """The refusal inside an exception group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CorralError)
    return error.refusal


async def _refuse(websocket: WebSocket, body: bytes, refusal: Refusal) -> None:
    try:
        await websocket.send({"type": "websocket.send", "text": body.decode()})
        await _close(websocket, 4000 + refusal.status)
    except (WebSocketDisconnect, RuntimeError):
        pass


async def _close(websocket: WebSocket, code: int) -> None:
    """Closes and gives the peer a moment to answer: hung up at once, its answer would meet a reset."""
    if websocket.client_state is not WebSocketState.CONNECTED:
        return
    await websocket.close(code)
    with trio.move_on_after(_close_seconds):
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass


async def _caller(gate: Gate, websocket: WebSocket) -> Caller | None:
    """Who connects, by header or cookie; None when the first message must tell. The Origin counts for all."""
    headers = {name.lower(): value for name, value in websocket.headers.items()}
    if not gate.origin_allowed(headers):
        raise Forbidden("The connecting page is from another site.", remedy="Allow its origin in the configuration.")
    address = websocket.client.host if websocket.client else ""
    if "authorization" in headers:
        return await gate.by_headers("GET", headers, address)
    if "cookie" in headers:
        try:
            return await gate.by_headers("GET", headers, address)
        except Unauthenticated:
            return None
    return None


async def _first_message(websocket: WebSocket) -> dict[str, Any]:
    with trio.move_on_after(limits.handshake_timeout_seconds):
        text = await _receive_text(websocket)
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput("The first message is not JSON.", remedy='Send {"op": "subscribe", ...}.') from error
        if not isinstance(message, dict):
            raise BadInput("The first message is not an object.", remedy='Send {"op": "subscribe", ...}.')
        return message
    raise Unauthenticated("No subscription arrived in time.", remedy='Send {"op": "subscribe", ...} at once.')


async def _begin(gate: Gate, websocket: WebSocket) -> tuple[Caller, Subscribe]:
    caller = await _caller(gate, websocket)
    message = await _first_message(websocket)
    if caller is None:
        token = message.get("token")
        if not isinstance(token, str) or not token:
            raise Unauthenticated("The request is not authenticated.", remedy="Send a token with the subscription.")
        caller = gate.by_token(token)
    return caller, read_subscribe(message)


def read_subscribe(message: dict[str, Any]) -> Subscribe:
    """Raises `BadInput` that names the field."""
    if message.get("op") != "subscribe":
        raise BadInput("The first message is not a subscription.", remedy='Send {"op": "subscribe"}.', field="op")
    if unknown := sorted(set(message) - _fields):
        raise BadInput(
            f"A subscription has no {unknown[0]!r:.80}.", remedy="Known fields: " + ", ".join(sorted(_fields)) + ".",
            field=unknown[0][:80],
        )  # fmt: skip
    for name in ("kinds", "ids"):
        value = message.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadInput(f"{name!r} is not a list of strings.", remedy="Leave it out for all.", field=name)
    cursor = message.get("cursor") or ""
    samples = message.get("samples") or False
    if not isinstance(cursor, str) or not isinstance(samples, bool):
        raise BadInput("`cursor` must be a string and `samples` a boolean.", remedy="Leave them out if in doubt.")
    return Subscribe(
        kinds=tuple(message.get("kinds") or ()), ids=tuple(message.get("ids") or ()), cursor=cursor, samples=samples
    )


async def _receive_text(websocket: WebSocket) -> str:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    text = message.get("text")
    return text if text is not None else (message.get("bytes") or b"").decode("utf-8", "replace")


async def _receive_bytes(websocket: WebSocket) -> bytes:
    """b"" at the end only: an empty message is skipped."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if data := message.get("bytes") or (message.get("text") or "").encode():
            return bytes(data)
    return b""


async def _drain(websocket: WebSocket, scope: trio.CancelScope) -> None:
    """Reads on, so that a client that leaves is noticed; it has nothing more to say."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()
