"""S16: queues, tasks and buffers stay bounded. Ground truth is their length at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def check(lengths: Iterable[tuple[str, int, int]]) -> Iterator[str]:
    """`lengths`: what, how long it is, how long it may be."""
    for what, length, most in lengths:
        if length > most:
            yield f"{what} has {length} entries; the most is {most}"
