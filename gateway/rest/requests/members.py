"""Answers sub-collections: nested objects, members by reference, statistics."""

from __future__ import annotations

from typing import Any

import attrs

from gateway.documents.follow import Follow
from gateway.documents.links import Followed
from gateway.documents.render import Plain
from gateway.documents.statistics import statistics_of
from gateway.documents.write import NOTHING, DocumentPlace, nested_items, place_of
from gateway.rest.requests import collections
from gateway.rest.requests.commands import CommandSender
from gateway.rest.requests.exchange import Exchange, HttpReply
from gateway.rest.requests.mutations import acted, done, not_served
from gateway.rest.requests.parameters import OF_A_LIST, OF_ONE, of_query
from protocol.command import Add, Command
from protocol.document import Document, Identified, id_of
from protocol.errors import Refused
from protocol.live.engine import Accepted
from protocol.merge import changed_by
from protocol.names import element_of, title_of
from protocol.refusals import not_found
from protocol.registry import BY_KIND
from protocol.resource import SubCollection
from protocol.statistic import Statistic


@attrs.frozen
class At:
    """Where a walk down the path has come: a document, its place, the root object's kind and id, and the ids of the members
    between the two."""

    document: Document
    place: DocumentPlace
    root_kind: str
    root_id: str
    member_ids: tuple[str, ...] = ()


class Members:
    """What lies below one object."""

    def __init__(self, commands: CommandSender) -> None:
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
                if issubclass(sub.add, Add):
                    return await self._add(exchange, at, sub, sub.add)
                return await self._assign(exchange, at, sub, sub.add)
            raise not_served(exchange)
        if sub.source == "statistics":
            return self._statistic(exchange, at, sub, rest)
        item = self._member(exchange, at, sub, rest[1])
        if len(rest) == 2:
            return await self._one(exchange, at, sub, item)
        action = next((action for action in sub.actions if action.name == rest[2]), None)
        if action is not None and len(rest) == 3 and exchange.method == "POST":
            above = _above(at, sub, action.command)
            return acted(exchange, action, await self._commands.act(exchange, action, id_of(item), **above))
        document, place = exchange.writer.member(sub, item, at.place)
        return await self.answer(
            exchange, At(document, place, at.root_kind, at.root_id, (*at.member_ids, rest[1])), rest[2:]
        )

    async def _list(self, exchange: Exchange, at: At, sub: SubCollection) -> HttpReply:
        tag = element_of(sub.item)
        exchange.allow(of_query(OF_A_LIST, tag))
        most = exchange.number("max")
        if sub.source == "filter":
            records = exchange.writer.filtered(sub, at.root_kind, at.root_id)[:most]
            return await collections.many(exchange, BY_KIND[sub.kind], sub.tag, records)
        follow = exchange.follow(Followed(sub.item, sub.sub))
        if sub.source == "statistics":
            items = [
                exchange.writer.document(item, DocumentPlace(f"{at.place.href}/statistics/{item.id}"), follow)
                for item in self._statistics(exchange, at)[:most]
            ]
        else:
            members = self._members(exchange, at, sub)[:most]
            items = [self._plain(exchange, at, sub, item, follow) for item in members]
        return exchange.reply(200, sub.tag, {tag: items})

    async def _one(self, exchange: Exchange, at: At, sub: SubCollection, item: Identified) -> HttpReply:
        tag = element_of(sub.item)
        if exchange.method == "GET":
            if sub.source == "filter":
                return await collections.get(exchange, BY_KIND[sub.kind], id_of(item))
            exchange.allow(of_query(OF_ONE, tag))
            follow = exchange.follow(Followed(sub.item, sub.sub))
            return exchange.reply(200, tag, self._plain(exchange, at, sub, item, follow))
        if exchange.method == "PUT" and sub.update is not None:
            above = _above(at, sub, sub.update)
            await self._commands.update(exchange, sub.update, _sent_to(sub), id_of(item), **above)
            return exchange.reply(200, tag, self._after(exchange, at, sub, id_of(item), item))
        if exchange.method == "DELETE" and sub.remove is not None:
            above = _above(at, sub, sub.remove)
            accepted = await self._commands.remove(exchange, sub.remove, id_of(item), **above)
            return exchange.reply(200, "action", done(accepted))
        raise not_served(exchange)

    async def _add(self, exchange: Exchange, at: At, sub: SubCollection, command: type[Add]) -> HttpReply:
        accepted = await self._commands.add(exchange, command, _sent_to(sub), **_above(at, sub, command))
        # The reply names the member, or the VM it went into; then it is the youngest.
        id = accepted.id
        before = {item.id for item in nested_items(at.document, sub)}
        record = exchange.view.get(at.root_kind, at.root_id)
        members = nested_items(record.document, sub) if record is not None else ()
        if all(item.id != id for item in members):
            id = next((id_of(item) for item in members if item.id not in before), id)
        plain = self._after(exchange, at, sub, id, _accepted_as(sub, accepted, id))
        status = 202 if accepted.job_id else 201
        location = ("Location", f"{at.place.href}/{sub.rel}/{id}")
        return exchange.reply(status, element_of(sub.item), plain, location)

    async def _assign(self, exchange: Exchange, at: At, sub: SubCollection, command: type[Command]) -> HttpReply:
        """What is assigned is there already: the body names it, by id or by name."""
        accepted = await self._commands.assign(exchange, command, _sent_to(sub), **_above(at, sub, command))
        location = ("Location", f"{at.place.href}/{sub.rel}/{accepted.id}")
        plain = self._after(exchange, at, sub, accepted.id, _accepted_as(sub, accepted, accepted.id))
        return exchange.reply(201, element_of(sub.item), plain, location)

    def _after(self, exchange: Exchange, at: At, sub: SubCollection, id: str, fallback: Identified) -> Plain:
        """The member as it is shown now."""
        record = exchange.view.get(at.root_kind, at.root_id)
        members = self._members(exchange, attrs.evolve(at, document=record.document), sub) if record is not None else ()
        return self._plain(exchange, at, sub, next((item for item in members if item.id == id), fallback))

    def _plain(
        self, exchange: Exchange, at: At, sub: SubCollection, item: Identified, follow: Follow = NOTHING
    ) -> Plain:
        if sub.source == "filter":
            return exchange.writer.document(item, place_of(BY_KIND[sub.kind], id_of(item)), follow)
        return exchange.writer.document(*exchange.writer.member(sub, item, at.place), follow)

    def _statistic(self, exchange: Exchange, at: At, sub: SubCollection, rest: tuple[str, ...]) -> HttpReply:
        found = next((item for item in self._statistics(exchange, at) if item.id == rest[1]), None)
        if found is None or len(rest) > 2:
            raise _missing(at, sub, rest[1])
        if exchange.method != "GET":
            raise not_served(exchange)
        exchange.allow(of_query(OF_ONE))
        place = DocumentPlace(f"{at.place.href}/statistics/{found.id}")
        plain = exchange.writer.document(found, place, exchange.follow(Followed(sub.item)))
        return exchange.reply(200, element_of(sub.item), plain)

    def _statistics(self, exchange: Exchange, at: At) -> list[Statistic]:
        return statistics_of(exchange.view.whole, at.place.parent_kind, at.place.parent_id, at.place.owner_id)

    def _members(self, exchange: Exchange, at: At, sub: SubCollection) -> tuple[Identified, ...]:
        if sub.source == "filter":
            return tuple(record.document for record in exchange.writer.filtered(sub, at.root_kind, at.root_id))
        return exchange.writer.assigned(sub, at.place) if sub.source == "assigned" else nested_items(at.document, sub)

    def _member(self, exchange: Exchange, at: At, sub: SubCollection, id: str) -> Identified:
        found = next((item for item in self._members(exchange, at, sub) if item.id == id), None)
        if found is None:
            raise _missing(at, sub, id)
        return found


def _sent_to(sub: SubCollection) -> type[Document]:
    """What a client may add to it, or change in it."""
    assert issubclass(sub.item, Document)
    return sub.item


def _accepted_as(sub: SubCollection, accepted: Accepted, id: str) -> Identified:
    """The member as the engine says it is, for as long as nothing shows it."""
    return accepted.document if isinstance(accepted.document, sub.item) else changed_by(sub.item(), {"id": id})


def _above(at: At, sub: SubCollection, command: type[Command]) -> dict[str, Any]:
    """What a command on a member says besides its id: all that the member lies in, and of an assignment both kinds."""
    fields = {field.name for field in attrs.fields(command)}
    said = {"parent_id": at.root_id, "member_ids": at.member_ids, "relation": sub.kind, "holder": at.root_kind}
    return {name: value for name, value in said.items() if name in fields}


def _missing(at: At, sub: SubCollection, id: str) -> Refused:
    return Refused(not_found(element_of(sub.item), id, within=f"{title_of(at.root_kind)} {at.root_id}"))
