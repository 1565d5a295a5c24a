"""Many nodes on one simulated world in one process, each with the real link, tree and step log."""

from cli.daemons.simulated_nodes.command import main

__all__ = ["main"]
