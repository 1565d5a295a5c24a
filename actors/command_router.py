"""Where every command of a user comes in: authorization, stored outcome, the right actor, the reply.

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
from protocol.codec import decode, encode
from protocol.command import Add, Command
from protocol.document import kind_and_id
from protocol.errors import BadInput, Conflict, CorralError, NotMade, Refusal, Unavailable
from protocol.live.engine import Accepted, Principal, Submit
from protocol.message import Message, message_type
from protocol.names import title_of
from protocol.packing import CodecError
from protocol.refusals import invalid, not_found
from protocol.registry import BY_KIND, RESOURCES
from protocol.resource import Resource, SubCollection, actions_below, below, commands_of
from protocol.vm.commands import AddDiskAttachment

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

ANSWERED_AT_THE_END: Final = frozenset({AddDiskAttachment})
"""Commands that are not answered before another actor has agreed."""


def _unsayable(command: Command) -> Refusal | None:
    """Refuses here what no message can carry, a lone surrogate or a number of more than 64 bits, before an actor
    fails when it writes its event."""
    try:
        encode(command)
    except (UnicodeEncodeError, OverflowError, CodecError) as error:
        reason = f"The command holds a value that cannot be kept: {error}."
        return invalid("", reason, "Leave it out, or send another value.")
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


def _request(submit: Submit, command: Command) -> CommandRequest:
    """With an idempotency key its digest tells the same command from another under that key."""
    return CommandRequest(
        command_id=submit.command_id, principal=submit.principal, command=command,
        correlation_id=submit.correlation_id, dry_run=submit.dry_run,
        digest=hashlib.sha256(encode(submit.command)).hexdigest() if submit.idempotency_key else "",
    )  # fmt: skip


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
            kind, id = kind_and_id(job.object or "")
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
        """Authorization comes first: a stored outcome is told only to who may give the command."""
        command, key = submit.command, submit.idempotency_key
        if not isinstance(command, Command) or type(command) not in ROUTES:
            reason = f"There is no command {type(command).__name__}."
            return invalid("command", reason, "The entry point and ?rsdl list what is supported.")
        if refusal := _unsayable(command):
            return refusal
        if key:
            if type(command) in SHOWN_ONCE:
                return _no_key(command)
            by_key = derived_id(submit.principal.user_id, f"command with the key {key}")
            submit = attrs.evolve(submit, command_id=by_key)
        if isinstance(command, Add) and not command.id and ROUTES[type(command)][1] is _own:
            command = attrs.evolve(command, id=object_id_of(submit.command_id))
        kind, id = self._receiver(command)
        if refusal := self._denied(submit.principal, command, kind, id):
            return refusal
        if not self._available():
            return Unavailable("The database is away: changes cannot be kept.").refusal
        request = _request(submit, command)
        if key and self._under_way.setdefault(request.command_id, request.digest) != request.digest:
            return _key_used(key)
        try:
            return await self._outcome(request, key) or await self._carried(request, command, kind, id)
        finally:
            self._under_way.pop(request.command_id, None)

    def _denied(self, by: Principal, command: Command, kind: str, id: str) -> Refusal | None:
        objects = touched(command, *self._about(command, kind, id), self._rows)
        refusal = authorize(by, command, objects, self._rows)
        if refusal is not None:
            what = message_type(command).tag.removeprefix("command.")
            self._audit(line("access_denied", user=by.user_id, user_name=by.name, command=what, object=f"{kind}/{id}"))
        return refusal

    async def _outcome(self, request: CommandRequest, key: str) -> Accepted | Refusal | None:
        """What this very command got when it came before."""
        stored = await self._journal.command_outcome(request.command_id)
        if stored is None:
            return None
        known = decode(stored)
        assert isinstance(known, Accepted | Refusal)
        if isinstance(known, Accepted) and known.digest != request.digest:
            return _key_used(key)
        return self._as_it_ended(request.command, known)

    def _as_it_ended(self, command: Message, known: Accepted | Refusal) -> Accepted | Refusal:
        """The stored answer of a command that is answered by how its job ends was written when that began."""
        job = self._rows.get(Job, known.job_id) if isinstance(known, Accepted) and known.job_id else None
        if type(command) not in ANSWERED_AT_THE_END or job is None or job.outcome in (None, "done"):
            return known
        reason = job.reason or f"{job.description} failed."
        return NotMade(reason, remedy=f"See job {job.id}. Nothing is left of it.", entity=f"job/{job.id}").refusal

    async def _carried(self, request: CommandRequest, command: Command, kind: str, id: str) -> Accepted | Refusal:
        """The answer of the actor `kind/id`."""
        if isinstance(command, CancelJob) and (refusal := self._not_running(command.id)):
            return refusal
        is_new = isinstance(command, Add) and ROUTES[type(command)][1] is not _parent
        if not is_new and kind != "inventory" and self._rows.row(kind, id) is None:
            return not_found(kind, id)
        if refusal := refused(command, kind, self._rows):
            return refusal
        ref = self._ensure(kind, id)
        if ref is None:  # the tree is going down, or that part of it is being started again
            return Unavailable(f"This engine serves no {title_of(kind)} just now.").refusal
        answer = await ref.ask(
            request, timeout_seconds=limits.ask_timeout_seconds, correlation_id=request.correlation_id
        )
        assert isinstance(answer, Accepted | Refusal), f"{ref.address} answered {type(answer).__name__}"
        return answer
