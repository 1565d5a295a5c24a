"""What a request may say in its query, or as a matrix parameter: everything else is refused by its name, before anything
is done."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import attrs

from protocol.attributes import attributes
from protocol.command import ADDRESS_FIELDS
from protocol.errors import BadInput, NotSupportedYet
from protocol.resource import Action, Resource

Query = tuple[tuple[str, type[Any]], ...]

OF_ONE: Final[Query] = (("follow", str), ("all_content", bool))
OF_A_LIST: Final[Query] = (("max", int), *OF_ONE)
OF_A_SEARCH: Final[Query] = (("search", str), ("case_sensitive", bool), *OF_A_LIST)

_of_every_request: Final = frozenset({"correlation_id", "filter"})
_of_every_change: Final = frozenset({"async", "dry_run"})
_more_of_one: Final[Mapping[str, Query]] = {"vm": (("next_run", bool),)}
_more_of_a_list: Final[Mapping[str, Query]] = {"event": (("from", int),)}

_no_effect: Final[Mapping[str, frozenset[str]]] = {
    "storage_domain": frozenset({"host"}),  # the host that holds its directory detaches it, whichever is named
    "graphics_console": frozenset({"current"}),  # a console of the next run would be no other
}
"""Of oVirt's parameters those that ask for what happens anyway, by the element that they are of."""

_asks_for_nothing: Final[Mapping[str, Mapping[str, str]]] = {
    "GET": {
        "check_vms_in_affinity_closure": "false", "migration_target_of": "", "ovf_as_ova": "false", "unregistered": "false",
    },
    "POST": {
        "activate": "true", "auto_pinning_policy": "disabled", "clone_permissions": "false",
        "deploy_hosted_engine": "false", "reboot": "false", "seal": "false", "undeploy_hosted_engine": "false",
    },
    "DELETE": {"destroy": "false", "format": "false"},
}  # fmt: skip
"""Of oVirt's parameters those that are not served, by the method, each with the value that changes nothing."""


def query_of_one(resource: Resource) -> Query:
    """Of a `GET` of one object."""
    return (*OF_ONE, *_more_of_one.get(resource.kind, ()))


def query_of_list(resource: Resource) -> Query:
    """Of a `GET` of a root collection."""
    return (*OF_A_SEARCH, *_more_of_a_list.get(resource.kind, ()))


def query_of_change(command: type[Any]) -> Query:
    """Of an add, an update or a removal: the fields of the command that neither path nor body says."""
    hints = typing.get_type_hints(command)
    return tuple(
        (name, hint) for name, hint in hints.items() if name not in ADDRESS_FIELDS and hint in (bool, str, int)
    )


@attrs.frozen(kw_only=True)
class Known:
    """The parameters of one link. `element`: what it is of; `in_body`: those that a client sends in the body instead."""

    query: Collection[str] = ()
    in_body: Collection[str] = ()
    element: str = ""


def of_query(query: Query, element: str = "") -> Known:
    return Known(query=[name for name, _ in query], element=element)


def of_change(command: type[Any], cls: type[Any] | None = None, element: str = "") -> Known:
    """`cls`: of the document in the body."""
    in_body = [attribute.xml for attribute in attributes(cls)] if cls is not None else []
    query = [*(name for name, _ in query_of_change(command)), *_of_every_change]
    return Known(query=query, in_body=in_body, element=element)


def of_assignment(cls: type[Any]) -> Known:
    return Known(query=_of_every_change, in_body=[attribute.xml for attribute in attributes(cls)])


def of_action(action: Action) -> Known:
    return Known(query=_of_every_change, in_body=[parameter.name for parameter in action.parameters])


def refuse_unknown(method: str, given: Mapping[str, str], known: Known) -> None:
    """Raises `BadInput` or `NotSupportedYet` for the first one that would be ignored."""
    served = {*known.query, *_no_effect.get(known.element, ())}
    for name, value in given.items():
        if name in served or name.lower() in _of_every_request:
            continue
        if name in known.in_body:
            raise BadInput(
                f"{name!r} is given in the query, where it is not read.",
                remedy=f"Send it in the body: <{name}>, or {{\"{name}\": ...}}.", field=name,
            )  # fmt: skip
        nothing = _asks_for_nothing.get(method, {}).get(name)
        if nothing is None:
            raise _unknown(name, served)
        if value.lower() != nothing:
            or_send = f" or send {nothing}" if nothing else ""
            raise NotSupportedYet(
                f"The parameter {name!r} is not supported yet.", remedy=f"Leave it out{or_send}.", field=name
            )


def _unknown(name: str, served: Iterable[str]) -> BadInput:
    listed = sorted(served)
    close = difflib.get_close_matches(name, listed, 1)
    remedy = f"Known here: {', '.join(listed)}." if listed else "Leave it out: nothing is known here."
    if close:
        remedy = f"Did you mean {close[0]!r}? {remedy}"
    return BadInput(f"There is no parameter {name!r:.80} here.", remedy=remedy, field=name[:80])
