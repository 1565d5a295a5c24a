"""Prints the script that makes a shell complete `corral`, and looks up names of objects while it completes.

It must not make completion wait or complain: no answer in a second is no names.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli.client.rest import Client
from cli.index import Noun
from cli.problems import Problem
from cli.session import session
from cli.session.session import CliSession

_timeout_seconds = 1.0
_names_max = 200


@click.command()
@click.argument("name", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, name: str) -> None:
    """Print the completion script of a shell.

    For bash: source <(corral completion bash). For zsh: the same. For fish: corral completion fish | source
    """
    made = get_completion_class(name)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "corral", "_CORRAL_COMPLETE").source())


def names(ctx: click.Context, noun: Noun) -> list[str]:
    """Names of objects as the gateway has them now; of those below another object, when its option or place is there."""
    from cli.session import locate
    from cli.session.placed import parents_from

    shared = session.of(ctx)
    shared.context_name = shared.context_name or str(ctx.find_root().params.get("context_name") or "")
    given = ctx.params if not noun["rel"] else {}
    given = {**given, **parents_from(shared.place, noun, given, writing=False)}
    try:
        with _client(shared) as client:
            return _called(client, locate.collection(client, noun, given))
    except Problem:
        return []


def below(shared: CliSession, typed: str) -> list[str]:
    """The paths that `cd` could take and that begin so."""
    from cli.session.place import walked

    above, slash, _ = typed.rpartition("/")
    try:
        with _client(shared) as client:
            place = walked(shared.place, above + slash, lambda: client)
            holds = place.steps and not place.object_id
            found = _called(client, place.path) if holds else list(place.collections())
    except Problem:
        return []
    return [path for one in found if (path := above + slash + one).startswith(typed)]


def _client(shared: CliSession) -> Client:
    return Client(shared.context(), timeout_seconds=_timeout_seconds)


def _called(client: Client, within: str) -> list[str]:
    found = client.items(within, {"max": str(_names_max)} if within.count("/") == 1 else None)
    return [str(item.get("name") or item.get("id", "")) for item in found]
