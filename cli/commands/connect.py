"""`connect URL USER PASSWORD`, the talks' way to log in, and `getkey`, which prints one value of the current login.

It must not store a password: the context file holds only the token, and the shell's history leaves passwords out.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem

from cli.client import contexts
from cli.client.contexts import GatewayContext
from cli.problems import SyntaxProblem
from cli.session import session, settings

_WARNING = (
    "a password on the command line is visible to every process on this machine and stays in your shell's history. "
    "Leave it out to be prompted for it, or use --password-stdin."
)


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    kept = contexts.load().by_name
    known = [*kept, *dict.fromkeys(context.url for context in kept.values())]
    return [CompletionItem(word) for word in known if word.startswith(incomplete)]


@click.command(
    epilog="Examples: connect https://engine.example.com:8443 admin@internal; connect --url URL --user USER "
    "--password PASSWORD; connect production --filter"
)
@click.argument("url", metavar="[URL|CONTEXT]", required=False, shell_complete=_complete)
@click.argument("user", required=False)
@click.argument("password", required=False)
@click.option("--url", "url_option", help="URL of the engine, such as https://engine.example.com:8443.")
@click.option("--user", "user_option", help="User name, such as admin@internal.")
@click.option("--password", "password_option", help="Prompted for if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--ca-file", type=click.Path(exists=True, dir_okay=False, resolve_path=True), help="CA certificate of the engine."
)
@click.option("--filter", "filtered", is_flag=True, help="Show what an ordinary user may see (not supported yet).")
@click.pass_context
def connect(ctx: click.Context, /, password_stdin: bool, ca_file: str | None, filtered: bool, **given: Any) -> object:
    """Log in, or use a saved login.

    With the name of a context, or with nothing, the login that is remembered is used and no password is needed.
    """
    shared = session.of(ctx)
    url, user, password = (_one(given, name) for name in ("url", "user", "password"))
    if password and not shared.in_shell:
        session.note(f"warning: {_WARNING}")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    kept = contexts.load().by_name
    if not user and not password and not ca_file and (not url or url in kept):
        shared.attach(url or shared.context_name)
        if url and not shared.in_shell:
            contexts.save(contexts.Contexts(url, kept))
    else:
        _log_in(shared, _wanted(kept, url, user, ca_file), password)
    from cli.commands.status import ping

    shared.filtered = filtered
    shared.take_settings()
    return ctx.invoke(ping, count=1)


def _log_in(shared: session.CliSession, wanted: GatewayContext, password: str) -> None:
    from cli.commands.login import ask_password, open_session

    open_session(shared, wanted, password or os.environ.get("CORRAL_PASSWORD", "") or ask_password(wanted))


def _wanted(kept: dict[str, GatewayContext], url: str, user: str, ca_file: str | None) -> GatewayContext:
    """The login to make: a remembered one of this gateway and user lends its name and CA; else it is called `shell`."""
    if not url:
        raise SyntaxProblem("no URL given. Use: connect https://HOST:PORT USER")
    found = kept.get(url)
    address = found.url if found else contexts.clean_url(url)
    same = [found] if found else [context for context in kept.values() if context.url == address]
    fitting = [context for context in same if not user or context.user == user]
    ca_known = next((context.ca_file for context in same if context.ca_file), os.environ.get("CORRAL_CA_FILE", ""))
    base = fitting[0] if fitting else GatewayContext(name="shell", ca_file=ca_known)
    return dataclasses.replace(
        base, url=address, user=user or base.user or "admin@internal", ca_file=ca_file or base.ca_file
    )


def _one(given: dict[str, Any], name: str) -> str:
    plain, option = given[name], given[f"{name}_option"]
    if plain and option and plain != option:
        raise SyntaxProblem(f"connect: the {name} is given twice, once as --{name}. Give it once.")
    return str(option or plain or "")


_KEYS = (*contexts.TEXTS, *settings.KEYS)


@click.command(epilog="Examples: getkey url; getkey user; getkey output")
@click.argument("key", shell_complete=lambda _, __, typed: [CompletionItem(k) for k in _KEYS if k.startswith(typed)])
@click.pass_context
def getkey(ctx: click.Context, key: str) -> None:
    """Print one value of the current login, or one setting of the shell.

    Keys: name, url, token, user, ca_file, ws_url, live_url; output, columns, wait, timeout, pager, confirm.
    """
    shared = session.of(ctx)
    wanted = key.replace("-", "_")
    if wanted in settings.KEYS:
        shared.take_settings()
        click.echo(settings.text_of(shared.settings, wanted))
    elif wanted in contexts.TEXTS:
        click.echo(getattr(shared.context(), wanted))
    else:
        raise SyntaxProblem(f"there is no key {key}. Keys: {', '.join(_KEYS)}")
