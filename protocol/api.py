"""What every document is made of: Action, Fault, Version and the entry point."""

from __future__ import annotations

import datetime

import attrs

from protocol import limits
from protocol.document import AT_ONCE, Ref, attribute
from protocol.message import Message, message


@attrs.frozen(kw_only=True)
class Version:
    major: int | None = attribute()
    minor: int | None = attribute()
    build: int | None = attribute()
    revision: int | None = attribute()
    full_version: str | None = attribute()


@message("model.fault")
@attrs.frozen(kw_only=True)
class Fault(Message):
    reason: str | None = attribute()
    detail: str | None = attribute()


@message("model.ticket")
@attrs.frozen(kw_only=True)
class Ticket(Message):
    """A one-time password, for a console or for a host's enrolment."""

    value: str | None = attribute(effect=AT_ONCE, secret=True, characters_max=limits.ticket_characters_max)
    expiry: int | None = attribute(effect=AT_ONCE, unit="s", minimum=1, maximum=limits.ticket_seconds_max)


@attrs.frozen(kw_only=True)
class ProductInfo:
    name: str | None = attribute()
    vendor: str | None = attribute()
    version: Version | None = attribute()
    instance_id: str | None = attribute()


@attrs.frozen(kw_only=True)
class ApiSummaryItem:
    active: int | None = attribute()
    total: int | None = attribute()


@attrs.frozen(kw_only=True)
class ApiSummary:
    hosts: ApiSummaryItem | None = attribute()
    storage_domains: ApiSummaryItem | None = attribute()
    users: ApiSummaryItem | None = attribute()
    vms: ApiSummaryItem | None = attribute()


@attrs.frozen(kw_only=True)
class SpecialObjects:
    blank_template: Ref | None = attribute(refers="Template")
    root_tag: Ref | None = attribute(refers="Tag")


@message("model.api")
@attrs.frozen(kw_only=True)
class Api(Message):
    """The entry point."""

    product_info: ProductInfo | None = attribute()
    special_objects: SpecialObjects | None = attribute()
    summary: ApiSummary | None = attribute()
    time: datetime.datetime | None = attribute()
    authenticated_user: Ref | None = attribute(refers="User")
    effective_user: Ref | None = attribute(refers="User")


def version_of(text: str) -> Version:
    """`6.1.0-18-cloud` as major 6, minor 1, build 0 with the whole text kept."""
    numbers: list[int] = []
    for part in text.replace("-", ".").split("."):
        if not part.isdecimal() or len(numbers) == 4:
            break
        numbers.append(int(part))
    padded = [*numbers, None, None, None, None]
    return Version(major=padded[0], minor=padded[1], build=padded[2], revision=padded[3], full_version=text)
