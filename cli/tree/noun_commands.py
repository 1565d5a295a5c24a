"""Builds the command of a noun and a verb or action from the registry: its options, its help, what it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from cli import attach, index
from cli.groups import write_examples
from cli.index import Noun
from cli.options import FORMATS, action_options, document_options, parent_key, query_options, readable
from cli.session import session
from cli.values import Duration, Many

Parameters = list[click.Parameter]


class CliCommand(click.Command):
    """A command that shows examples and what else there is to know below its options."""

    examples = ""
    facts: list[tuple[str, list[tuple[str, str]]]]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in self.facts:
            with formatter.section(title):
                formatter.write_dl(entries)
        write_examples(formatter, self.examples)


def build(noun: Noun, verb: str, *, named_before: bool = False) -> click.Command | None:
    """The command, or None when the noun has no such verb or action. `named_before`: the group took the name."""
    if verb in noun["actions"]:
        return _action(noun, verb, named_before)
    if verb in ("list", "show"):
        return _list(noun) if verb == "list" else _show(noun)
    makers = {"add": _add, "update": _update, "remove": _remove}
    return makers[verb](noun) if verb in makers and noun[verb] else None


def _list(noun: Noun) -> click.Command:
    search = [entry["search"] for entry in noun["attributes"] if "search" in entry] + noun["holds"]
    params: Parameters = [
        *_parents(noun, ()),
        click.Option(["--query", "-q"], help="Search query, such as 'name = web* and status = up sortby name'."),
        click.Option(["--max", "max_items"], type=click.IntRange(1), help="Show at most this many."),
        click.Option(
            ["--case-sensitive/--case-insensitive"], default=None, help="Whether the search is case sensitive."
        ),
        click.Option(
            ["--kwargs"], help="Show only objects with these values: 'name=web*;status=up'; * matches any text."
        ),
        click.Option(
            ["--filter", "filtered"], is_flag=True, help="Show what an ordinary user may see (not supported yet)."
        ),
        click.Option(["--follow"], help="Linked objects to include, such as nics,disk_attachments."),
        *_looks(),
        click.Option(["--show-all"], is_flag=True, help="Show every attribute that has a value, as -o wide does."),
        click.Option(["--watch", "-w"], is_flag=True, help="Keep showing changes live until Ctrl-C."),
    ]
    facts = [("Attributes for --columns and --kwargs", _attributes(noun))]
    if search:
        facts.append(("Search keys for --query", [(", ".join(search), "")]))
    where = _where(noun)
    examples = f"corral {noun['name']} list{where}\ncorral list {noun['plural']}{where} -o json"
    if noun["searchable"] and noun["named"]:
        examples += f"\ncorral {noun['name']} list --query 'name = a*' --max 10 -o name"
    return _command(noun, "list", f"List {noun['title']}s.", params, facts, examples)


def _show(noun: Noun) -> click.Command:
    params: Parameters = [
        _name(noun),
        *_parents(noun, ()),
        click.Option(["--follow"], help="Linked objects to include, such as nics,disk_attachments."),
        *_looks(),
        click.Option(["--watch", "-w"], is_flag=True, help="Keep showing changes live until Ctrl-C."),
    ]
    examples = f"corral {noun['name']} show NAME{_where(noun)}\ncorral show {noun['name']} NAME{_where(noun)} -o yaml"
    return _command(noun, "show", f"Show one {noun['title']}.", params, [("Attributes", _attributes(noun))], examples)


def _add(noun: Noun) -> click.Command:
    said = "" if noun["running"] else None  # a new VM does not run
    options = document_options(noun["attributes"], adding=True, when_running=said)
    if attach.takes(noun):
        options = [*_parents(attach.attachment(), options, "add"), *attach.options(), *options]
    params = [*_parents(noun, options, "add"), *options, *query_options(noun["add"]["parameters"])]
    needed = [entry for entry in noun["attributes"] if entry.get("required")]
    shown = " ".join(_example_option(entry) for entry in needed)
    examples = f"corral {noun['name']} add{_where(noun)} {shown}\ncorral add {noun['name']}{_where(noun)} --json FILE"
    if attach.takes(noun):
        examples += f"\ncorral add {noun['name']} --id ID --vm-identifier VM"
    examples += "".join(f"\ncorral {noun['name']} add --{name} {name.upper()} {shown}" for name in _holders(noun))
    return _command(noun, "add", noun["add"]["doc"], [*params, *_sending()], [], examples)


def _update(noun: Noun) -> click.Command:
    options = document_options(noun["attributes"], adding=False)
    params = [
        _name(noun),
        *_parents(noun, options, "update"),
        *options,
        *query_options(noun["update"]["parameters"]),
    ]
    example = (
        "--memory 1GiB" if any(entry["name"] == "memory" for entry in noun["attributes"]) else "--description TEXT"
    )
    examples = f"corral {noun['name']} update NAME{_where(noun)} {example}"
    return _command(noun, "update", noun["update"]["doc"], [*params, *_sending()], [], examples)


def _remove(noun: Noun) -> click.Command:
    params = [_name(noun), *_parents(noun, (), "remove"), *query_options(noun["remove"]["parameters"]), *_waiting()]
    examples = f"corral {noun['name']} remove NAME{_where(noun)}"
    examples += "".join(f"\ncorral {noun['name']} remove NAME --{name} {name.upper()}" for name in _holders(noun))
    return _command(noun, "remove", noun["remove"]["doc"], params, [], examples)


def _action(noun: Noun, action: str, named_before: bool) -> click.Command:
    entry = noun["actions"][action]
    options = action_options(entry["parameters"])
    above = _parents(noun, options, action)
    params = [*(() if named_before else (_name(noun),)), *above, *options, *_waiting()]
    where = _where(noun) if above else ""
    examples = f"corral {noun['name']} {action} NAME{where}\ncorral action {noun['name']} NAME {action}{where}"
    return _command(noun, action, entry["doc"], params, [], examples)


def _command(
    noun: Noun, verb: str, doc: str, params: Parameters, facts: list[tuple[str, list[tuple[str, str]]]], examples: str
) -> click.Command:
    def run(**given: Any) -> Any:
        from cli.run import verbs

        return verbs.run(click.get_current_context(), noun, verb, given)

    made = CliCommand(verb, params=params, callback=run, help=doc)
    made.facts = facts
    made.examples = examples
    return made


def _name(noun: Noun) -> click.Argument:
    return click.Argument(["name"], metavar="NAME", shell_complete=names_of(noun["name"]))


def names_of(word: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completes names of a noun's objects, asked from the gateway."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from cli.tree.completion import names

        return [CompletionItem(name) for name in names(ctx, index.nouns()[word]) if name.startswith(incomplete)]

    return complete


def _parents(noun: Noun, taken: Parameters | tuple[()], method: str = "") -> Parameters:
    """`--vm NAME` and its other spellings; spellings that an attribute already has are left to it."""
    parents = [one for one in noun["parents"] if not method or method in one["methods"]]
    names = list(dict.fromkeys(step["noun"] for one in parents for step in one["chain"]))
    holders = _holders(noun)
    used = {spelling for option in taken for spelling in option.opts}
    made: Parameters = []
    for name in names:
        above = index.nouns()[name]
        dashed = above["tag"].replace("_", "-")
        spellings = [f"--{name}", f"--{dashed}", f"--parent-{dashed}", f"--{dashed}-identifier"]
        spellings += [f"--parent-{dashed}-{ending}" for ending in ("name", "id", "identifier")]
        spellings += [f"--{dashed}-{ending}" for ending in ("name", "id")]
        free = [one for one in dict.fromkeys(spellings) if one not in used]
        help_text = f"The {above['title']} that it belongs to, by name or id."
        if name in holders:
            help_text = _HOLDER_HELP.get(method, _HELD).format(title=noun["title"], above=above["title"])
        made.append(
            _ParentOption([*free, parent_key(name)], metavar="NAME", help=help_text, shell_complete=names_of(name))
        )
    return made


_HELD = "The {above} that it is assigned to, by name or id."
_HOLDER_HELP = {
    "add": "Assign an existing {title} to this {above}, by name or id; no {title} is added.",
    "remove": "Only unassign the {title} from this {above}, by name or id; the {title} itself stays.",
}


def _holders(noun: Noun) -> list[str]:
    """The nouns to whose objects this one is assigned."""
    return [step["noun"] for one in noun["parents"] if one["assigned"] for step in one["chain"]]


class _ParentOption(click.Option):
    """Has many spellings, of which help shows one."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return f"{self.opts[0]} NAME", f"{self.help} Also --{self.opts[0].strip('-')}-identifier."


def _form() -> click.Option:
    return click.Option(
        ["-o", "--output", "form"], type=click.Choice(FORMATS), default=session.setting("output"), help="Output format."
    )


def _looks() -> Parameters:
    return [
        _form(),
        click.Option(
            ["--columns"], type=Many(click.STRING), help="Attributes to show, such as name,status,cpu.topology.cores."
        ),
    ]


def _sending() -> Parameters:
    return [
        click.Option(
            ["--json", "json_file"], help="JSON file with the document; options override it; - is standard input."
        ),
        _form(),
        *_waiting(),
    ]


def _waiting() -> Parameters:
    return [
        click.Option(
            ["--dry-run", "query__dry_run"],
            is_flag=True,
            default=None,
            help="Only check whether the request would be accepted.",
        ),
        click.Option(
            ["--wait/--no-wait"],
            default=session.setting("wait"),
            help="Wait until the operation has finished (the default).",
        ),
        click.Option(
            ["--timeout"],
            type=Duration(),
            default=session.setting("timeout"),
            show_default="10m",
            help="How long to wait.",
        ),
    ]


def _attributes(noun: Noun) -> list[tuple[str, str]]:
    shown = []
    for path, entry in readable(noun["attributes"]):
        if entry["type"] == "object" and not entry.get("refers") and not entry.get("many"):
            continue
        kind = ", ".join(entry["choices"]) if entry.get("choices") else entry.get("refers") or entry["type"]
        doc = " ".join(
            part for part in (entry.get("doc", ""), f"[{entry['unit']}]" if entry.get("unit") else "") if part
        )
        shown.append((".".join(path), f"{kind}{' list' if entry.get('many') else ''}. {doc}".strip()))
    return shown


def _where(noun: Noun) -> str:
    return (
        ""
        if noun["rel"]
        else "".join(f" --{step['noun']} {step['noun'].upper()}" for step in noun["parents"][0]["chain"])
    )


def _example_option(entry: dict[str, Any]) -> str:
    flag = "--" + entry["name"].replace("_", "-")
    if entry["type"] == "ref":
        return f"{flag}-name NAME"
    if entry.get("choices"):
        return f"{flag} {entry['choices'][0]}"
    if entry["type"] == "object":
        first = index.nested(entry)[0]
        return f"{flag}-{first['name'].replace('_', '-')} ..."
    return f"{flag} {'10GiB' if entry.get('unit') == 'bytes' else 'true' if entry['type'] == 'bool' else 'NAME'}"
