"""`corral simulated-nodes --config FILE [--hosts N]`: reads settings, runs until a signal. It holds no rule."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import attrs

from cli.daemons.configuration import ConfigurationError, read
from cli.daemons.logging_setup import set_up_logging
from cli.daemons.node.command import run_until_signalled
from cli.daemons.simulated_nodes.config import SimulatedNodesConfig
from cli.daemons.simulated_nodes.running import run


def main(argv: list[str]) -> int:
    """Exit code 0 after SIGTERM, 2 for bad settings, 3 when there are no tokens; hosts that the engine refuses stay off."""
    parser = argparse.ArgumentParser(prog="corral simulated-nodes", description="Run nodes with simulated hardware.")
    parser.add_argument("--config", required=True, type=Path, help="TOML file with the settings")
    parser.add_argument("--hosts", type=int, help="number of hosts; overrides the file")
    arguments = parser.parse_args(argv)
    set_up_logging()
    try:
        config = read(arguments.config, SimulatedNodesConfig)
    except ConfigurationError as error:
        print(f"corral simulated-nodes: {error}", file=sys.stderr)
        return 2
    if arguments.hosts is not None:
        config = attrs.evolve(config, hosts=arguments.hosts)
    return run_until_signalled("corral simulated-nodes", run, config)
