"""`corral engine --config FILE`: reads settings, sets up logging and signals, runs. It holds no rule."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import trio

from cli.daemons.collector import calm_the_collector
from cli.daemons.configuration import ConfigurationError, read
from cli.daemons.engine.config import EngineConfig
from cli.daemons.engine.running import Deposed, run
from cli.daemons.logging_setup import set_up_logging


def main(argv: list[str]) -> int:
    """Exit code 0 after SIGTERM, 2 for bad settings, 3 when another engine took over."""
    parser = argparse.ArgumentParser(
        prog="corral engine", description="Run the engine: actors, journal, gateway, node port."
    )
    parser.add_argument("--config", required=True, type=Path, help="TOML file with the settings")
    arguments = parser.parse_args(argv)
    set_up_logging()
    try:
        config = read(arguments.config, EngineConfig)
    except ConfigurationError as error:
        print(f"corral engine: {error}", file=sys.stderr)
        return 2
    exit_code = 0
    try:
        trio.run(_until_signalled, config, os.environ.get("CORRAL_DATABASE_URL", "") or config.database_url)
    except* Deposed as group:
        print(f"corral engine: {group.exceptions[0]}", file=sys.stderr)
        exit_code = 3
    return exit_code


async def _until_signalled(config: EngineConfig, database_url: str) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def stop() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(stop)
            await run(config, database_url, calm_the_collector)
