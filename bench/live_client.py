"""Many WebSocket clients in a process of their own; notes when each change arrives: `python -m bench.live_client ...`.

It must not decode more than it needs to tell a change from other frames.
"""

from __future__ import annotations

import json
import resource
import ssl
import sys
import time

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, connect_websocket_url

from protocol import codec
from protocol.live.frames import Subscribe

_connecting_at_once_max = 32


async def _main(port: int, ca_file: str, token: str, subscribers: int, changes: int) -> None:
    """Prints the arrival times of every change at every client, in seconds of the machine's monotonic clock."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * subscribers + 500)), hard))
    context = ssl.create_default_context(cafile=ca_file)
    first = codec.encode(Subscribe(kinds=("vm",), token=token))
    arrivals: list[list[float]] = [[] for _ in range(subscribers)]
    limiter = trio.CapacityLimiter(_connecting_at_once_max)
    joined = 0

    async def client(number: int, nursery: trio.Nursery) -> None:
        nonlocal joined
        async with limiter:
            connection: WebSocketConnection = await connect_websocket_url(
                nursery, f"wss://localhost:{port}/", ssl_context=context, max_message_size=2**24
            )
            await connection.send_message(first)
            # What comes before the first change: at a bare server one frame, at a gateway the snapshot's last part.
            while True:
                data = await connection.get_message()
                assert isinstance(data, bytes)
                if data == b"ready" or (b"live.snapshot" in data[:20] and b"\xa4last\xc3" in data[:60]):
                    break
        joined += 1
        if joined == subscribers:
            print("joined", flush=True)
        try:
            while len(arrivals[number]) < changes:
                data = await connection.get_message()
                assert isinstance(data, bytes)
                if b"live.change" in data[:16]:
                    arrivals[number].append(time.perf_counter())
        except ConnectionClosed:
            pass

    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as clients:
            for number in range(subscribers):
                clients.start_soon(client, number, connections)
        print(json.dumps(arrivals), flush=True)
        connections.cancel_scope.cancel()


if __name__ == "__main__":
    port, ca_file, token, subscribers, changes = sys.argv[1:]
    trio.run(_main, int(port), ca_file, token, int(subscribers), int(changes))
