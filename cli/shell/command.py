"""`corral shell`: lines from a file, from standard input, or from a person."""

from __future__ import annotations

import sys
from typing import IO

import click

from cli.groups import LazyGroup
from cli.session import session
from cli.shell.sitting import Shell


@click.command(
    epilog="Examples: corral shell; corral shell --file script; echo 'list vms | grep web' | corral shell --keep-going"
)
@click.option("--keep-going", "-k", is_flag=True, help="In a script: continue after a command fails.")
@click.option("--file", "-f", "script", type=click.File(), help="Run the commands in a file instead of prompting.")
@click.pass_context
def shell(ctx: click.Context, keep_going: bool, script: IO[str] | None) -> int:
    """Start an interactive shell with completion.

    Reads commands from standard input if it is not a terminal; the first that fails ends the shell with its exit code:
    0 OK, 1 SYNTAX_ERROR, 2 COMMAND_ERROR, 3 INTERRUPTED, 4 UNKNOWN_ERROR, 10 REMOTE_ERROR, 11 NOT_FOUND.
    """
    root = ctx.find_root().command
    assert isinstance(root, LazyGroup)
    made = Shell(root, session.of(ctx))
    if script is not None:
        return made.run_lines(script, keep_going=keep_going)
    if not sys.stdin.isatty():
        return made.run_lines(sys.stdin, keep_going=keep_going)
    from cli.shell.prompting import prompted

    return made.run_interactive(prompted(made))
