"""Runs commands of the system's shell: alone (`!ls`), or with the output of one of ours as input (`| grep web`).

Piped output is plain, because standard output is not a terminal then.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

from cli import problems


def system(command: str) -> int:
    """`!COMMAND`: how it went, as one of our exit codes."""
    sys.stdout.flush()
    return problems.OK if _ended(subprocess.Popen(command, shell=True)) == 0 else problems.COMMAND_ERROR


def through(command: str, produce: Callable[[], object]) -> int:
    """Gives what `produce` prints to the command. Returns the command's own exit code: it is the last of the pipe."""
    sys.stdout.flush()
    child = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE)
    assert child.stdin is not None
    outer = sys.stdout
    sys.stdout = io.TextIOWrapper(child.stdin, encoding="utf-8", errors="replace", write_through=True)
    try:
        produce()
    except BrokenPipeError:  # it has read enough and left
        pass
    finally:
        inner, sys.stdout = sys.stdout, outer
        try:
            inner.close()
        except BrokenPipeError:
            child.stdin.close()
        code = _ended(child)
    return code


def _ended(child: subprocess.Popen[bytes]) -> int:
    """Waits as a shell waits: Ctrl-C is for the child, which may go on (less does)."""
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            continue
        return code if code >= 0 else 128 - code
