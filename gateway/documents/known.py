"""The attribute names in oVirt's model, so that a refusal can say *not supported yet* instead of *unknown*."""

from __future__ import annotations

import difflib
import functools
import importlib.resources
import json
from collections.abc import Iterable

from protocol.errors import UnknownAttribute


@functools.cache
def ovirt_names() -> dict[str, frozenset[str]]:
    """Attribute names by oVirt type."""
    text = importlib.resources.files("gateway.documents").joinpath("ovirt_names.json").read_text()
    return {name: frozenset(attributes) for name, attributes in json.loads(text).items()}


def is_ovirt_name(type_name: str, name: str) -> bool:
    return name in ovirt_names().get(type_name, ())


def unknown(type_name: str, name: str, path: str, served: Iterable[str]) -> UnknownAttribute:
    """The refusal of an attribute that the registry does not have."""
    where = f"{path}.{name}" if path else name
    if is_ovirt_name(type_name, name):
        return UnknownAttribute(
            f"The attribute {where!r} of {type_name} is not supported in this release.",
            remedy="Leave it out.", field=where,
        )  # fmt: skip
    close = difflib.get_close_matches(name, list(served), 1)
    remedy = f"Did you mean {close[0]!r}?" if close else "Known attributes: " + ", ".join(sorted(served)) + "."
    return UnknownAttribute(f"{type_name} has no attribute {where!r:.200}.", remedy=remedy, field=where)
