"""What becomes of a command on an entity without behaviour, by what the registry says of its attributes.

Pure: changes, lines of the audit trail and the reply, for the actor to make durable.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity import checks
from actors.entity.decision import Decision, refuse
from actors.entity.ids import object_id_of
from actors.entity.messages import CommandRequest
from actors.entity.references import in_use, missing_reference
from actors.entity.rows import Rows
from actors.inventory import assign
from actors.inventory.facts import InventoryDecision, InventoryDecisionFacts
from actors.inventory.kinds import KINDS, going_along, with_companions
from actors.inventory.rows import added, name_of, parent_of, removed, updated
from protocol.activity.audit import line
from protocol.activity.audit_texts import EXTERNAL, ORIGIN
from protocol.activity.model import Event
from protocol.document import Document, Ref, id_of
from protocol.errors import Conflict, Refusal
from protocol.inventory.assignment_commands import OfAssignment
from protocol.inventory.commands import AddEntity, AddEvent, RemoveEntity, UpdateEntity
from protocol.live.engine import Accepted
from protocol.merge import changed_by, merge, writable
from protocol.names import title_of
from protocol.references import references_in
from protocol.refusals import invalid, name_taken, not_a, not_found
from protocol.registry import BY_KIND

REFERENCES: Final = frozenset(field.name for field in attrs.fields(Event)) & frozenset(KINDS) - {"user"}
"""The kinds of the inventory that an event can be about; its user is who did it."""


def decide(request: CommandRequest, facts: InventoryDecisionFacts) -> Decision:
    """A command of the inventory."""
    command = request.command
    if isinstance(command, AddEvent):
        return _add_event(request, command)
    if isinstance(command, OfAssignment):
        return assign.decide(request, command, facts)
    if not isinstance(command, AddEntity | UpdateEntity | RemoveEntity) or command.kind not in KINDS:
        what = getattr(command, "kind", type(command).__name__)
        remedy = f"It serves {', '.join(KINDS)}."
        return refuse(invalid("kind", f"The inventory does not serve {what!r:.80}.", remedy))
    if isinstance(command, AddEntity):
        return _add(request, command, facts)
    present = facts.rows.document(command.kind, command.id)
    if present is None:
        return refuse(not_found(command.kind, command.id))
    if isinstance(command, UpdateEntity):
        return _update(request, command, present, facts)
    return _remove(request, command, present, facts)


def _add(request: CommandRequest, command: AddEntity, facts: InventoryDecisionFacts) -> Decision:
    document = command.document
    if not isinstance(document, BY_KIND[command.kind].cls) or not isinstance(document, Document):
        return refuse(not_a("document", command.kind))
    id = command.id or object_id_of(request.command_id)
    known = facts.rows.document(command.kind, id)
    if known is not None:
        return Decision(reply=_accepted(request, command.kind, known))  # the same command again
    refusal = (
        checks.required(document, title_of(command.kind))
        or checks.values(document)
        or KINDS[command.kind].refused(document)
        or missing_reference(facts.rows, document)
    )
    if refusal is not None:
        return refuse(refusal)
    documents = with_companions(changed_by(writable(_by_ids(document)), {"id": id}), facts.fresh_id)
    complete = documents[0]
    if refusal := _name_refused(command.kind, complete, facts):
        return refuse(refusal)
    reply = _accepted(request, command.kind, complete)
    return InventoryDecision(
        reply=reply,
        outcome=reply,
        changes=tuple(added(each, facts.now) for each in documents),
        audit=(_line("added", request, command.kind, complete),),
    )


def _update(
    request: CommandRequest, command: UpdateEntity, present: Document, facts: InventoryDecisionFacts
) -> Decision:
    document = command.document
    if not isinstance(document, type(present)):
        return refuse(not_a("document", command.kind))
    if refusal := checks.values(document) or KINDS[command.kind].refused(document):
        return refuse(refusal)
    after = merge(present, changed_by(_by_ids(document), {"id": None}))
    if refusal := checks.required(after, title_of(command.kind)) or _moved(command.kind, present, after, facts.rows):
        return refuse(refusal)
    if name_of(after) != name_of(present) and (refusal := _renamed(command.kind, present, after, facts)):
        return refuse(refusal)
    if after == present:
        return Decision(reply=_accepted(request, command.kind, present))
    row = facts.rows.row(command.kind, command.id)
    assert row is not None
    reply = _accepted(request, command.kind, after)
    return InventoryDecision(
        reply=reply,
        outcome=reply,
        changes=(updated(after, row.version, facts.now),),
        audit=(_line("updated", request, command.kind, after),),
    )


def _remove(
    request: CommandRequest, command: RemoveEntity, present: Document, facts: InventoryDecisionFacts
) -> Decision:
    if refusal := KINDS[command.kind].kept(present):
        return refuse(refusal)
    together = going_along(facts.rows, command.kind, command.id)
    what = f"The {title_of(command.kind)} {name_of(present)}"
    for kind, id in together:
        if refusal := in_use(facts.rows, kind, id, what, frozenset(together)):
            return refuse(refusal)
    gone = [row for each in together if (row := facts.rows.row(*each)) is not None]
    documents = [(kind, document) for kind, id in together if (document := facts.rows.document(kind, id)) is not None]
    assignments = {row.id: row for each in together for row in facts.rows.assignments_of(*each)}
    reply = _accepted(request, command.kind, present)
    return InventoryDecision(
        reply=reply,
        outcome=reply,
        changes=tuple(removed(row.kind, row.id, row.version, facts.now) for row in (*assignments.values(), *gone)),
        audit=tuple(_line("removed", request, kind, document) for kind, document in documents),
    )


def _add_event(request: CommandRequest, command: AddEvent) -> Decision:
    """An event of an external system becomes a line of the audit trail, in the name of who sent it."""
    event = command.document
    if not isinstance(event, Event):
        return refuse(not_a("document", "event"))
    if refusal := checks.required(event, "event") or checks.values(event):
        return refuse(refusal)
    if event.origin == ORIGIN:
        reason = f"Events of origin {ORIGIN} are written by Corral alone."
        return refuse(invalid("origin", reason, "Give the name of the system that reports it."))
    by, code = request.principal.user_id, event.code or EXTERNAL[event.severity or "normal"]
    event = attrs.evolve(writable(event), id=None, code=code, user=Ref(id=by))
    reply = Accepted(kind="event", id="", command_id=request.command_id, document=event)
    return Decision(reply=reply, audit=(event,), outcome=reply)


# --- rules --------------------------------------------------------------------------------------------------------


def _by_ids(document: Document) -> Document:
    """References by id alone: a name that came along would be stored and grow stale."""
    changes: dict[str, object] = {
        path.path: attrs.evolve(reference, name=None)
        for path, reference in references_in(document)
        if len(path.names) == 1 and isinstance(getattr(document, path.path), Ref)
    }
    return changed_by(document, changes)


def _name_refused(kind: str, document: Document, facts: InventoryDecisionFacts) -> Refusal | None:
    name = name_of(document) or ""
    if refusal := checks.name(title_of(kind), name):
        return refusal
    for other in _of_the_same_name(kind, name, facts):
        if other.id != document.id and parent_of(other) == parent_of(document):
            return name_taken(kind, name, field=KINDS[kind].name)
    return None


def _of_the_same_name(kind: str, name: str, facts: InventoryDecisionFacts) -> list[Document]:
    attribute = KINDS[kind].name
    if attribute != "name":
        return [each for each in facts.rows.all(BY_KIND[kind].cls) if getattr(each, attribute) == name]
    return list(facts.rows.named(BY_KIND[kind].cls, name))


def _renamed(kind: str, present: Document, after: Document, facts: InventoryDecisionFacts) -> Refusal | None:
    if KINDS[kind].kept(present):
        reason = f"The {title_of(kind)} {name_of(present)} keeps its name."
        return invalid(KINDS[kind].name, reason, "Leave it out.")
    return _name_refused(kind, after, facts)


def _moved(kind: str, present: Document, after: Document, rows: Rows) -> Refusal | None:
    """A cluster stays in its data center, a network too, a profile with its network; what lies in a tree may move."""
    before = {path.path: reference.id for path, reference in references_in(present)}
    for path, reference in references_in(after):
        if reference.id == before.get(path.path):
            continue
        if path.path != KINDS[kind].owner or path.kind != kind:
            reason = f"The {title_of(path.kind)} of a {title_of(kind)} cannot be changed."
            return invalid(path.path, reason, "Leave it out.")
        if refusal := missing_reference(rows, after) or _below_itself(kind, present, reference, rows):
            return refusal
    return None


def _below_itself(kind: str, present: Document, owner: Ref, rows: Rows) -> Refusal | None:
    """Refuses a move after which it would be its own ancestor."""
    attribute = KINDS[kind].owner
    above: Ref | None = owner
    while above is not None and above.id:
        if above.id == present.id:
            return Conflict(
                f"The {title_of(kind)} {name_of(present)} cannot lie below itself or what is below it.",
                remedy=f"Choose another {attribute}.",
                field=attribute,
                entity=f"{kind}/{present.id}",
            ).refusal
        above = getattr(rows.document(kind, above.id), attribute, None)
    return None


def _accepted(request: CommandRequest, kind: str, document: Document) -> Accepted:
    return Accepted(kind=kind, id=id_of(document), command_id=request.command_id, document=document)


def _line(verb: str, request: CommandRequest, kind: str, document: Document) -> Event:
    by = request.principal
    about = {kind: id_of(document)} if kind in REFERENCES and verb != "removed" else {}
    return line(f"{kind}_{verb}", user=by.user_id, name=name_of(document) or "", user_name=by.name, **about)
