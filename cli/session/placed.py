"""What a command takes from the place where the shell is: its parents, and the objects that names refer to.

It is kept beside what a person typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli import attach
from cli.index import Noun
from cli.options import parent_key, parents_of, reference_to
from cli.session import locate
from cli.session.place import ShellPlace
from cli.session.session import CliSession

Given = Mapping[str, Any]


def placed(shared: CliSession, noun: Noun, verb: str, given: Given) -> Given:
    """What was given, with what follows from the place where the shell stands."""
    place = shared.place
    if not place.steps:
        return given
    if verb == "add" and attach.wanted(noun, given):
        return {**given, **parents_from(place, attach.attachment(), given, writing=True)}
    reading = verb in ("list", "show")
    if reading or not noun["rel"]:
        return {**given, **parents_from(place, noun, given, writing=not reading)}
    above = parents_from(place, noun, {}, writing=False)
    if not above:
        return given
    if verb == "add":  # a cluster of this data center: the collection at the top takes it, with a reference
        return {**given, **reference_to(noun, place.objects[-1].noun, place.objects[-1].id, given)}
    # Names are looked up here first: at the top the same name may be that of another object.
    within = locate.collection(shared.client(), noun, above)
    return {
        **given,
        "name": locate.find(shared.client(), noun, within, given["name"], parents_of(above)).rpartition("/")[2],
    }


def parents_from(place: ShellPlace, noun: Noun, given: Mapping[str, Any], *, writing: bool) -> dict[str, str]:
    """The parents that the place adds to those of the command line, by the parameter that carries them.

    Only what stands above the given ones: `list statistics --nic nic1` in a VM is about that VM's NIC.
    """
    known = parents_of(given)
    chains = [one["chain"] for one in noun["parents"] if one["methods"] or not writing]
    best: list[Any] = []
    for chain in chains:
        rest = [step["noun"] for step in chain if step["noun"] not in known]
        fits = rest == [step["noun"] for step in chain[: len(rest)]] == [s.noun for s in place.objects[: len(rest)]]
        if fits and len(chain) == len(rest) + len(known):
            if not rest:
                return {}
            best = max(best, rest, key=len)
    return {parent_key(step.noun): step.id for step in place.objects[: len(best)]}
