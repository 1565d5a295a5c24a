"""A peer that stops reading must not hold up the gateway's end."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import pytest
import trio

from tests.engine.installation import small_installation
from tests.engine.running import running_engine
from tests.gateway.http import Client
from tests.gateway.running import Running, running
from tests.gateway.sockets import json_socket


def paused_websocket(gateway: Running, token: str) -> ssl.SSLSocket:
    """Subscribes by hand and then never reads."""
    raw = socket.create_connection(("localhost", gateway.serving.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    secured = gateway.client_context().wrap_socket(raw, server_hostname="localhost")
    secured.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
    )
    body = json.dumps({"op": "subscribe"}).encode()
    secured.sendall(bytes([0x81, 0x80 | len(body)]) + b"\0\0\0\0" + body)
    return secured


async def test_paused_websocket_does_not_block(tmp_path: Path) -> None:
    async with small_installation(hosts=0) as site:
        with trio.fail_after(30):
            async with running(site.engine.port, tmp_path, shutdown_timeout_seconds=1.0) as gateway:
                client = Client(gateway)
                await client.login()
                peer = await trio.to_thread.run_sync(paused_websocket, gateway, client.token)
                async with json_socket(gateway, client.token) as healthy:
                    await site.fatten("vm-1")
                    for _ in range(15):  # 12 MB: more than the sockets' buffers hold
                        await healthy.until(await site.touch("vm-1", 10))
                started = trio.current_time()
            assert trio.current_time() - started < 5
            peer.close()


@pytest.mark.parametrize("port", ["https", "live"])
async def test_peer_that_stops_in_its_handshake(tmp_path: Path, port: str) -> None:
    with trio.fail_after(30):
        async with (
            running_engine() as made,
            running(made.engine.port, tmp_path, shutdown_timeout_seconds=0.5) as gateway,
        ):
            number = gateway.serving.port if port == "https" else gateway.serving.live_port
            peer = await trio.to_thread.run_sync(socket.create_connection, ("localhost", number))
            client = Client(gateway)
            await client.login()
            assert (await client.api("GET", "/vms")).status == 200
            started = trio.current_time()
        assert trio.current_time() - started < 3
        peer.close()
