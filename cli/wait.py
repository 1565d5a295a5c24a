"""Waits until an operation that a request started has ended, and says on the way how far it is.

It must not decide whether an operation is right: it reports what the job says.
"""

from __future__ import annotations

from cli.client import Client, Document
from cli.index import Noun


def wait_for(client: Client, noun: Noun, answer: Document, path: str, timeout_seconds: float, *, gone: bool) -> str:
    """Returns what to add to the closing line, like ` (up)`."""
    return ""
