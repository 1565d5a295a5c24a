"""The engine daemon: journal, leadership, actors, node port and gateway in one process. It holds no rule of its own."""

from cli.daemons.engine.command import main

__all__ = ["main"]
