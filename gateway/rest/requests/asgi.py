"""The REST API as an ASGI application: authenticate, route, answer or fault.

Raw ASGI rather than Starlette's request and routing: they would cost more than the rest of a GET.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from gateway.auth.gate import COOKIE, Gate
from gateway.documents.render import JSON_TYPE, XML_DECLARATION, XML_TYPE, json_bytes, xml_bytes
from gateway.metrics import Metrics
from gateway.read_model.model import ReadModel
from gateway.rest.requests.exchange import Exchange, HttpReply, parse_query, split_path, wants_json
from gateway.rest.requests.resources import Resources
from protocol import limits
from protocol.errors import BadInput, CorralError, Internal, Refusal, Unavailable
from protocol.sizes import size_text

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_chunk_bytes: Final = 1024 * 1024


class RestApp:
    """Serves every path below one of the base paths."""

    def __init__(
        self, gate: Gate, resources: Resources, model: ReadModel, metrics: Metrics, log: Callable[[str], None]
    ) -> None:
        self._gate = gate
        self._resources = resources
        self._model = model
        self._metrics = metrics
        self._log = log

    async def serve(self, base: str, rest: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; `rest` is the path below the base."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        as_json = wants_json(headers.get("accept", ""), headers.get("content-type", ""))
        extra: tuple[tuple[str, str], ...] = ()
        with self._metrics.request(method) as outcome:
            try:
                if not self._model.loaded:
                    raise Unavailable("The gateway is still loading the inventory.", remedy="Try again in a second.")
                client = scope.get("client")
                caller = await self._gate.by_headers(method, headers, client[0] if client else "")
                if caller.new_token:
                    extra = (("Set-Cookie", f"{COOKIE}={caller.new_token}; Path=/; Secure; HttpOnly; SameSite=Lax"),)
                segments, matrix = split_path(rest)
                parameters = parse_query(scope["query_string"], matrix)
                exchange = Exchange(
                    "GET" if method == "HEAD" else method, base, segments, parameters, headers,
                    lambda: _read_body(receive), caller, self._gate.view(caller), as_json,
                )  # fmt: skip
                exchange.refuse_user_view()
                reply = await self._resources.answer(exchange)
            except CorralError as error:
                reply = self._fault(error.refusal, as_json)
            except Exception as error:  # noqa: BLE001 - a bug ends one request, with its trace in the log
                self._log(f"{method} {rest!r:.200} failed: {_trace(error)}")
                refusal = Internal(
                    "The gateway failed to handle this request.", remedy="See the gateway's log."
                ).refusal
                reply = self._fault(refusal, as_json)
            outcome.status = reply.status
        await _send(reply, extra, method == "HEAD", send)

    def _fault(self, refusal: Refusal, as_json: bool) -> HttpReply:
        body, content_type = fault_body(refusal, as_json=as_json)
        headers: tuple[tuple[str, str], ...] = ()
        if refusal.status == 401:
            headers = (("WWW-Authenticate", 'Basic realm="RESTAPI"'), ("WWW-Authenticate", "Bearer"))
        elif refusal.status in (429, 503):
            headers = (("Retry-After", "5"),)
        return HttpReply(refusal.status, body, content_type, headers)


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadInput("The request ended early.", remedy="Send it again, with its whole body.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.request_body_bytes_max:
            raise BadInput(
                f"The body has more than {size_text(limits.request_body_bytes_max)}.", remedy="Send a smaller body."
            )
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _send(reply: HttpReply, extra: tuple[tuple[str, str], ...], head: bool, send: Send) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in (*reply.headers, *extra)]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if head else reply.body
    for start in range(0, len(body), _chunk_bytes) if len(body) > _chunk_bytes else ():
        more = start + _chunk_bytes < len(body)
        await send({"type": "http.response.body", "body": body[start : start + _chunk_bytes], "more_body": more})
    if len(body) <= _chunk_bytes:
        await send({"type": "http.response.body", "body": body})


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


def fault_body(refusal: Refusal, *, as_json: bool) -> tuple[bytes, str]:
    """Body and content type: `reason` says what, `detail` names the field, details and the remedy.

    Details, such as the reason of each host, and the remedy after them have a line of their own.
    """
    parts = [f"[{refusal.field}]" if refusal.field else "", *refusal.reasons, refusal.remedy]
    between = "\n" if refusal.reasons else " "
    plain = {"reason": refusal.reason, "detail": between.join(part for part in parts if part)}
    if not plain["detail"]:
        del plain["detail"]
    if as_json:
        return json_bytes(plain), JSON_TYPE
    return XML_DECLARATION + xml_bytes("fault", plain), XML_TYPE
