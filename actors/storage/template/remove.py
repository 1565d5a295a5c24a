"""Operation *remove*: a template goes with its disks, one after the other. Decides; never performs.

A disk that something rests on refuses to go, whatever was known when the removal was asked for.
"""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, Effect, SetTimer, Tell
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin_for, current_step, with_step
from actors.storage.facts import StorageDecisionFacts, accepted, busy, not_found, refusal
from actors.storage.messages import DiscardDisk
from actors.storage.template.state import TemplateState, blank_id, retry_seconds, retry_timer
from protocol.audit import line
from protocol.commands.storage import RemoveTemplate
from protocol.errors import Refusal
from protocol.events import template as events
from protocol.events.operation import Operation, Outcome
from protocol.message import Message


def remove(
    state: TemplateState | None, request: CommandRequest, command: RemoveTemplate, facts: StorageDecisionFacts
) -> Decision:
    """Legal while no VM's disk rests on its disks; never for Blank."""
    if state is None:
        return Decision(reply=not_found("template", command.id))
    if problem := _problem(state, facts):
        return Decision(reply=problem)
    if request.dry_run:
        return Decision(reply=accepted("template", request, state.template))
    operation = begin_for(request, "remove", f"Removing template {state.template.name}", facts.now)
    reply = accepted("template", request, state.template, job_id=operation.id)
    if not state.disk_ids:
        requested = events.TemplateRemoveRequested(at=facts.now, operation=operation)
        gone = _gone(state, operation, facts)
        return attrs.evolve(gone, events=(requested, *gone.events), reply=reply, store_outcome=True)
    operation = _with_next(state, operation, facts)
    return Decision(
        events=(events.TemplateRemoveRequested(at=facts.now, operation=operation),),
        effects=effects_of(attrs.evolve(state, operation=operation)),
        reply=reply,
        store_outcome=True,
    )


def effects_of(state: TemplateState) -> tuple[Effect, ...]:
    """What the step under way of a removal asks: the n-th step is the n-th disk's."""
    operation = state.operation
    assert operation is not None
    step = current_step(operation)
    assert step is not None
    disk_id = state.disk_ids[len(operation.steps) - 1]
    message = DiscardDisk(operation_id=operation.id, template_id=state.id, correlation_id=operation.correlation_id)
    return (Tell(address=f"disk/{disk_id}", message=message, token=step.id),)


def answered(state: TemplateState, body: Message, facts: StorageDecisionFacts) -> Decision:
    """A disk is gone, or refuses to go."""
    operation = state.operation
    assert operation is not None
    if isinstance(body, Refusal):
        if body.code in ("unavailable", "internal", "busy"):
            return Decision(effects=(SetTimer(name=retry_timer, seconds=retry_seconds),))
        reason = str(body)
        failed = events.TemplateRemoveFailed(
            at=facts.now,
            reason=reason,
            usable=len(operation.steps) == 1 and body.code == "conflict",
            ended=Outcome(outcome="failed", reason=reason),
        )
        text = f"The template {state.template.name} could not be removed: {reason}"
        audit = line("template_failed", text, severity="error", template=state.id, user=operation.user_id)
        return Decision(events=(failed,), audit=(audit,))
    if len(operation.steps) == len(state.disk_ids):
        return _gone(state, operation, facts)
    operation = _with_next(state, operation, facts)
    event = events.TemplateOperationProgressed(at=facts.now, operation=operation)
    return Decision(events=(event,), effects=effects_of(attrs.evolve(state, operation=operation)))


def _with_next(state: TemplateState, operation: Operation, facts: StorageDecisionFacts) -> Operation:
    return with_step(operation, f"template/{state.id}", "Removing a disk", facts.now)


def _gone(state: TemplateState, operation: Operation, facts: StorageDecisionFacts) -> Decision:
    text = f"The template {state.template.name} was removed."
    return Decision(
        events=(events.TemplateRemoved(at=facts.now, ended=Outcome(outcome="done")),),
        audit=(line("template_removed", text, user=operation.user_id),),
    )


def _problem(state: TemplateState, facts: StorageDecisionFacts) -> Refusal | None:
    if state.id == blank_id:
        return refusal("not_legal", "The template Blank cannot be removed.", entity=state.id)
    if state.operation is not None:
        return busy(state.id, f"The template {state.template.name}", state.operation)
    if state.template.delete_protected:
        return refusal(
            "not_legal",
            f"The template {state.template.name} is protected from deletion.",
            "Update it with delete_protected=false first.",
            entity=state.id,
            field="delete_protected",
        )
    children = [id for disk_id in state.disk_ids for id in facts.rows.referring("disk", "backing_disk", disk_id)]
    if not children:
        return None
    names = sorted(_user_of(id, facts) for id in children)
    return refusal(
        "conflict",
        f"Disks rest on the template {state.template.name}: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}.",
        "Remove those VMs or disks first.",
        entity=state.id,
    )


def _user_of(disk_id: str, facts: StorageDecisionFacts) -> str:
    """`disk of the VM name`, as far as known."""
    disk = facts.rows.document("disk", disk_id)
    name = (disk.name if disk is not None else None) or disk_id
    vms = [facts.rows.document("vm", vm.id or "") for vm in (disk.vms or ())] if disk is not None else []
    of = ", ".join(vm.name or "" for vm in vms if vm is not None)
    return f"{name} of the VM {of}" if of else str(name)
