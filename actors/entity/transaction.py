"""What one decision makes durable: the entity's row and events, its jobs' rows, audit lines, the command's outcome.

Pure: from what stands and the decision to the transaction and what stands after it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Generic, Protocol, TypeVar

import attrs

from actors.entity.assignments import removals
from actors.entity.decision import Decision
from actors.entity.operation import job_of
from actors.entity.operation_record import HasOperation
from actors.journal.port import CommandOutcome, EntityRemoval, EntityRow, EntityWrite, JournalEntry, Transaction
from protocol.activity.model import Event
from protocol.activity.operation import EntityEvent, Operation, Outcome
from protocol.codec import encode
from protocol.document import Document
from protocol.message import message_type

SUPERSEDED = Outcome(outcome="failed", reason="Superseded.")


StateT = TypeVar("StateT", bound=HasOperation)
EventT = TypeVar("EventT", bound=EntityEvent)


class Room(Protocol[StateT, EventT]):
    """What a room says of its entity."""

    kind: ClassVar[str]
    id: str
    events: type[EventT]

    def evolve(self, state: StateT | None, event: EventT) -> StateT | None: ...

    def project(self, state: StateT) -> Document: ...

    def name_of(self, state: StateT) -> str | None: ...

    def parent_of(self, state: StateT) -> str | None: ...


@attrs.frozen(kw_only=True)
class Standing(Generic[StateT]):
    """An entity as it was decided last, durable or not yet. `jobs`: versions of rows that may still be in flight."""

    state: StateT | None = None
    version: int = 0
    jobs: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class _Job:
    """A job that the decision touches, and how it ends, if it does."""

    operation: Operation
    ended: Outcome | None


def transaction_of(
    room: Room[StateT, EventT],
    before: Standing[StateT],
    decision: Decision,
    at: datetime.datetime,
    job_version: Callable[[str], int],
    correlation: str = "",
    assigned: Iterable[EntityRow] = (),
) -> tuple[Transaction, Standing[StateT]]:
    """The transaction of a decision, and what stands after it. `job_version`: of a job's durable row, 0 for none.

    `correlation` is that of the command that was decided; what an operation does bears the operation's own. `assigned`
    are the entity's assignments, which go with it.
    """
    state, version = before.state, before.version
    entries: list[JournalEntry] = []
    jobs: dict[str, _Job] = {}
    for event in decision.events:
        assert isinstance(event, room.events), event
        touched = _jobs_of(state.operation if state is not None else None, event)
        state, version = room.evolve(state, event), version + 1
        jobs.update((job.operation.id, job) for job in touched)
        document = encode(room.project(state)) if state is not None else None
        correlation = touched[-1].operation.correlation_id if touched else correlation
        tag = message_type(event).tag
        entries.append(JournalEntry(room.kind, room.id, version, tag, encode(event), document, correlation, at))
    writes = [EntityWrite(_row(room, state, version), before.version)] if decision.events else []
    if decision.events and state is None:
        gone = list(removals(assigned, at, correlation))
        writes += [removal for removal, _ in gone]
        entries[:0] = [entry for _, entry in gone]  # before their side: readers see them by what they belong to
    versions = dict(before.jobs)
    for job in jobs.values():
        write, entry = _job_row(
            room.kind, room.id, job, versions.get(job.operation.id) or job_version(job.operation.id), at
        )
        writes.append(write)
        entries.append(entry)
        versions[job.operation.id] = write.row.version
        if job.ended:
            del versions[job.operation.id]
    entries += _audit(decision.audit, correlation, at)
    after = Standing(state=state, version=version, jobs=versions)
    return Transaction(tuple(writes), tuple(entries), outcome_of(decision)), after


def _jobs_of(previous: Operation | None, event: EntityEvent) -> list[_Job]:
    """The operation that an event superseded, then the one that it begins, moves or ends."""
    operation = event.operation or previous
    touched = []
    if previous is not None and operation is not None and previous.id != operation.id:
        touched.append(_Job(operation=previous, ended=SUPERSEDED))
    if operation is not None:
        touched.append(_Job(operation=operation, ended=event.ended))
    return touched


def _row(room: Room[StateT, EventT], state: StateT | None, version: int) -> EntityRow | EntityRemoval:
    if state is None:
        return EntityRemoval(room.kind, room.id, version)
    name, parent, document = room.name_of(state), room.parent_of(state), encode(room.project(state))
    return EntityRow(room.kind, room.id, version, name, parent, encode(state), document)


def _job_row(kind: str, id: str, job: _Job, before: int, at: datetime.datetime) -> tuple[EntityWrite, JournalEntry]:
    operation = job.operation
    document = encode(job_of(operation, kind, id, job.ended, at))
    row = EntityRow("job", operation.id, before + 1, None, None, b"", document)
    tag = "job.ended" if job.ended else "job.progressed" if before else "job.started"
    entry = JournalEntry("job", operation.id, row.version, tag, b"", document, operation.correlation_id, at)
    return EntityWrite(row, before), entry


def _audit(lines: Iterable[Event], correlation: str, at: datetime.datetime) -> list[JournalEntry]:
    """Lines of the audit trail with their time and what they belong to; readers number them."""
    entries = []
    for line in lines:
        stamped = attrs.evolve(line, time=at, correlation_id=line.correlation_id or correlation or None)
        entries.append(JournalEntry("event", "", 1, "event", b"", encode(stamped), stamped.correlation_id or "", at))
    return entries


def outcome_of(decision: Decision) -> CommandOutcome | None:
    """What the same command gets when it is asked again, None when nothing is kept of it."""
    kept = decision.outcome
    return CommandOutcome(kept.command_id, encode(kept)) if kept is not None and kept.command_id else None
