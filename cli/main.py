"""Where `corral` starts: runs a daemon by its name or a command of the client, and turns problems into exit codes.

It must not import a daemon or what a command needs: `corral --help` has to be quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

DAEMON_NAMES = ("engine", "node", "guest", "simulated-nodes", "lab")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv` (the process's own when None) and returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in DAEMON_NAMES:
        return _run_daemon(words[0], words[1:])
    return _run_client(words)


def _run_daemon(name: str, argv: list[str]) -> int:
    import importlib

    module = f"cli.daemons.{name.replace('-', '_')}"
    try:
        daemon: Callable[[list[str]], int] = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        missing = error.name or module
        hint = "Install it with: pip install 'corral[node]'" if missing.startswith("libvirt") else "Install it first."
        print(f"corral: {name} cannot start: the Python package {missing} is not installed. {hint}", file=sys.stderr)
        return 2
    return daemon(argv)


def _run_client(words: list[str]) -> int:
    from cli.run.command_line import run
    from cli.tree import root as tree

    return run(tree.root(), words)


if __name__ == "__main__":
    sys.exit(main())
