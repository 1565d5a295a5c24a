"""Runs the tools that the image is made with; it does not know what the image is made of."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

TOOL_TIMEOUT_SECONDS = 300.0


class ImageBuildError(Exception):
    """The image could not be built; the message names the tool, its last words and what to do."""


def run_tool(
    *argv: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> bytes:
    """Runs one tool to its end and returns what it wrote to standard output.

    Raises ImageBuildError when the tool is missing, fails or needs more than TOOL_TIMEOUT_SECONDS.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=env,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=TOOL_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as missing:
        raise ImageBuildError(f"{words[0]} is not installed; run ./dev setup as root to install it") from missing
    except subprocess.TimeoutExpired as late:
        raise ImageBuildError(f"{words[0]} did not finish within {TOOL_TIMEOUT_SECONDS:.0f} s") from late
    if done.returncode != 0:
        last_words = done.stderr.decode(errors="replace").strip()[-800:]
        raise ImageBuildError(f"{' '.join(words)} failed with exit code {done.returncode}: {last_words}")
    return done.stdout
