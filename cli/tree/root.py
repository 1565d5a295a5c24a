"""The command tree: the commands at the top, below a noun and below a verb. Each is imported when it is used."""

from __future__ import annotations

import importlib
from typing import Any

import click

from cli import index
from cli.groups import LazyGroup, Section, near_words, normalize
from cli.index import Noun

VERBS = {
    "list": "List objects: corral list vms",
    "show": "Show one object: corral show vm NAME",
    "add": "Add an object: corral add vm --name web1 ...",
    "update": "Change an object: corral update vm NAME ...",
    "remove": "Remove an object: corral remove vm NAME",
    "action": "Run an action on an object: corral action vm NAME start",
}
VERB_ALIASES = {"create": "add", "delete": "remove"}
DAEMONS = {
    "engine": "Run the engine",
    "node": "Run the node daemon of a host",
    "guest": "Run the guest agent",
    "simulated-nodes": "Run many nodes with simulated hardware",
    "lab": "Run a complete Corral installation on this machine",
}
STATIC = {
    "connect": ("cli.commands.connect", "Log in: corral connect URL USER [PASSWORD]"),
    "login": ("cli.commands.login", "Log in to a gateway and save the session"),
    "logout": ("cli.commands.login", "Log out"),
    "context": ("cli.commands.login", "List, select or remove saved logins"),
    "getkey": ("cli.commands.connect", "Print one value of the current login: corral getkey url"),
    "ping": ("cli.commands.status", "Check whether the gateway responds, and how fast"),
    "status": ("cli.commands.status", "Show the state of the installation"),
    "events": ("cli.commands.events", "Show events; follow or verify the stream of changes"),
    "console": ("cli.commands.console", "Open the serial console of a VM"),
    "shell": ("cli.shell.command", "Start an interactive shell with completion"),
    "help": ("cli.commands.helping", "Show help for a command: corral help vm start"),
    "completion": ("cli.tree.completion", "Print the completion script for bash, zsh or fish"),
}
SHELL_WORDS = ("cd", "pwd", "set", "save", "echo", "clear", "history", "disconnect", "exit", "quit", "EOF")
_EXAMPLES = """
corral login https://engine.example.com:8443 --user admin@internal
corral vm list --query 'status = up'
corral vm add --name web1 --cluster-name Default --template-name tiny --memory 512MiB
corral vm start web1
corral console web1
corral vm list --watch
"""


def root() -> LazyGroup:
    """The whole tree."""
    return LazyGroup(
        "corral",
        sections=_top,
        build=_build_top,
        missing=_missing_top,
        examples=_EXAMPLES,
        help="Manage data centers of KVM virtual machines.\n\n"
        "Put the object first (corral vm start web1) or the verb first (corral action vm web1 start, corral list vms). "
        "Every command has --help.",
        params=[
            click.Option(["--context", "context_name"], help="Use this saved login instead of the current one."),
            click.Option(["--filter", "filtered"], is_flag=True, help="Show what an ordinary user may see (not supported yet)."),
            click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version,
                         help="Print the version and exit."),
        ],
        callback=_take_options,
        context_settings={"token_normalize_func": normalize, "help_option_names": ["-h", "--help"],
                          "max_content_width": 120},
    )  # fmt: skip


def noun_summary(noun: Noun) -> str:
    """The verbs and actions of a noun, as the top help shows them."""
    verbs = [verb for verb in VERBS if verb in ("list", "show") or noun.get(verb)]
    return ", ".join([*[verb for verb in verbs if verb != "action"], *noun["actions"]])


def noun_group(noun: Noun) -> LazyGroup:
    """`corral vm ...`"""

    def sections() -> list[Section]:
        verbs = {"list": f"List {noun['title']}s", "show": f"Show one {noun['title']}"}
        verbs |= {verb: noun[verb]["doc"] for verb in ("add", "update", "remove") if noun[verb]}
        actions = {action: entry["doc"] for action, entry in noun["actions"].items()}
        return [("Verbs", verbs), *([("Actions", actions)] if actions else [])]

    return LazyGroup(
        noun["name"],
        sections=sections,
        build=lambda word: _command(noun, VERB_ALIASES.get(word, word)),
        help=noun["doc"] or f"Commands for {noun['title']}s.",
        missing=lambda word: _lacks(noun, word),
        no_args_is_help=True,
    )


def verb_group(verb: str) -> LazyGroup:
    """`corral list ...`"""

    def able(noun: Noun) -> bool:
        return verb in ("list", "show") or bool(noun["actions"] if verb == "action" else noun[verb])

    def sections() -> list[Section]:
        found = [noun for noun in index.nouns().values() if able(noun)]
        nouns = {noun["plural"] if verb == "list" else noun["name"]: noun for noun in found}
        return [("Objects", {word: _below_verb(noun, verb) for word, noun in nouns.items()})]

    def build(word: str) -> click.Command | None:
        noun = index.find(word)
        if noun is None or not able(noun):
            return None
        return _action_group(noun) if verb == "action" else _command(noun, verb)

    def missing(word: str) -> str:
        noun = index.find(word)
        return _lacks(noun, verb) if noun else ""

    return LazyGroup(
        verb, sections=sections, build=build, missing=missing, help=VERBS[verb] + ".", no_args_is_help=True
    )


def _action_group(noun: Noun) -> LazyGroup:
    """`corral action vm NAME ...`: the object comes before the action."""
    return LazyGroup(
        noun["name"],
        sections=lambda: [("Actions", {action: entry["doc"] for action, entry in noun["actions"].items()})],
        build=lambda word: _command(noun, word, named_before=True) if word in noun["actions"] else None,
        help=f"corral action {noun['name']} NAME ACTION.",
        params=[click.Argument(["name"], metavar="NAME")],
        callback=lambda name: None,
        missing=lambda word: _lacks(noun, word),
        subcommand_metavar="ACTION [OPTIONS]",
        no_args_is_help=True,
    )


def _command(noun: Noun, verb: str, *, named_before: bool = False) -> click.Command | None:
    commands: Any = importlib.import_module("cli.tree.noun_commands")
    made: click.Command | None = commands.build(noun, verb, named_before=named_before)
    return made


def _lacks(noun: Noun, word: str) -> str:
    """Why a noun does not know a verb or an action, with what it can do; nothing for a slip of the keys."""
    able = [*(verb for verb in VERBS if verb in ("list", "show") or noun.get(verb)), *noun["actions"]]
    if near_words(word, able):
        return ""
    what = f"no action {word}"
    if word in VERBS or word in VERB_ALIASES:
        what = f"no {VERB_ALIASES.get(word, word)}"
    return f"{noun['name']} has {what} in this version, only {', '.join(able)}. See: corral {noun['name']} --help"


def _missing_top(word: str) -> str:
    """Words that mean something elsewhere: in the shell, or behind an object."""
    if word in SHELL_WORDS:
        return f"{word} is a command of the interactive shell. Start the shell with: corral shell"
    able = [f"corral {noun['name']} {word} NAME" for noun in index.nouns().values() if word in noun["actions"]]
    return f"{word} needs an object before it: {' or '.join(able)}" if able else ""


def _below_verb(noun: Noun, verb: str) -> str:
    if verb == "action":
        return ", ".join(noun["actions"])
    return str((noun[verb] or {}).get("doc", "") if verb in ("add", "update", "remove") else noun["doc"])


def _top() -> list[Section]:
    return [
        ("Objects", {noun["name"]: noun_summary(noun) for noun in index.nouns().values()}),
        ("Verbs", VERBS),
        ("Session and monitoring", {name: short_help for name, (_, short_help) in STATIC.items()}),
        ("Daemons", DAEMONS),
    ]


def _build_top(word: str) -> click.Command | None:
    if word in STATIC:
        made: click.Command = getattr(importlib.import_module(STATIC[word][0]), word)
        return made
    verb = VERB_ALIASES.get(word, word)
    if verb in VERBS:
        return verb_group(verb)
    noun = index.find(word)
    return None if noun is None else noun_group(noun)


def _take_options(context_name: str | None, filtered: bool) -> None:
    from cli.session import session

    ctx = click.get_current_context()
    made = session.of(ctx)
    made.context_name = context_name or made.context_name
    made.filtered = filtered or made.filtered


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib import metadata

        click.echo(f"corral {metadata.version('corral')}")
        ctx.exit()
