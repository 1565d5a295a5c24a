"""A script of the shell through the whole command line, and what it printed."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.conftest import Ran

PROGRAM = "import sys; from cli.main import main; sys.exit(main())"


def process(*lines: str, options: tuple[str, ...] = ()) -> Ran:
    """The lines in a process of their own: pipes and exit codes are those of the system."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "shell", *options],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
