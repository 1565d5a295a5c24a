"""The node daemon of one real host, put together. It holds no rule of its own."""

from cli.daemons.node.command import main

__all__ = ["main"]
