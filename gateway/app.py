"""Puts the gateway together: REST, sign-on, WebSockets, health, metrics behind one ASGI application."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import attrs
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.auth.failures import Failures
from gateway.auth.gate import Gate
from gateway.auth.passwords import Passwords
from gateway.auth.sso import sso_routes
from gateway.auth.tokens import SessionTokens
from gateway.config import GatewayConfig, Outside
from gateway.documents.render import JSON_TYPE, json_bytes
from gateway.documents.write import Writer
from gateway.live.asgi_socket import websocket_routes
from gateway.live.hub import Hub
from gateway.metrics import Metrics
from gateway.read_model.engine_client import EnginePort
from gateway.read_model.feed import Feed
from gateway.read_model.model import ReadModel
from gateway.rest.describe.openapi import openapi
from gateway.rest.describe.rsdl import rsdl, schema
from gateway.rest.requests.asgi import Receive, RestApp, Scope, Send
from gateway.rest.requests.commands import CommandSender
from gateway.rest.requests.entry import EntryPoint
from gateway.rest.requests.exchange import Exchange, HttpReply, split_base
from gateway.rest.requests.members import Members
from gateway.rest.requests.mutations import Mutations
from gateway.rest.requests.resources import Describe, Resources
from gateway.visibility import VisibilityOf, everything

_WELCOME: Final = """Corral, oVirt API {version}

/ovirt-engine/api           the REST API (oVirt's, version 4): log in with a user name and a password
/openapi.json               its description
/ovirt-engine/api?rsdl      its description in oVirt's form
/health/ready               whether the engine serves

From a shell: corral login URL --user admin@internal
"""


@attrs.frozen
class Gateway:
    """One gateway, put together but not yet serving."""

    app: GatewayApp
    feed: Feed
    hub: Hub
    gate: Gate
    model: ReadModel
    log: Callable[[str], None]


class GatewayApp:
    """The ASGI application: REST on the short way, all else through Starlette."""

    def __init__(self, rest: RestApp, others: Starlette) -> None:
        self._rest = rest
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = split_base(_path(scope))
            if found is not None:
                await self._rest.serve(found[0], found[1], scope, receive, send)
                return
        await self._others(scope, receive, send)


def _path(scope: Scope) -> str:
    """The path as sent: a segment is decoded after it was split off."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else str(scope["path"])


def build(
    config: GatewayConfig, engine: EnginePort, outside: Outside, visibility_of: VisibilityOf = everything
) -> Gateway:
    """Reads the state directory (blocking, at the start) and wires everything."""
    log = structlog.get_logger("gateway").info
    model = ReadModel(events_kept_max=config.events_kept_max)
    hub = Hub(engine, model, lambda record: Writer(model).record(record, bare=True), config.changes_kept_max)
    metrics = Metrics(model, lambda: engine.ready, lambda: hub.subscribers)
    process_key = hashlib.sha256(outside.token().encode()).digest()
    gate = Gate(
        Passwords.open(config, outside.token(), process_key),
        SessionTokens(
            config.state_dir / "tokens.json", lambda: outside.wall().timestamp(), outside.token, config.token_seconds
        ),
        Failures(config.failures_per_minute_max),
        model,
        config.allowed_origins,
        visibility_of,
    )
    commands = CommandSender(engine, model, outside, config.wait_seconds_max)
    resources = Resources(
        EntryPoint(config.version, outside.wall),
        Mutations(commands),
        Members(commands),
        {"rsdl": rsdl, "schema": schema, "openapi.json": _describe_openapi(config.version)},
    )
    others = Starlette(
        routes=[
            *sso_routes(gate),
            *websocket_routes(gate, hub, engine),
            *_plain_routes(config.version, engine, model, metrics),
        ]
    )
    app = GatewayApp(RestApp(gate, resources, model, metrics, log), others)
    return Gateway(app, Feed(engine, model, hub, log), hub, gate, model, log)


def _describe_openapi(version: str) -> Describe:
    async def describe(_: Exchange) -> HttpReply:
        return HttpReply(200, json_bytes(openapi(version)), JSON_TYPE)

    return describe


def _plain_routes(version: str, engine: EnginePort, model: ReadModel, metrics: Metrics) -> list[Route]:
    async def live(_: Request) -> Response:
        return PlainTextResponse("live\n")

    async def ready(_: Request) -> Response:
        state = {"engine": engine.ready, "inventory": model.loaded, "sequence": model.sequence}
        return JSONResponse(state, status_code=200 if engine.ready and model.loaded else 503)

    async def figures(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    async def health(_: Request) -> Response:
        return PlainTextResponse("DB Up!Welcome to Health Status!\n" if model.loaded else "not ready\n")

    async def description(_: Request) -> Response:
        return JSONResponse(openapi(version))

    async def welcome(_: Request) -> Response:
        return PlainTextResponse(_WELCOME.format(version=version))

    return [
        Route("/", welcome),
        Route("/ovirt-engine", welcome),
        Route("/openapi.json", description),
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", figures),
        Route("/ovirt-engine/services/health", health),
    ]
