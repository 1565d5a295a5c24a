"""Prints the script that makes a shell complete `corral`, and looks up names of objects while it completes.

It must not make completion wait or complain: no answer in a second is no names.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli import contexts
from cli.index import Noun
from cli.problems import Problem

_timeout_seconds = 1.0
_names_max = 200


@click.command()
@click.argument("name", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, name: str) -> None:
    """Print what makes a shell complete corral.

    For bash: source <(corral completion bash). For zsh: the same. For fish: corral completion fish | source
    """
    made = get_completion_class(name)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "corral", "_CORRAL_COMPLETE").source())


def names(ctx: click.Context, noun: Noun) -> list[str]:
    """Names of objects as the gateway has them now; of those below another object, when its option is there."""
    from cli import locate
    from cli.client import Client

    try:
        name = str(ctx.find_root().params.get("context_name") or "")
        with Client(contexts.active(name), timeout_seconds=_timeout_seconds) as client:
            within = locate.collection(client, noun, ctx.params if not noun["rel"] else {})
            found = client.items(within, {"max": str(_names_max)} if noun["rel"] else None)
    except Problem:
        return []
    return [str(item.get("name") or item.get("id", "")) for item in found]
