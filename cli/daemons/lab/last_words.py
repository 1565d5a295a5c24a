"""Reads a process's log: its end, which usually says why it failed, and the progress that a lab reports in it."""

import os
from pathlib import Path

LOG_TAIL_BYTES = 4096
LINES_MAX = 3
CHARACTERS_MAX = 400
PROGRESS = "lab: "
"""What a line of a lab about its own progress begins with."""


def last_words(log: Path, begin: int) -> str:
    """Its last lines as one, and where to read more. What was written before offset `begin` is another process's."""
    with log.open("rb") as file:
        file.seek(max(begin, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
        lines = [line.strip(" |\t") for line in file.read().decode(errors="replace").splitlines()]
    said = [line for line in lines if any(map(str.isalnum, line))]  # a traceback's frame says nothing
    kept = said[-LINES_MAX:]
    while len(kept) > 1 and sum(map(len, kept)) > CHARACTERS_MAX:
        kept = kept[1:]
    words = " | ".join(kept)[:CHARACTERS_MAX]
    return f"{words or 'no output'}; see {log}"


def progress(log: Path, begin: int) -> tuple[list[str], int]:
    """Its whole lines of progress from offset `begin` on, and the offset behind them."""
    with log.open("rb") as file:
        file.seek(begin)
        whole, end, _ = file.read().rpartition(b"\n")
    lines = whole.decode(errors="replace").splitlines()
    return [line for line in lines if line.startswith(PROGRESS)], begin + len(whole) + len(end)
