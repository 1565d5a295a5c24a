"""Where every command of a user comes in: stored outcome, authorization, the right actor, the reply.

It must not decide: refusals come from `authorize` and from the entity's actor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from actors.access.authorize import authorize
from actors.access.touched import touched
from actors.entity.cancel import over
from actors.entity.ids import derived_id, object_id_of
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.entity.supported import refused
from actors.journal.port import Journal, JournalError
from actors.kernel.ref import ActorRef
from protocol import limits
from protocol.activity.audit import line
from protocol.activity.commands import CancelJob
from protocol.activity.model import Event, Job
from protocol.codec import CodecError, decode, encode
from protocol.command import Add, Command
from protocol.errors import BadInput, Conflict, CorralError, Refusal, Unavailable
from protocol.live.engine import Accepted, Submit
from protocol.message import message_type
from protocol.names import title_of
from protocol.refusals import invalid, not_found
from protocol.registry import BY_KIND, RESOURCES, Resource, SubCollection, actions_below, below, commands_of

Route = tuple[str, Callable[[Command], str]]


def _own(command: Command) -> str:
    return command.id


def _parent(command: Command) -> str:
    return command.parent_id


def _main(_: Command) -> str:
    return "main"


def _routes() -> Iterator[tuple[type[Command], Route]]:
    for resource in RESOURCES:
        for command in (*commands_of(resource), *resource.internal):
            yield command, _server_of(resource)
        for sub in below(resource):
            yield from ((command, _server_of_member(resource, sub)) for command in commands_of(sub))


def _server_of(resource: Resource) -> Route:
    return resource.served_by, _main if resource.served_by != resource.kind else _own


def _server_of_member(resource: Resource, sub: SubCollection) -> Route:
    """Parts go to the object that they are part of, assignments to the inventory; what has an actor of its own goes there,
    and with it what it is in the parent: a storage domain in a data center."""
    if sub.source == "assigned":
        return "inventory", _main
    return _server_of(BY_KIND[sub.kind]) if sub.source == "filter" else (resource.kind, _parent)


ROUTES: dict[type[Command], Route] = dict(_routes())
"""Which actor a command goes to, by the registry: the kind, and what of the command is its id."""

SHOWN_ONCE: Final = frozenset(each.command for one in RESOURCES for each in actions_below(one) if each.result)
"""Commands whose answer is shown once and stored nowhere."""


def _unsayable(command: Command) -> Refusal | None:
    """Refuses here what no message can carry, a lone surrogate or a number of more than 64 bits, before an actor
    fails when it writes its event."""
    try:
        encode(command)
    except (UnicodeEncodeError, OverflowError, CodecError) as error:
        return invalid("", f"The command holds a value that cannot be kept: {error}.")
    return None


def _no_key(command: Command) -> Refusal:
    return BadInput(
        f"An idempotency key cannot be used with {message_type(command).tag.removeprefix('command.')}: what it answers is a "
        "secret, which is kept nowhere. Nothing was done.",
        remedy="Send the request without the key; repeating it gives a new secret.",
        field="Idempotency-Key",
    ).refusal


def _key_used(key: str) -> Refusal:
    return Conflict(
        f"The idempotency key {key!r} was used for another request. Nothing was done.",
        remedy="Use a new key for each new request, and the old one only to repeat the same one.",
        field="Idempotency-Key",
    ).refusal


class CommandRouter:
    """One per engine. `submit` never raises: what goes wrong is a refusal."""

    def __init__(
        self,
        rows: Rows,
        journal: Journal,
        ensure: Callable[[str, str], ActorRef | None],
        available: Callable[[], bool],
        audit: Callable[[Event], None],
    ) -> None:
        self._rows = rows
        self._journal = journal
        self._ensure = ensure
        self._available = available
        self._audit = audit
        self._under_way: dict[str, str] = {}  # digests of requests with an idempotency key, by the command's id

    def _receiver(self, command: Command) -> tuple[str, str]:
        """The kind and id of the actor that a command goes to: one on a job to the object that the job works on."""
        kind, id_of = ROUTES[type(command)]
        id = id_of(command)
        if isinstance(job := self._rows.document(kind, id), Job):
            kind, _, id = (job.object or "").partition("/")
        return kind, id

    def _not_running(self, job_id: str) -> Refusal | None:
        """Why a job cannot be cancelled whatever it does: nobody knows it, or it has ended."""
        job = self._rows.get(Job, job_id)
        if job is None:
            return not_found("job", job_id)
        return over(job_id, job) if job.outcome else None

    def _about(self, command: Command, kind: str, id: str) -> tuple[str, str]:
        """The kind and id of the object that a command is about; the inventory's commands name their kind."""
        return getattr(command, "kind", kind), command.id if kind == "inventory" else id

    async def submit(self, submit: Submit) -> Accepted | Refusal:
        """Carries one command to its actor and the answer back."""
        try:
            return await self._submit(submit)
        except CorralError as error:
            return error.refusal
        except JournalError as error:
            return Unavailable(f"The journal is away: {error}").refusal

    async def _submit(self, submit: Submit) -> Accepted | Refusal:
        command = submit.command
        route = ROUTES.get(type(command)) if isinstance(command, Command) else None
        if route is None or not isinstance(command, Command):
            return invalid("command", f"There is no command {type(command).__name__}.")
        digest = ""
        if submit.idempotency_key:
            id = derived_id(submit.principal.user_id, f"command with the key {submit.idempotency_key}")
            submit = attrs.evolve(submit, command_id=id)
        _, id_of = route
        if isinstance(command, Add) and not command.id and id_of is _own:
            command = attrs.evolve(command, id=object_id_of(submit.command_id))
        kind, id = self._receiver(command)
        refusal = _unsayable(command)
        if refusal is not None:
            return refusal
        if submit.idempotency_key:
            if type(command) in SHOWN_ONCE:
                return _no_key(command)
            digest = hashlib.sha256(encode(submit.command)).hexdigest()
        objects = touched(command, *self._about(command, kind, id), self._rows)
        refusal = authorize(submit.principal, command, objects, self._rows)
        if refusal is not None:
            by, what = submit.principal, message_type(command).tag.removeprefix("command.")
            self._audit(line("access_denied", user=by.user_id, user_name=by.name, command=what, object=f"{kind}/{id}"))
            return refusal
        if not self._available():
            return Unavailable("The database is away: changes cannot be kept.").refusal
        if digest and self._under_way.setdefault(submit.command_id, digest) != digest:
            return _key_used(submit.idempotency_key)
        try:
            return await self._once(submit, command, digest)
        finally:
            self._under_way.pop(submit.command_id, None)

    async def _once(self, submit: Submit, command: Command, digest: str) -> Accepted | Refusal:
        """The stored outcome of this very command, or the answer of its actor."""
        _, id_of = ROUTES[type(command)]
        kind, id = self._receiver(command)
        stored = await self._journal.command_outcome(submit.command_id)
        if stored is not None:
            known = decode(stored)
            assert isinstance(known, Accepted | Refusal)
            if isinstance(known, Accepted) and known.digest != digest:
                return _key_used(submit.idempotency_key)
            return known
        if isinstance(command, CancelJob) and (refusal := self._not_running(command.id)):
            return refusal
        is_new = isinstance(command, Add) and id_of is not _parent
        if not is_new and kind != "inventory" and self._rows.row(kind, id) is None:
            return not_found(kind, id)
        refusal = refused(command, kind, self._rows)
        if refusal is not None:
            return refusal
        ref = self._ensure(kind, id)
        if ref is None:  # the tree is going down, or that part of it is being started again
            return Unavailable(f"This engine serves no {title_of(kind)} just now.").refusal
        request = CommandRequest(
            command_id=submit.command_id, principal=submit.principal, command=command,
            correlation_id=submit.correlation_id, digest=digest, dry_run=submit.dry_run,
        )  # fmt: skip
        answer = await ref.ask(
            request, timeout_seconds=limits.ask_timeout_seconds, correlation_id=submit.correlation_id
        )
        assert isinstance(answer, Accepted | Refusal), f"{ref.address} answered {type(answer).__name__}"
        return answer
