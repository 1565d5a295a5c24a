"""Answers add, update, remove and actions of root collections."""

from __future__ import annotations

import attrs

from gateway.documents.addresses import href_of
from gateway.documents.render import Plain
from gateway.documents.write import DocumentPlace, Writer, place_of
from gateway.rest.requests.collections import Collections
from gateway.rest.requests.commands import CommandSender
from gateway.rest.requests.exchange import Exchange, HttpReply
from protocol.errors import NotFound
from protocol.live.engine import Accepted
from protocol.registry import BY_KIND, Action, Resource


def not_served(exchange: Exchange) -> NotFound:
    return NotFound(
        f"{exchange.method} /{'/'.join(exchange.segments)} is not supported.".replace("\n", " ")[:300],
        remedy="The entry point and ?rsdl list what is supported.",
    )


class Mutations:
    """Writes of root collections."""

    def __init__(self, commands: CommandSender, collections: Collections, writer: Writer) -> None:
        self._commands = commands
        self._collections = collections
        self._writer = writer

    async def add(self, exchange: Exchange, resource: Resource) -> HttpReply:
        if resource.add is None:
            raise not_served(exchange)
        accepted = await self._commands.add(exchange, resource.add, resource.cls, kind=resource.kind)
        id = accepted.id
        if resource.kind == "event":
            id = id if self._collections.known(resource, id) else str(accepted.sequence)
        status = 202 if accepted.job_id else 201
        location = ("Location", href_of(resource.rel, id))
        return exchange.reply(status, resource.tag, self._after(resource, id, accepted), location)

    async def update(self, exchange: Exchange, resource: Resource, id: str) -> HttpReply:
        if resource.update is None:
            raise not_served(exchange)
        self._collections.find(resource, id)
        accepted = await self._commands.update(exchange, resource.update, resource.cls, id, kind=resource.kind)
        return exchange.reply(200, resource.tag, self._after(resource, id, accepted))

    async def remove(self, exchange: Exchange, resource: Resource, id: str) -> HttpReply:
        if resource.remove is None:
            raise not_served(exchange)
        self._collections.find(resource, id)
        accepted = await self._commands.remove(exchange, resource.remove, id, kind=resource.kind)
        return exchange.reply(200, "action", done(accepted))

    async def act(self, exchange: Exchange, resource: Resource, id: str, action: Action) -> HttpReply:
        self._collections.find(resource, id)
        accepted = await self._commands.act(exchange, action, id)
        plain = done(accepted)
        if action.result and accepted.result is not None:
            result = getattr(accepted.result, action.result, accepted.result)
            plain[action.result] = self._writer.document(result, DocumentPlace())
        return exchange.reply(200, "action", plain)

    def _after(self, resource: Resource, id: str, accepted: Accepted) -> Plain:
        """The object as the read model shows it now; what the engine says when it is not there (any more)."""
        record = self._collections.known(resource, id)
        if record is not None:
            return self._writer.record(record)
        if accepted.document is not None and isinstance(accepted.document, resource.cls):
            return self._writer.document(accepted.document, place_of(resource, id))
        return self._writer.document(attrs.evolve(resource.cls(), id=id), DocumentPlace(href_of(resource.rel, id)))


def done(accepted: Accepted) -> Plain:
    """The body of an action's reply."""
    plain: Plain = {"status": "complete"}
    if accepted.job_id:
        plain["job"] = {"href": href_of(BY_KIND["job"].rel, accepted.job_id), "id": accepted.job_id}
    return plain
