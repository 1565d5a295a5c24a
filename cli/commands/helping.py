"""`corral help vm start`: the same as `corral vm start --help`."""

from __future__ import annotations

import click

from cli.run.command_line import run
from cli.session import session


@click.command(epilog="Examples: corral help; corral help vm; corral help vm start; corral help list vms")
@click.argument("words", nargs=-1)
@click.pass_context
def help(ctx: click.Context, words: tuple[str, ...]) -> int:
    """Show help for a command."""
    return run(ctx.find_root().command, [*words, "--help"], session.of(ctx))
