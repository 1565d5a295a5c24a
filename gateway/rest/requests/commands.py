"""Builds commands from documents, query parameters and action bodies, by the registry; sends them to the engine.

It must not decide whether a command is legal: the engine does.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
import trio

from gateway.config import Outside
from gateway.documents.known import is_ovirt_name, unknown
from gateway.documents.parse import Node
from gateway.documents.read import read_document, read_object, read_scalar, to_scalar
from gateway.documents.references import resolve, resolve_reference, resolved_id
from gateway.read_model.engine_client import EnginePort
from gateway.read_model.model import ReadModel
from gateway.rest.requests.exchange import Exchange
from gateway.rest.requests.parameters import of_action, of_assignment, of_change, query_of_change
from protocol import limits
from protocol.attributes import Attribute, attributes
from protocol.command import Add, Command, Update
from protocol.document import About, Document, Ref, about
from protocol.errors import BadInput, NotMade, Refusal, Refused, Unavailable
from protocol.inventory.assignment_commands import Assign
from protocol.live.engine import Accepted, Submit
from protocol.merge import changed_by
from protocol.registry import BY_KIND
from protocol.resource import Action

_action_ignored: Final = frozenset({"async", "href", "id", "link", "status", "actions", "correlation_id"})
_read_own_write_seconds: Final = 5.0


class CommandSender:
    """The way from a request to the engine."""

    def __init__(self, engine: EnginePort, model: ReadModel, outside: Outside, wait_seconds_max: float) -> None:
        self._engine = engine
        self._model = model
        self._outside = outside
        self._wait_seconds_max = wait_seconds_max

    async def add(
        self,
        exchange: Exchange,
        command: type[Add],
        cls: type[Document],
        *,
        kind: str = "",
        parent_id: str = "",
        **more: Any,
    ) -> Accepted:
        exchange.allow(of_change(command, cls))
        node = await exchange.body()
        if node is None:
            raise BadInput("The request has no body.", remedy="Send the object to add.")
        document = read_document(node, cls, adding=True)
        if parent_id == "":
            document = changed_by(document, {"id": None})  # the engine makes ids
        document = resolve(exchange.view, document, cluster_id=self._cluster_of(parent_id))
        fields = self._fields(command, exchange, kind) | more
        accepted = await self.submit(exchange, command(parent_id=parent_id, document=document, **fields))
        if accepted.job_id and "201-created" in exchange.headers.get("expect", "").lower():
            return await self._made(accepted)
        return accepted

    async def _made(self, accepted: Accepted) -> Accepted:
        """Waits until the object is complete: no job then. Raises `NotMade` when it could not be made."""
        with trio.move_on_after(self._wait_seconds_max):
            while (job := self._model.get("job", accepted.job_id)) is not None and job.document.outcome is None:
                await self._model.wait_for(self._model.sequence + 1, self._wait_seconds_max)
            if job is not None and job.document.outcome != "done":
                raise NotMade(
                    job.document.reason or f"{job.document.description} failed.",
                    remedy=f"See job {job.id}.", entity=f"{accepted.kind}/{accepted.id}",
                )  # fmt: skip
            return attrs.evolve(accepted, job_id="")
        return accepted

    async def update(
        self,
        exchange: Exchange,
        command: type[Update] | type[Assign],
        cls: type[Document],
        id: str,
        *,
        kind: str = "",
        parent_id: str = "",
        **more: Any,
    ) -> Accepted:
        exchange.allow(of_change(command, cls))
        node = await exchange.body()
        if node is None:
            raise BadInput("The request has no body.", remedy="Send the attributes to change.")
        document = read_document(node, cls, adding=False)
        if (said := getattr(document, "id", None)) not in (None, "", id):
            raise BadInput(
                f"The body has the id {said!r:.80}, the address {id!r:.80}.",
                remedy="Leave the id out, or send the update to the address of that object.", field="id",
            )  # fmt: skip
        # What lies in sub-collections is changed there; clients send it back with the rest.
        links = {a.name: None for a in attributes(cls) if a.about.link}
        document = changed_by(document, {**links, "id": None})
        document = resolve(exchange.view, document, cluster_id=self._cluster_of(parent_id or id))
        fields = self._fields(command, exchange, kind) | more
        return await self.submit(exchange, command(id=id, parent_id=parent_id, document=document, **fields))

    async def remove(
        self, exchange: Exchange, command: type[Command], id: str, *, kind: str = "", parent_id: str = "", **more: Any
    ) -> Accepted:
        served = dict(query_of_change(command))
        exchange.allow(of_change(command, element=BY_KIND[kind].tag if kind else ""))
        fields = self._fields(command, exchange, kind) | more
        node = await exchange.body()
        for child in node.children if node is not None else ():
            if child.name in served and child.name not in exchange.parameters:
                fields[child.name] = to_scalar(child.text, served[child.name], child.name)
            elif child.name in served:
                raise BadInput(f"{child.name!r} is given twice.", remedy="Send it in the query or in the body.")
            elif child.name not in _action_ignored:
                raise unknown("Action", child.name, "", served)
        return await self.submit(exchange, command(id=id, parent_id=parent_id, **fields))

    async def assign(
        self, exchange: Exchange, command: type[Command], cls: type[Document], *, parent_id: str, **more: Any
    ) -> Accepted:
        """Gives what the body names, by id or by name, to the object `parent_id`; the rest is of the relation."""
        exchange.allow(of_assignment(cls))
        node = await exchange.body()
        if node is None:
            raise BadInput("The request has no body.", remedy="Send the id or the name of the object to assign.")
        said = read_document(node, cls, adding=False)
        id, rest = resolved_id(exchange.view, said), changed_by(said, {"id": None, "name": None})
        fields: dict[str, Any] = {}
        if rest != cls() and "document" in {field.name for field in attrs.fields(command)}:
            fields["document"] = resolve(exchange.view, rest)
        return await self.submit(exchange, command(id=id, parent_id=parent_id, **fields, **more))

    async def act(self, exchange: Exchange, action: Action, id: str, *, parent_id: str = "", **more: Any) -> Accepted:
        exchange.allow(of_action(action))
        node = await exchange.body()
        if node is not None and node.name not in ("", "action"):
            raise BadInput(f"The root element is <{node.name:.80}>.", remedy="Send an <action>.")
        fields = self._parameters(exchange, action, node, parent_id or id) if node is not None else {}
        return await self.submit(exchange, action.command(id=id, parent_id=parent_id, **fields, **more))

    async def submit(self, exchange: Exchange, command: Command) -> Accepted:
        """Sends it and waits until the read model shows it. Raises `Refused` or `Unavailable`."""
        if not self._engine.ready:
            raise Unavailable("The engine is not accepting commands.", remedy="Try again in a few seconds.")
        submit = Submit(
            command_id=self._outside.uuid(),
            principal=exchange.caller.principal,
            command=command,
            correlation_id=exchange.correlation_id() or self._outside.uuid(),
            idempotency_key=exchange.idempotency_key(),
            dry_run=exchange.flag("dry_run"),
        )
        reply: Accepted | Refusal | None = None
        with trio.move_on_after(limits.ask_timeout_seconds):
            reply = await self._engine.submit(submit)
        if reply is None:
            raise Unavailable(
                "The engine did not answer in time; the command may still take effect.",
                remedy=f"Check the object, and the events with correlation id {submit.correlation_id}.",
            )
        if not isinstance(reply, Accepted):
            raise Refused(reply)
        await self._model.wait_for(reply.sequence, _read_own_write_seconds)
        return reply

    def _cluster_of(self, vm_id: str) -> str | None:
        record = self._model.get("vm", vm_id) if vm_id else None
        cluster = record.document.cluster if record is not None else None
        return cluster.id if cluster is not None else None

    def _fields(self, command: type[Command], exchange: Exchange, kind: str) -> dict[str, Any]:
        """Fields of the command that the query may set: `?clone=true`, `?force=true`, `?detach_only=true`."""
        fields: dict[str, Any] = {"kind": kind} if any(f.name == "kind" for f in attrs.fields(command)) else {}
        for name, hint in query_of_change(command):
            if name in exchange.parameters:
                fields[name] = to_scalar(exchange.parameters[name] or "true", hint, name)
        return fields

    def _parameters(self, exchange: Exchange, action: Action, node: Node, vm_id: str) -> dict[str, Any]:
        known = {parameter.name: parameter for parameter in action.parameters}
        served = {field.name for field in attrs.fields(action.command)}
        fields: dict[str, Any] = {}
        for child in node.children:
            parameter = known.get(child.name)
            if parameter is None:
                nothing_asked = not child.children and child.text.lower() in ("", "false")
                if child.name in _action_ignored or (nothing_asked and is_ovirt_name("Action", child.name)):
                    continue
                raise unknown("Action", child.name, action.name, known)
            if attrs.has(parameter.type):
                value = read_object(child, parameter.type, child.name)
                if isinstance(value, Ref):
                    refers = about(attrs.fields_dict(action.command)[child.name]).refers
                    value = resolve_reference(exchange.view, refers, value, child.name)
                else:
                    value = resolve(exchange.view, value, cluster_id=self._cluster_of(vm_id), path=child.name)
            else:
                plain = Attribute(name=child.name, type=parameter.type, many=False, about=About())
                value = read_scalar(child, plain, child.name)
            if child.name in served:
                fields[child.name] = value
        return fields
