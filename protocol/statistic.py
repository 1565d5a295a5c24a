"""Statistic: one measured figure of an object, as the API shows it."""

from __future__ import annotations

import attrs

from protocol.document import Document, Ref, attribute
from protocol.message import message


@attrs.frozen(kw_only=True)
class Value:
    datum: float | None = attribute()
    detail: str | None = attribute()


@message("model.statistic")
@attrs.frozen(kw_only=True)
class Statistic(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(column=1)
    description: str | None = attribute(column=4)
    kind: str | None = attribute(choices=("counter", "gauge"))
    type: str | None = attribute(choices=("decimal", "integer", "string"))
    unit: str | None = attribute(
        choices=("bits_per_second", "bytes", "bytes_per_second", "count_per_second", "none", "percent", "seconds"),
        column=3,
    )
    values: tuple[Value, ...] | None = attribute(column=2)
    vm: Ref | None = attribute(refers="Vm")
    host: Ref | None = attribute(refers="Host")
    disk: Ref | None = attribute(refers="Disk")
    nic: Ref | None = attribute(refers="Nic")
    step: Ref | None = attribute(refers="Step")
