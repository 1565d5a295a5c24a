"""What becomes of a command that gives an object to another or takes it back. Pure."""

from __future__ import annotations

from actors.entity.assignments import assignment_between, assignment_id
from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.inventory.facts import InventoryDecision, InventoryDecisionFacts
from actors.inventory.rows import added, removed
from protocol.activity.audit import line
from protocol.errors import NotFound, Refusal
from protocol.inventory.assignment import ASSIGNMENT
from protocol.inventory.assignment_commands import Assign, OfAssignment
from protocol.live.engine import Accepted
from protocol.refusals import invalid, not_found
from protocol.registry import BY_KIND, title_of


def decide(request: CommandRequest, command: OfAssignment, facts: InventoryDecisionFacts) -> Decision:
    """Both sides must be there; the store says it again when the assignment becomes durable."""
    resource = BY_KIND.get(command.relation)
    if resource is None or command.holder not in resource.assigned_to:
        reason = f"A {title_of(command.relation)} cannot be assigned to a {title_of(command.holder)}."
        return refuse(invalid("relation", reason[:200]))
    left, right = (command.holder, command.parent_id), (command.relation, command.id)
    for side in (left, right):
        if facts.rows.document(*side) is None:
            return refuse(not_found(*side))
    row = facts.rows.row(ASSIGNMENT, assignment_id(left, right))
    given, name = facts.rows.document(*right), facts.rows.name_of(*right)
    reply = Accepted(kind=command.relation, id=command.id, command_id=request.command_id, document=given)
    if isinstance(command, Assign) == (row is not None):
        return Decision(reply=reply) if row is not None else refuse(_not_assigned(command, name, facts))
    verb = "assigned_to" if row is None else "taken_from"
    change = (
        added(assignment_between(left, right), facts.now)
        if row is None
        else removed(ASSIGNMENT, row.id, row.version, facts.now)
    )
    user = request.principal
    refers = {command.holder: command.parent_id}
    audit = line(
        f"{command.relation}_{verb}_{command.holder}",
        user=user.user_id, name=name, holder=facts.rows.name_of(*left), user_name=user.name, **refers,
    )  # fmt: skip
    return InventoryDecision(reply=reply, outcome=reply, changes=(change,), audit=(audit,))


def _not_assigned(command: OfAssignment, name: str, facts: InventoryDecisionFacts) -> Refusal:
    who = f"the {title_of(command.holder)} {facts.rows.name_of(command.holder, command.parent_id)}"
    return NotFound(
        f"The {title_of(command.relation)} {name} is not assigned to {who}.",
        remedy=f"List the {title_of(command.relation)}s of {who}.",
        entity=f"{command.holder}/{command.parent_id}",
    ).refusal
