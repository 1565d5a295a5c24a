"""The project's own gateway on the project's own engine and simulated hosts, in a thread, for tests of the client."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import trio

from cli.client.contexts import GatewayContext
from protocol.activity.model import Event
from tests.engine.installation import Installation, small_installation
from tests.gateway.running import PASSWORD, running

T = TypeVar("T")


@attrs.define
class RealGateway:
    site: Installation
    url: str = ""
    live_url: str = ""
    ca_file: str = ""
    password: str = PASSWORD
    token: Any = None

    def do(self, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Calls something of the installation in the gateway's thread."""
        return trio.from_thread.run(call, *arguments, trio_token=self.token)

    def log(self, text: str) -> None:
        """One more line of the audit trail."""
        event = Event(severity="normal", code=1, description=text)
        trio.from_thread.run_sync(self.site.engine.audit, event, trio_token=self.token)

    def context(self, name: str = "real") -> GatewayContext:
        return GatewayContext(
            name=name, url=self.url, live_url=self.live_url, ca_file=self.ca_file, user="admin@internal"
        )


@contextmanager
def serving(directory: Path) -> Iterator[RealGateway]:
    """Serves until the block ends; whoever uses it has to log in."""
    made: list[RealGateway] = []
    ready = threading.Event()
    failed: list[BaseException] = []
    scope = trio.CancelScope()

    async def main() -> None:
        with scope:
            async with small_installation(hosts=2) as site, running(site.engine.port, directory) as gateway:
                live_url = f"wss://localhost:{gateway.serving.live_port}"
                token = trio.lowlevel.current_trio_token()
                made.append(RealGateway(site, gateway.url, live_url, str(gateway.ca_file), token=token))
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
        yield made[0]
    finally:
        if made:
            trio.from_thread.run_sync(scope.cancel, trio_token=made[0].token)
        thread.join(20)
