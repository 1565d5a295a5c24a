"""Starts a whole gateway on a free port with a certificate of its own, for tests."""

from __future__ import annotations

import datetime
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
import trustme

from gateway.config import GatewayConfig, Outside, Serving
from gateway.read_model.engine_client import EnginePort
from gateway.server import serve
from gateway.visibility import VisibilityOf, everything

PASSWORD = "a-password-for-tests"


@attrs.frozen
class Running:
    serving: Serving
    config: GatewayConfig
    ca_file: Path
    nursery: trio.Nursery

    @property
    def url(self) -> str:
        return f"https://localhost:{self.serving.port}"

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))


def outside() -> Outside:
    return Outside(
        wall=lambda: datetime.datetime.now(datetime.UTC),
        uuid=lambda: str(uuid.uuid4()),
        token=lambda: uuid.uuid4().hex + uuid.uuid4().hex,
    )


def make_config(directory: Path, **changes: Any) -> GatewayConfig:
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    ca.cert_pem.write_to_path(str(directory / "ca.pem"))
    (directory / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
    settings: dict[str, Any] = {
        "state_dir": directory / "state",
        "certificate_file": directory / "chain.pem",
        "key_file": directory / "key.pem",
        "port": 0,
        "password": PASSWORD,
    }
    return GatewayConfig(**(settings | changes))


@asynccontextmanager
async def running(
    engine: EnginePort, directory: Path, visibility_of: VisibilityOf = everything, **changes: Any
) -> AsyncIterator[Running]:
    config = make_config(directory, **changes)
    async with trio.open_nursery() as nursery:
        serving = await nursery.start(serve, config, engine, outside(), lambda context: context, visibility_of)
        yield Running(serving, config, directory / "ca.pem", nursery)
        nursery.cancel_scope.cancel()
