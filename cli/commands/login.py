"""Logs in and out and selects between saved logins.

It must not take a password from the command line, where every process on the machine could read it; `connect` may.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys

import click

from cli.client import contexts
from cli.client.contexts import GatewayContext
from cli.problems import Problem, SyntaxProblem
from cli.session import session


@click.command(
    epilog="Examples: corral login https://engine.example.com:8443 --user admin@internal; corral login --lab DIR"
)
@click.argument("url", required=False)
@click.option("--user", "-u", help="User name, such as admin@internal.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--ca-file", type=click.Path(exists=True, dir_okay=False, resolve_path=True), help="CA certificate of the engine."
)
@click.option("--live-url", help="The live port (msgpack), for corral events --live: wss://HOST:PORT.")
@click.option("--context", "name", help="Save the login under this name (default: 'default').")
@click.option("--lab", type=click.Path(exists=True), help="Log in to the lab in this folder (reads its lab.json).")
@click.pass_context
def login(
    ctx: click.Context, url: str | None, user: str | None, password_stdin: bool, ca_file: str | None, live_url: str | None,
    name: str | None, lab: str | None,
) -> None:  # fmt: skip
    """Log in to a gateway and save the session.

    You are prompted for the password, or it is read from standard input with --password-stdin; CORRAL_PASSWORD works too.
    """
    password = ""
    if lab:
        found, password = _read_lab(lab)
    elif url:
        found = GatewayContext(url=contexts.clean_url(url))
    else:
        raise SyntaxProblem("no URL given. Use: corral login https://HOST:PORT --user USER, or corral login --lab DIR")
    shared = session.of(ctx)
    found = dataclasses.replace(
        found,
        name=name or shared.context_name or ("lab" if lab else "default"),
        user=user or found.user or _ask("User", "admin@internal"),
        live_url=live_url or found.live_url,
        ca_file=ca_file or found.ca_file or os.environ.get("CORRAL_CA_FILE", ""),
    )
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    password = password or os.environ.get("CORRAL_PASSWORD", "") or ask_password(found)
    open_session(shared, found, password)
    session.note(f"logged in to {found.url} as {found.user} (context {found.name}).")


def open_session(shared: session.CliSession, context: GatewayContext, password: str) -> None:
    """Gets a token, remembers the context and makes it the one in use. Its saved settings stay."""
    from cli.client.rest import Client

    with Client(context) as client:
        token = client.log_in(context.user, password)
    known = contexts.load().by_name.get(context.name, context)
    contexts.remember(dataclasses.replace(context, token=token, settings=known.settings))
    shared.attach(context.name)


@click.command()
@click.pass_context
def logout(ctx: click.Context) -> None:
    """Log out: end the session here and on the gateway."""
    from cli.client.rest import Client

    shared = session.of(ctx)
    context = shared.context()
    with Client(context) as client:
        client.log_out()
    shared.close()
    if context.name:
        contexts.remember(dataclasses.replace(context, token=""))
    session.note(f"logged out of {context.url}.")


@click.group()
def context() -> None:
    """List, select or remove saved logins."""


@context.command("list")
def list_contexts() -> None:
    """List saved logins; * marks the current one."""
    kept = contexts.load()
    for name, one in sorted(kept.by_name.items()):
        mark = "*" if name == kept.current else " "
        click.echo(f"{mark} {name}  {one.url}  {one.user}{'' if one.token else '  (logged out)'}")


@context.command("use")
@click.argument("name")
def use_context(name: str) -> None:
    """Make this login the current one."""
    kept = contexts.load()
    contexts.active(name)
    contexts.save(contexts.Contexts(name, kept.by_name))
    session.note(f"now using {name}.")


@context.command("remove")
@click.argument("name")
def remove_context(name: str) -> None:
    """Remove a saved login. Its session on the gateway stays open until it expires; use corral logout to end it."""
    contexts.forget(name)
    session.note(f"{name} removed.")


def _read_lab(folder: str) -> tuple[GatewayContext, str]:
    path = os.path.join(folder, "lab.json") if os.path.isdir(folder) else folder
    try:
        with open(path, encoding="utf-8") as file:
            fields = json.load(file)
        made = GatewayContext(
            url=contexts.clean_url(fields["url"]), user=fields["user"], ca_file=fields.get("ca_file") or "",
            ws_url=fields.get("ws_url") or "", live_url=fields.get("live_url") or "",
        )  # fmt: skip
        return made, str(fields["password"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"{path} does not describe a running lab ({error}). Start one: corral lab") from error


def _ask(what: str, default: str) -> str:
    if not sys.stdin.isatty():
        return default
    return str(click.prompt(what, default=default, err=True))


def ask_password(context: GatewayContext) -> str:
    """Asked on the terminal, unseen. Raises `SyntaxProblem` where there is none."""
    if not sys.stdin.isatty():
        raise SyntaxProblem(f"no password for {context.user}: give it with --password-stdin or in CORRAL_PASSWORD.")
    return str(click.prompt(f"Password of {context.user}", hide_input=True, err=True))
