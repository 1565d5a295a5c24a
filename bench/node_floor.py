"""The floor of the node benchmark: trio-websocket over mutual TLS as it comes, msgpack unpacked, nothing else.

`python -m bench.node_floor DIR` prints its port.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any

import msgpack
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket


async def _serve(request: WebSocketRequest) -> None:
    connection = await request.accept()
    try:
        while True:
            msgpack.unpackb(await connection.get_message())
    except ConnectionClosed:
        pass


async def _main(directory: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    context.load_verify_locations(directory / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    async with trio.open_nursery() as nursery:
        server: Any = await nursery.start(serve_websocket, _serve, "127.0.0.1", 0, context)
        print(server.port, flush=True)


if __name__ == "__main__":
    trio.run(_main, Path(sys.argv[1]))
