"""The floor of the HTTP benchmarks: a trivial ASGI application on Hypercorn, Trio and TLS, as it comes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hypercorn.trio
import trio
from hypercorn.config import Config


@asynccontextmanager
async def bare_server(directory: Path, body: bytes) -> AsyncIterator[int]:
    """Answers every request with the same bytes; gives its port."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for what in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{what}.complete"})
            return
        headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = str(directory / "chain.pem"), str(directory / "key.pem")
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 0.1
    config.keep_alive_max_requests = 1_000_000
    async with trio.open_nursery() as nursery:
        await nursery.start(hypercorn.trio.serve, app, config)
        yield port
        nursery.cancel_scope.cancel()
