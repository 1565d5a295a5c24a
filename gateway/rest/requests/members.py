"""Answers sub-collections: nested objects, members by reference, statistics."""

from __future__ import annotations

from typing import Any

import attrs

from gateway.documents.render import Plain
from gateway.documents.statistics import statistics_of
from gateway.documents.write import DocumentPlace, Writer, nested_items
from gateway.read_model.model import ReadModel
from gateway.rest.requests.collections import Collections
from gateway.rest.requests.commands import CommandSender
from gateway.rest.requests.exchange import Exchange, HttpReply
from gateway.rest.requests.mutations import done, not_served
from protocol.errors import NotFound
from protocol.registry import BY_KIND, SubCollection, element_of, plural_of


@attrs.frozen
class At:
    """Where a walk down the path has come: a document, its place, and the root object's kind and id."""

    document: Any
    place: DocumentPlace
    root_kind: str
    root_id: str


class Members:
    """What lies below one object."""

    def __init__(self, model: ReadModel, writer: Writer, collections: Collections, commands: CommandSender) -> None:
        self._model = model
        self._writer = writer
        self._collections = collections
        self._commands = commands

    async def answer(self, exchange: Exchange, at: At, rest: tuple[str, ...]) -> HttpReply:
        """`rest` is the path below the object: ("nics",), ("nics", "{id}"), ("nics", "{id}", "statistics")."""
        sub = next((sub for sub in at.place.sub if sub.rel == rest[0]), None)
        if sub is None:
            raise not_served(exchange)
        if len(rest) == 1:
            if exchange.method == "GET":
                return await self._list(exchange, at, sub)
            if exchange.method == "POST" and sub.add is not None:
                add = self._assign if sub.source == "assigned" else self._add
                return await add(exchange, at, sub, sub.add)
            raise not_served(exchange)
        if sub.source == "filter":
            return await self._filtered_one(exchange, at, sub, rest)
        if sub.source == "statistics":
            return self._statistic(exchange, at, sub, rest)
        item = self._member(at, sub, rest[1])
        if len(rest) > 2:
            document, place = self._writer.member(sub, item, at.place)
            return await self.answer(exchange, At(document, place, at.root_kind, at.root_id), rest[2:])
        return await self._one(exchange, at, sub, item)

    async def _list(self, exchange: Exchange, at: At, sub: SubCollection) -> HttpReply:
        tag, most = element_of(sub.item), exchange.number("max")
        if sub.source == "filter":
            records = self._writer.filtered(sub, at.root_kind, at.root_id)[:most]
            return await self._collections.many(exchange, sub.tag, tag, records)
        follow = exchange.follow()
        if sub.source == "statistics":
            items = [
                self._writer.document(item, DocumentPlace(f"{at.place.href}/statistics/{item.id}"), follow)
                for item in self._statistics(at)[:most]
            ]
        else:
            members = self._members(at, sub)[:most]
            items = [self._writer.document(*self._writer.member(sub, item, at.place), follow) for item in members]
        return exchange.reply(200, sub.tag, {tag: items})

    async def _one(self, exchange: Exchange, at: At, sub: SubCollection, item: Any) -> HttpReply:
        tag = element_of(sub.item)
        if exchange.method == "GET":
            plain = self._writer.document(*self._writer.member(sub, item, at.place), exchange.follow())
            return exchange.reply(200, tag, plain)
        if exchange.method == "PUT" and sub.update is not None:
            await self._commands.update(exchange, sub.update, sub.item, item.id, parent_id=at.root_id)
            return exchange.reply(200, tag, self._after(at, sub, item.id, item))
        if exchange.method == "DELETE" and sub.remove is not None:
            more = _relation(at, sub) if sub.source == "assigned" else {}
            accepted = await self._commands.remove(exchange, sub.remove, item.id, parent_id=at.root_id, **more)
            return exchange.reply(200, "action", done(accepted))
        raise not_served(exchange)

    async def _add(self, exchange: Exchange, at: At, sub: SubCollection, command: Any) -> HttpReply:
        accepted = await self._commands.add(exchange, command, sub.item, parent_id=at.root_id)
        # The reply names the member, or the VM it went into; then it is the youngest.
        id = accepted.id
        before = {item.id for item in nested_items(at.document, sub)}
        record = self._model.get(at.root_kind, at.root_id)
        members = nested_items(record.document, sub) if record is not None else ()
        if all(item.id != id for item in members):
            id = next((item.id for item in members if item.id not in before), id)
        fallback = accepted.document if isinstance(accepted.document, sub.item) else attrs.evolve(sub.item(), id=id)
        status = 202 if accepted.job_id else 201
        location = ("Location", f"{at.place.href}/{sub.rel}/{id}")
        return exchange.reply(status, element_of(sub.item), self._after(at, sub, id, fallback), location)

    async def _assign(self, exchange: Exchange, at: At, sub: SubCollection, command: Any) -> HttpReply:
        """What is assigned is there already: the body names it, by id or by name."""
        accepted = await self._commands.assign(exchange, command, sub.item, parent_id=at.root_id, **_relation(at, sub))
        plain = self._writer.document(*self._writer.member(sub, accepted.document, at.place))
        return exchange.reply(
            201, element_of(sub.item), plain, ("Location", f"{at.place.href}/{sub.rel}/{accepted.id}")
        )

    def _after(self, at: At, sub: SubCollection, id: str, fallback: Any) -> Plain:
        record = self._model.get(at.root_kind, at.root_id)
        members = nested_items(record.document, sub) if record is not None else ()
        item = next((item for item in members if item.id == id), fallback)
        return self._writer.document(*self._writer.member(sub, item, at.place))

    async def _filtered_one(self, exchange: Exchange, at: At, sub: SubCollection, rest: tuple[str, ...]) -> HttpReply:
        resource = BY_KIND[sub.kind]
        records = self._writer.filtered(sub, at.root_kind, at.root_id)
        record = next((record for record in records if record.id == rest[1]), None)
        if record is None or len(rest) > 2 or exchange.method != "GET":
            if record is None:
                raise _missing(sub, rest[1])
            raise not_served(exchange)
        return await self._collections.get(exchange, resource, record.id)

    def _statistic(self, exchange: Exchange, at: At, sub: SubCollection, rest: tuple[str, ...]) -> HttpReply:
        found = next((item for item in self._statistics(at) if item.id == rest[1]), None)
        if found is None or len(rest) > 2:
            raise _missing(sub, rest[1])
        plain = self._writer.document(found, DocumentPlace(f"{at.place.href}/statistics/{found.id}"))
        return exchange.reply(200, element_of(sub.item), plain)

    def _statistics(self, at: At) -> list[Any]:
        return statistics_of(self._model, at.place.parent_kind, at.place.parent_id, at.place.owner_id)

    def _members(self, at: At, sub: SubCollection) -> tuple[Any, ...]:
        return self._writer.assigned(sub, at.place) if sub.source == "assigned" else nested_items(at.document, sub)

    def _member(self, at: At, sub: SubCollection, id: str) -> Any:
        found = next((item for item in self._members(at, sub) if item.id == id), None)
        if found is None:
            raise _missing(sub, id)
        return found


def _relation(at: At, sub: SubCollection) -> dict[str, str]:
    return {"relation": sub.kind, "holder": at.root_kind}


def _missing(sub: SubCollection, id: str) -> NotFound:
    return NotFound(
        f"There is no {element_of(sub.item)} with the id {id!r:.80} here.", remedy=f"List its {plural_of(sub.item)}.",
        entity=id[:80],
    )  # fmt: skip
