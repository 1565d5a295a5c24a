"""Makes lines of the audit trail: a name of `protocol.activity.audit_texts`, what it refers to, and the text's parameters."""

from __future__ import annotations

import re
from typing import Final

from protocol.activity.audit_texts import ORIGIN, TEXTS
from protocol.activity.model import Event
from protocol.document import ref

_OPTIONAL: Final = re.compile(r"\[([^]]*\{(\w+)[^]]*)\]")


def line(
    what: str,
    *,
    user: str | None = None,
    vm: str | None = None,
    host: str | None = None,
    template: str | None = None,
    cluster: str | None = None,
    data_center: str | None = None,
    storage_domain: str | None = None,
    **parameters: str | float,
) -> Event:
    """The line of that name, without its time, which it gets when it is written.

    The named arguments are the ids of what it refers to, by which events are searched; `parameters` are what its text
    shows: names, reasons, numbers. Raises `KeyError` for a name or parameter that is missing.
    """
    said = TEXTS[what]
    return Event(
        code=said.number,
        severity=said.severity,
        description=_rendered(said.text, parameters),
        origin=ORIGIN,
        user=ref(user),
        vm=ref(vm),
        host=ref(host),
        template=ref(template),
        cluster=ref(cluster),
        data_center=ref(data_center),
        storage_domain=ref(storage_domain),
    )


def _rendered(text: str, parameters: dict[str, str | float]) -> str:
    """The text with its parameters. A reason is a sentence or the piece of one; the line has one full stop at its end."""
    shown = _OPTIONAL.sub(lambda part: part[1] if parameters[part[2]] else "", text).format_map(parameters)
    return shown.removesuffix(".") if shown.endswith("..") else shown
