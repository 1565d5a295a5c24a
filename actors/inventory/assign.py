"""What becomes of a command that gives an object to another or takes it back. Pure."""

from __future__ import annotations

import attrs

from actors.entity import checks
from actors.entity.assignments import assignment_between, assignment_id
from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.inventory.facts import InventoryDecision, InventoryDecisionFacts
from actors.inventory.rows import added, removed, updated
from protocol.activity.audit import line
from protocol.attributes import attributes
from protocol.document import Document
from protocol.errors import NotFound, Refusal
from protocol.inventory.assignment import ASSIGNMENT, Assignment
from protocol.inventory.assignment_commands import Assign, OfAssignment
from protocol.live.engine import Accepted
from protocol.merge import merge
from protocol.names import title_of
from protocol.refusals import invalid, not_a, not_found
from protocol.registry import BY_KIND
from protocol.resource import Resource


def decide(request: CommandRequest, command: OfAssignment, facts: InventoryDecisionFacts) -> Decision:
    """Both sides must be there; the store says it again when the assignment becomes durable."""
    resource = BY_KIND.get(command.relation)
    if resource is None or command.holder not in resource.assigned_to:
        reason = f"A {title_of(command.relation)} cannot be assigned to a {title_of(command.holder)}."
        return refuse(invalid("relation", reason[:200], "docs/coverage.md lists what can be assigned to what."))
    left, right = (command.holder, command.parent_id), (command.relation, command.id)
    if facts.rows.document(*left) is None:
        return refuse(not_found(*left))
    given, name = facts.rows.document(*right), facts.rows.name_of(*right)
    if given is None:
        return refuse(not_found(*right))
    row = facts.rows.row(ASSIGNMENT, assignment_id(left, right))
    reply = Accepted(kind=command.relation, id=command.id, command_id=request.command_id, document=given)
    if isinstance(command, Assign):
        if refusal := _refused(command, resource, given, name):
            return refuse(refusal)
        known = facts.rows.document(ASSIGNMENT, row.id) if row is not None else None
        assert known is None or isinstance(known, Assignment)
        after = _assignment(known or assignment_between(left, right), command, resource)
        if after == known:
            return Decision(reply=reply)
        verb = "assigned_to" if row is None else "updated_in"
        change = added(after, facts.now) if row is None else updated(after, row.version, facts.now)
    elif row is None:
        return refuse(_not_assigned(command, name, facts))
    else:
        verb, change = "taken_from", removed(ASSIGNMENT, row.id, row.version, facts.now)
    user = request.principal
    refers = {command.holder: command.parent_id}
    audit = line(
        f"{command.relation}_{verb}_{command.holder}",
        user=user.user_id, name=name, holder=facts.rows.name_of(*left), user_name=user.name, **refers,
    )  # fmt: skip
    return InventoryDecision(reply=reply, outcome=reply, changes=(change,), audit=(audit,))


def _refused(command: Assign, resource: Resource, given: Document, name: str) -> Refusal | None:
    """Of an attribute that is the same for all holders: one that is sent back as it is asks for nothing."""
    if command.document is None:
        return None
    if not isinstance(command.document, resource.cls):
        return not_a("document", resource.kind)
    if refusal := checks.values(command.document):
        return refusal
    for attribute in attributes(resource.cls):
        said = getattr(command.document, attribute.name)
        is_written = said is not None and attribute.name != "id" and not attribute.about.read_only
        if is_written and attribute.name not in resource.assigned_attributes and said != getattr(given, attribute.name):
            reason = f"The {attribute.name} of a {resource.title} is the same wherever it is assigned."
            return invalid(attribute.name, reason, f"Change it at the {resource.title} {name} itself.")
    return None


def _assignment(known: Assignment, command: Assign, resource: Resource) -> Assignment:
    """With what the command says of the relation."""
    said = {name: getattr(command.document, name, None) for name in resource.assigned_attributes}
    if all(value is None for value in said.values()):
        return known
    return attrs.evolve(known, attributes=merge(known.attributes or resource.cls(), resource.cls(**said)))


def _not_assigned(command: OfAssignment, name: str, facts: InventoryDecisionFacts) -> Refusal:
    who = f"the {title_of(command.holder)} {facts.rows.name_of(command.holder, command.parent_id)}"
    return NotFound(
        f"The {title_of(command.relation)} {name} is not assigned to {who}.",
        remedy=f"List the {title_of(command.relation)}s of {who}.",
        entity=f"{command.holder}/{command.parent_id}",
    ).refusal
