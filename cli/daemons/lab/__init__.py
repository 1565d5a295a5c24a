"""The lab: engine, gateway, PostgreSQL, a real host and simulated hosts on one machine, as processes of their own.

It starts, watches and stops daemons; it takes no decision of theirs and speaks no protocol of theirs.
"""

from cli.daemons.lab.command import command

__all__ = ["command", "main"]


def main(argv: list[str]) -> int:
    """`corral lab`: the exit code."""
    try:
        command.main(argv, prog_name="corral lab")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
