"""Answers add, update, remove and actions of root collections."""

from __future__ import annotations

from gateway.documents.addresses import href_of
from gateway.documents.render import Plain
from gateway.documents.write import DocumentPlace, place_of
from gateway.rest.requests import collections
from gateway.rest.requests.commands import CommandSender
from gateway.rest.requests.exchange import Exchange, HttpReply
from protocol.errors import NotFound
from protocol.live.engine import Accepted
from protocol.merge import changed_by
from protocol.registry import BY_KIND
from protocol.resource import Action, Resource


def not_served(exchange: Exchange) -> NotFound:
    return NotFound(
        f"{exchange.method} /{'/'.join(exchange.segments)} is not supported.".replace("\n", " ")[:300],
        remedy="The entry point and ?rsdl list what is supported.",
    )


class Mutations:
    """Writes of root collections."""

    def __init__(self, commands: CommandSender) -> None:
        self._commands = commands

    async def add(self, exchange: Exchange, resource: Resource) -> HttpReply:
        if resource.add is None:
            raise not_served(exchange)
        accepted = await self._commands.add(exchange, resource.add, resource.cls, kind=resource.kind)
        id = accepted.id
        if resource.kind == "event":
            id = id if exchange.view.get(resource.kind, id) else str(accepted.sequence)
        status = 202 if accepted.job_id else 201
        location = ("Location", href_of(resource.rel, id))
        return exchange.reply(status, resource.tag, self._after(exchange, resource, id, accepted), location)

    async def update(self, exchange: Exchange, resource: Resource, id: str) -> HttpReply:
        if resource.update is None:
            raise not_served(exchange)
        collections.find(exchange, resource, id)
        accepted = await self._commands.update(exchange, resource.update, resource.cls, id, kind=resource.kind)
        return exchange.reply(200, resource.tag, self._after(exchange, resource, id, accepted))

    async def remove(self, exchange: Exchange, resource: Resource, id: str) -> HttpReply:
        if resource.remove is None:
            raise not_served(exchange)
        collections.find(exchange, resource, id)
        accepted = await self._commands.remove(exchange, resource.remove, id, kind=resource.kind)
        return exchange.reply(200, "action", done(accepted))

    async def act(self, exchange: Exchange, resource: Resource, id: str, action: Action) -> HttpReply:
        collections.find(exchange, resource, id)
        return acted(exchange, action, await self._commands.act(exchange, action, id))

    def _after(self, exchange: Exchange, resource: Resource, id: str, accepted: Accepted) -> Plain:
        """The object as the read model shows it now; what the engine says when it is not there (any more)."""
        record = exchange.view.get(resource.kind, id)
        if record is not None:
            return exchange.writer.record(record)
        if accepted.document is not None and isinstance(accepted.document, resource.cls):
            return exchange.writer.document(accepted.document, place_of(resource, id))
        return exchange.writer.document(
            changed_by(resource.cls(), {"id": id}), DocumentPlace(href_of(resource.rel, id))
        )


def acted(exchange: Exchange, action: Action, accepted: Accepted) -> HttpReply:
    """The reply to an action, with what it brought."""
    plain = done(accepted)
    if action.result and accepted.result is not None:
        result = getattr(accepted.result, action.result, accepted.result)
        plain[action.result] = exchange.writer.document(result, DocumentPlace())
    return exchange.reply(200, "action", plain)


def done(accepted: Accepted) -> Plain:
    """The body of an action's reply."""
    plain: Plain = {"status": "complete"}
    if accepted.job_id:
        plain["job"] = {"href": href_of(BY_KIND["job"].rel, accepted.job_id), "id": accepted.job_id}
    return plain
