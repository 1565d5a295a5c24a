"""Keeps showing a list or an object as it changes, live.

It must not ask the gateway again and again: what is new comes over the live socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.client import Client, Document
from cli.index import Noun


def watch_list(
    client: Client, noun: Noun, within: str, fetch: Callable[[], list[Document]], form: str, chosen: Sequence[str]
) -> int:
    """Until interrupted. Returns the exit code."""
    return 0


def watch_one(client: Client, noun: Noun, path: str, form: str, chosen: Sequence[str]) -> int:
    """Until interrupted, or until the object is gone. Returns the exit code."""
    return 0
