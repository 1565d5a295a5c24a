"""Answers lists and single objects of the root collections, from fragments that are encoded once per version."""

from __future__ import annotations

from typing import Final

import trio

from gateway.documents.addresses import rebase
from gateway.documents.follow import Follow
from gateway.documents.links import Followed
from gateway.documents.render import JSON_TYPE, XML_TYPE, json_bytes, json_list, xml_bytes, xml_list
from gateway.read_model.model import Record
from gateway.rest.requests.exchange import Exchange, HttpReply
from gateway.rest.requests.parameters import of_query, query_of_list, query_of_one
from gateway.search.evaluate import Search, newest_first
from protocol.errors import NotSupportedYet, Refused
from protocol.refusals import not_found
from protocol.registry import BY_KIND
from protocol.resource import Resource

_records_without_pause_max: Final = 100


async def listing(exchange: Exchange, resource: Resource) -> HttpReply:
    exchange.allow(of_query(query_of_list(resource)))
    text = exchange.text("search")
    if text:
        case_sensitive = exchange.flag("case_sensitive", True)
        records = Search(exchange.view).find(resource, text, case_sensitive=case_sensitive)
    else:
        records = exchange.view.all(resource.kind)
        records = newest_first(records) if resource.kind == "job" else records
    if resource.kind == "event" and (after := exchange.number("from")) is not None:
        records = [record for record in records if record.document.index > after]
    if (most := exchange.number("max")) is not None:
        records = records[:most]
    return await many(exchange, resource, resource.plural_tag, records)


async def get(exchange: Exchange, resource: Resource, id: str) -> HttpReply:
    exchange.allow(of_query(query_of_one(resource)))
    record = find(exchange, resource, id)
    _refuse_next_run(exchange, record)
    tag = f'W/"{record.version}-{record.sequence}"'
    if exchange.headers.get("if-none-match") == tag:
        return HttpReply(304, b"", headers=(("ETag", tag),))
    return exchange.fragment(200, _encoded(exchange, record, exchange.follow(_of(resource))), ("ETag", tag))


def _refuse_next_run(exchange: Exchange, record: Record) -> None:
    """The read model holds a VM as it is. That is how it starts next, unless an update waits for that."""
    if exchange.flag("next_run") and getattr(record.document, "next_run_configuration_exists", False):
        raise NotSupportedYet(
            f"What waits for the next start of VM {record.document.name} cannot be shown yet.",
            remedy="Leave next_run out to get the VM as it is now.", entity=f"vm/{record.id}", field="next_run",
        )  # fmt: skip


def find(exchange: Exchange, resource: Resource, id: str) -> Record:
    """Raises `Refused` for what is not there or not to be seen."""
    record = exchange.view.get(resource.kind, id)
    if record is None:
        raise Refused(not_found(resource.kind, id))
    return record


async def many(exchange: Exchange, resource: Resource, plural: str, records: list[Record]) -> HttpReply:
    """A list as a join of fragments. Pauses while it encodes new ones, so that others are served meanwhile."""
    follow = exchange.follow(_of(resource))
    as_json = exchange.wants_json
    fragments: list[bytes] = []
    made = 0
    for record in records:
        known = None if follow else (record.json if as_json else record.xml)
        if known is None:
            known = _encoded(exchange, record, follow)
            made += 1
            if follow or made % _records_without_pause_max == 0:
                await trio.lowlevel.checkpoint()
        fragments.append(known)
    body = json_list(resource.tag, fragments) if as_json else xml_list(plural, fragments)
    return HttpReply(200, rebase(body, exchange.base), JSON_TYPE if as_json else XML_TYPE)


def _of(resource: Resource) -> Followed:
    return Followed(resource.cls, resource.sub)


def _encoded(exchange: Exchange, record: Record, follow: Follow) -> bytes:
    """One entity without declaration. Without followed links it is the same for all who see it, and kept with the
    record."""
    as_json = exchange.wants_json
    kept = record.json if as_json else record.xml
    if kept is not None and not follow:
        return kept
    plain = exchange.writer.record(record, follow)
    fragment = json_bytes(plain) if as_json else xml_bytes(BY_KIND[record.kind].tag, plain)
    if not follow:
        if as_json:
            record.json = fragment
        else:
            record.xml = fragment
    return fragment
