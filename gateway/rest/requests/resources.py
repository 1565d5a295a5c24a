"""Finds the handler for a path of the REST API, by the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.documents.write import place_of
from gateway.rest.requests import collections
from gateway.rest.requests.entry import EntryPoint
from gateway.rest.requests.exchange import Exchange, HttpReply
from gateway.rest.requests.members import At, Members
from gateway.rest.requests.mutations import Mutations, not_served
from gateway.rest.requests.parameters import Known
from protocol.errors import CorralError
from protocol.registry import BY_REL
from protocol.resource import Resource

Describe = Callable[[Exchange], Awaitable[HttpReply]]
_methods: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})


class MethodNotAllowed(CorralError):
    """405: the path is there, the method is not."""

    code = "method_not_allowed"
    status = 405


class Resources:
    """The tree of routes."""

    def __init__(
        self,
        entry: EntryPoint,
        mutations: Mutations,
        members: Members,
        describe: dict[str, Describe],
    ) -> None:
        self._entry = entry
        self._mutations = mutations
        self._members = members
        self._describe = describe

    async def answer(self, exchange: Exchange) -> HttpReply:
        if exchange.method not in _methods:
            raise MethodNotAllowed(f"{exchange.method} is not supported.", remedy="Use GET, POST, PUT or DELETE.")
        segments = exchange.segments
        if not segments:
            exchange.allow(Known(query=self._describe))
            for name, describe in self._describe.items():
                if name in exchange.parameters:
                    return await describe(exchange)
            self._only(exchange, "GET")
            return await self._entry.get(exchange)
        if segments[0] in self._describe and len(segments) == 1:
            exchange.allow(Known())
            return await self._describe[segments[0]](exchange)
        resource = BY_REL.get(segments[0])
        if resource is None:
            raise not_served(exchange)
        if len(segments) == 1:
            return await self._collection(exchange, resource)
        if len(segments) == 2:
            return await self._object(exchange, resource, segments[1])
        return await self._below(exchange, resource, segments[1], segments[2:])

    async def _collection(self, exchange: Exchange, resource: Resource) -> HttpReply:
        if exchange.method == "GET":
            return await collections.listing(exchange, resource)
        self._only(exchange, "POST")
        return await self._mutations.add(exchange, resource)

    async def _object(self, exchange: Exchange, resource: Resource, id: str) -> HttpReply:
        if exchange.method == "GET":
            return await collections.get(exchange, resource, id)
        if exchange.method == "PUT":
            return await self._mutations.update(exchange, resource, id)
        self._only(exchange, "DELETE")
        return await self._mutations.remove(exchange, resource, id)

    async def _below(self, exchange: Exchange, resource: Resource, id: str, rest: tuple[str, ...]) -> HttpReply:
        if len(rest) == 1 and exchange.method == "POST":
            action = next((action for action in resource.actions if action.name == rest[0]), None)
            if action is not None:
                return await self._mutations.act(exchange, resource, id, action)
        record = collections.find(exchange, resource, id)
        at = At(record.document, place_of(resource, id), resource.kind, id)
        return await self._members.answer(exchange, at, rest)

    def _only(self, exchange: Exchange, method: str) -> None:
        if exchange.method != method:
            path = "/".join(exchange.segments)
            raise MethodNotAllowed(f"{exchange.method} is not supported on /{path:.200}.", remedy=f"Use {method}.")
