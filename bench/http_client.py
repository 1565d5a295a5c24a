"""A client in a process of its own that asks one path again and again: `python -m bench.http_client ...`."""

from __future__ import annotations

import json
import ssl
import statistics
import sys
import time

import attrs
import trio


@attrs.frozen
class Measured:
    per_second: float
    p50_seconds: float
    answer_bytes: int


async def _ask(stream: trio.SSLStream[trio.SocketStream], request: bytes, expected: int) -> int:
    """One answer; its size is known after the first."""
    await stream.send_all(request)
    got = b""
    while b"\r\n\r\n" not in got:
        got += await stream.receive_some(65_536)
    head, _, rest = got.partition(b"\r\n\r\n")
    if not expected:
        assert b" 200 " in head.partition(b"\r\n")[0], head
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        expected = int(fields[b"content-length"])
    left = expected - len(rest)
    while left > 0:
        left -= len(await stream.receive_some(1 << 20))
    return expected


async def _main(port: int, ca_file: str, path: str, token: str, connections: int, seconds: float) -> None:
    context = ssl.create_default_context(cafile=ca_file)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/xml\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    times: list[float] = []
    size = 0

    async def one() -> None:
        nonlocal size
        raw = await trio.open_tcp_stream("localhost", port)
        stream = trio.SSLStream(raw, context, server_hostname="localhost", https_compatible=True)
        size = await _ask(stream, request, 0)
        while time.perf_counter() < end:
            began = time.perf_counter()
            await _ask(stream, request, size)
            times.append(time.perf_counter() - began)
        await stream.aclose()

    began = time.perf_counter()
    end = began + seconds
    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(one)
    took = time.perf_counter() - began
    print(json.dumps([len(times) / took, statistics.median(times) if times else took, size]))


async def ask_often(port: int, ca_file: str, path: str, token: str, *, connections: int, seconds: float) -> Measured:
    """Runs the client and waits for its figures."""
    arguments = [str(port), ca_file, path, token, str(connections), str(seconds)]
    done = await trio.run_process([sys.executable, "-m", "bench.http_client", *arguments], capture_stdout=True)
    return Measured(*json.loads(done.stdout))


if __name__ == "__main__":
    port, ca_file, path, token, connections, seconds = sys.argv[1:]
    trio.run(_main, int(port), ca_file, path, token, int(connections), float(seconds))
