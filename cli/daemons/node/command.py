"""`corral node --config FILE`: reads settings, sets up logging and signals, runs. It holds no rule."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from cli.daemons.configuration import ConfigurationError, read
from cli.daemons.logging_setup import set_up_logging
from cli.daemons.node.config import NodeConfig
from cli.daemons.node.running import run
from protocol.errors import CorralError


def main(argv: list[str]) -> int:
    """Exit code 0 after SIGTERM, 2 for bad settings, 3 when the engine refused the host or the host cannot serve."""
    parser = argparse.ArgumentParser(prog="corral node", description="Run the node daemon of this host.")
    parser.add_argument("--config", required=True, type=Path, help="TOML file with the settings")
    arguments = parser.parse_args(argv)
    set_up_logging()
    try:
        config = read(arguments.config, NodeConfig)
    except ConfigurationError as error:
        print(f"corral node: {error}", file=sys.stderr)
        return 2
    return run_until_signalled("corral node", run, config)


def run_until_signalled(program: str, serve: Callable[..., Awaitable[None]], *arguments: Any) -> int:
    """Runs a daemon; SIGTERM and SIGINT end it in order. Returns its exit code."""
    exit_code = 0
    try:
        trio.run(_until_signalled, serve, arguments)
    except* CorralError as group:
        problem: BaseException = group
        while isinstance(problem, BaseExceptionGroup):
            problem = problem.exceptions[0]
        assert isinstance(problem, CorralError)
        print(f"{program}: {problem.refusal}", file=sys.stderr)
        exit_code = 3
    return exit_code


async def _until_signalled(serve: Callable[..., Awaitable[None]], arguments: tuple[Any, ...]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def stop() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(stop)
            await serve(*arguments)
            nursery.cancel_scope.cancel()
