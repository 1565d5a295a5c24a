"""The project's own gateway on an engine of one dictionary, in a thread, for tests of the client.

It must not be used for what `fake_gateway` can show: it is slower to start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from cli.contexts import GatewayContext
from tests.gateway.fake_engine import FakeEngine, small_engine
from tests.gateway.running import PASSWORD, running


@attrs.define
class RealGateway:
    engine: FakeEngine
    url: str = ""
    live_url: str = ""
    ca_file: str = ""
    password: str = PASSWORD
    token: Any = None

    def do(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Calls something of the engine in the gateway's thread."""
        return trio.from_thread.run_sync(lambda: call(*arguments, **named), trio_token=self.token)

    def context(self, name: str = "real") -> GatewayContext:
        return GatewayContext(
            name=name, url=self.url, live_url=self.live_url, ca_file=self.ca_file, user="admin@internal"
        )


@contextmanager
def serving(directory: Path) -> Iterator[RealGateway]:
    """Serves until the block ends; whoever uses it has to log in."""
    made = RealGateway(small_engine())
    ready = threading.Event()
    failed: list[BaseException] = []
    scope = trio.CancelScope()

    async def main() -> None:
        with scope:
            async with running(made.engine, directory) as gateway:
                made.url = gateway.url
                made.live_url = f"wss://localhost:{gateway.serving.live_port}"
                made.ca_file = str(gateway.ca_file)
                made.token = trio.lowlevel.current_trio_token()
                ready.set()
                await trio.sleep_forever()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(20)
    try:
        if failed:
            raise failed[0]
        yield made
    finally:
        if made.token is not None:
            trio.from_thread.run_sync(scope.cancel, trio_token=made.token)
        thread.join(20)
