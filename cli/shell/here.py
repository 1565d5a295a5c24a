"""Completes a line from the current place: `list` in `/vms/web1/nics` lists the NICs of web1.

Parents are filled in where the command runs.
"""

from __future__ import annotations

from cli import index
from cli.problems import SyntaxProblem
from cli.session.place import ShellPlace
from cli.tree.root import VERB_ALIASES, VERBS


def spelled_out(place: ShellPlace, words: list[str]) -> list[str]:
    """The words with the object spelled out that they leave to the place. Raises `SyntaxProblem` where there is none."""
    noun = place.noun
    verb = VERB_ALIASES.get(words[0], words[0])
    rest = words[1:]
    if verb in VERBS and rest and index.find(rest[0]):
        return words
    if verb == "list" and not rest and (noun is None or place.object_id):
        return ["collections"]
    if noun is None:
        return words
    chosen = [place.object_id] if place.object_id else []
    if words[0] == "console" and noun["name"] == "vm" and chosen and (not rest or rest[0].startswith("-")):
        return ["console", *chosen, *rest]
    if verb == "action":
        return ["action", noun["name"], *chosen, *rest]
    if verb in ("list", "add") and chosen and rest[:1] not in (["--help"], ["-h"]):
        below = [one["name"] for one in place.collections().values() if verb == "list" or one["add"]]
        what = f" Here: {', '.join(f'{verb} {name}' for name in below)}" if below else ""
        raise SyntaxProblem(f"{place} is a single {noun['title']}: say what to {verb}.{what}")
    if verb in VERBS or verb in noun["actions"]:
        return [noun["name"], verb, *(chosen if verb not in ("list", "add") else []), *rest]
    return words


def help_text(place: ShellPlace) -> str:
    """What can be done here, in a few lines; nothing at the top."""
    noun = place.noun
    if noun is None:
        return ""
    name = noun["title"]
    lines = []
    if place.object_id:
        called = place.called(place.object_id)
        lines += [("show", f"Show {name} {called}")]
        lines += [(verb, f"{verb.title()} {name} {called}") for verb in ("update", "remove") if noun[verb]]
        lines += [(action, entry["doc"]) for action, entry in noun["actions"].items()]
        lines += [("list", "List its collections")] if place.collections() else []
        lines += [(f"cd {rel}", f"Go to its {below['title']}s") for rel, below in place.collections().items()]
    else:
        lines += [("list", f"List {name}s"), ("show NAME", f"Show one {name}")]
        lines += [("add ...", noun["add"]["doc"])] if noun["add"] else []
        lines += [(f"{verb} NAME", noun[verb]["doc"]) for verb in ("update", "remove") if noun[verb]]
        lines += [(f"{action} NAME", entry["doc"]) for action, entry in noun["actions"].items()]
        lines += [("cd NAME", f"Go to one {name}")]
    lines += [("cd ..", "Go up")]
    width = max(len(words) for words, _ in lines)
    return "\n".join([f"Here, in {place}:", *(f"  {words:<{width}}  {meaning}" for words, meaning in lines)])
