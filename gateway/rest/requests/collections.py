"""Answers lists and single objects of the root collections, from fragments that are encoded once per version."""

from __future__ import annotations

from typing import Final

import trio

from gateway.documents.addresses import rebase
from gateway.documents.follow import Follow
from gateway.documents.render import JSON_TYPE, XML_TYPE, json_bytes, json_list, xml_bytes, xml_list
from gateway.documents.write import Writer
from gateway.read_model.model import ReadModel, Record
from gateway.rest.requests.exchange import Exchange, HttpReply
from gateway.search.evaluate import Search
from protocol.errors import NotFound
from protocol.registry import BY_KIND, Resource

_records_without_pause_max: Final = 100


class Collections:
    """Reads of root collections."""

    def __init__(self, model: ReadModel, writer: Writer, search: Search) -> None:
        self._model = model
        self._writer = writer
        self._search = search

    async def listing(self, exchange: Exchange, resource: Resource) -> HttpReply:
        text = exchange.text("search")
        records = self._model.all(resource.kind)
        if text:
            records = self._search.find(resource, text, case_sensitive=exchange.flag("case_sensitive", True))
        if resource.kind == "event" and (after := exchange.number("from")) is not None:
            records = [record for record in records if record.document.index > after]
        if (most := exchange.number("max")) is not None:
            records = records[:most]
        return await self.many(exchange, resource.plural_tag, resource.tag, records)

    async def get(self, exchange: Exchange, resource: Resource, id: str) -> HttpReply:
        record = self.find(resource, id)
        tag = f'W/"{record.version}-{record.sequence}"'
        if exchange.headers.get("if-none-match") == tag:
            return HttpReply(304, b"", headers=(("ETag", tag),))
        return exchange.fragment(200, self.encoded(record, exchange.wants_json, exchange.follow()), ("ETag", tag))

    def known(self, resource: Resource, id: str) -> Record | None:
        return self._model.get(resource.kind, id)

    def find(self, resource: Resource, id: str) -> Record:
        record = self._model.get(resource.kind, id)
        if record is None:
            raise NotFound(
                f"There is no {resource.tag} with the id {id!r:.80}.", remedy=f"List /{resource.rel}.", entity=id[:80]
            )
        return record

    async def many(self, exchange: Exchange, plural: str, tag: str, records: list[Record]) -> HttpReply:
        """A list as a join of fragments. Pauses while it encodes new ones, so that others are served meanwhile."""
        follow = exchange.follow()
        as_json = exchange.wants_json
        fragments: list[bytes] = []
        made = 0
        for record in records:
            known = None if follow else (record.json if as_json else record.xml)
            if known is None:
                known = self.encoded(record, as_json, follow)
                made += 1
                if made % _records_without_pause_max == 0:
                    await trio.lowlevel.checkpoint()
            fragments.append(known)
        body = json_list(tag, fragments) if as_json else xml_list(plural, fragments)
        return HttpReply(200, rebase(body, exchange.base), JSON_TYPE if as_json else XML_TYPE)

    def encoded(self, record: Record, as_json: bool, follow: Follow) -> bytes:
        """One entity without declaration; kept with the record unless links are followed."""
        if not follow:
            kept = record.json if as_json else record.xml
            if kept is not None:
                return kept
        plain = self._writer.record(record, follow)
        fragment = json_bytes(plain) if as_json else xml_bytes(BY_KIND[record.kind].tag, plain)
        if not follow:
            if as_json:
                record.json = fragment
            else:
                record.xml = fragment
        return fragment
