"""The end of what a process wrote into its log: why it does not serve, mostly."""

import os
from pathlib import Path

LOG_TAIL_BYTES = 4096
LINES_MAX = 3
CHARACTERS_MAX = 400


def last_words(log: Path, begin: int) -> str:
    """On one line, and where to read more. What was written before offset `begin` is another process's."""
    with log.open("rb") as file:
        file.seek(max(begin, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    words = " | ".join(line.strip() for line in lines[-LINES_MAX:])[-CHARACTERS_MAX:]
    return f"{words or 'it wrote nothing'}; see {log}"
