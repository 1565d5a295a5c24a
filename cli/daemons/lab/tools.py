"""Runs short system tools with a deadline and reads what they say; long-running processes are started elsewhere."""

import ipaddress
import json
from collections.abc import Callable

import trio

from cli.daemons.lab.errors import LabError

TOOL_TIMEOUT_SECONDS = 20.0


async def run_tool(*argv: str, check: bool = True, timeout_seconds: float = TOOL_TIMEOUT_SECONDS) -> str:
    """Runs a tool to its end and returns its standard output.

    Raises LabError when it is missing, is late, or fails while ``check`` is set.
    """
    try:
        with trio.fail_after(timeout_seconds):
            done = await trio.run_process(list(argv), capture_stdout=True, capture_stderr=True, check=False)
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed; ./dev setup as root installs it") from None
    except trio.TooSlowError:
        raise LabError(f"{' '.join(argv)} did not finish within {timeout_seconds:.0f} s") from None
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


async def routed_networks() -> list[ipaddress.IPv4Network]:
    """Every IPv4 network that this machine routes, default routes left out."""
    routes = json.loads(await run_tool("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    networks = []
    for route in routes:
        destination = str(route.get("dst", "default"))
        if destination != "default" and route.get("type") not in ("local", "broadcast"):
            networks.append(ipaddress.IPv4Network(destination, strict=False))
    return networks


async def poll_until(condition: Callable[[], bool], every_seconds: float = 0.05) -> None:
    """Waits until ``condition`` holds; the caller sets the deadline."""
    while not condition():  # noqa: ASYNC110 - another process makes it true and tells nobody.
        await trio.sleep(every_seconds)
