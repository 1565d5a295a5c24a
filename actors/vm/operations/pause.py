"""Operations *pause* and *resume*: the CPUs of a VM stop, and go on."""

from __future__ import annotations

from actors.entity.decision import Decision, RequestReport, refuse
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import (
    DONE,
    VmOperation,
    came_to_nothing,
    failure,
    legality,
    one_step,
    requested,
    succeeded,
)
from actors.vm.state import VmState
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import PauseDomain, ResumeDomain
from protocol.vm import events
from protocol.vm.commands import PauseVm, ResumeVm


def request_pause(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := legality(state, "pause", events.VmPauseRequested):
        return refuse(refusal)
    text = f"Pausing VM {state.name}"
    operation = one_step(state, request, "pause", text, text, facts)
    return requested(PAUSE, state, request, events.VmPauseRequested(at=facts.now, operation=operation))


def request_resume(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := legality(state, "resume", events.VmResumeRequested):
        return refuse(refusal)
    text = f"Resuming VM {state.name}"
    operation = one_step(state, request, "resume", text, text, facts)
    return requested(RESUME, state, request, events.VmResumeRequested(at=facts.now, operation=operation))


def sends_pause(state: VmState) -> PauseDomain:
    return PauseDomain(vm_id=state.id)


def sends_resume(state: VmState) -> ResumeDomain:
    return ResumeDomain(vm_id=state.id)


def paused(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    event = events.VmPaused(at=facts.now, ended=DONE)
    return succeeded(state, event, "vm_paused")


def resumed(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    event = events.VmResumed(at=facts.now, ended=DONE)
    return succeeded(state, event, "vm_resumed")


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """What the CPUs do now is not known: the host is asked."""
    assert state.operation is not None
    what = "vm_pause_failed" if state.operation.kind == "pause" else "vm_resume_failed"
    event = events.VmOperationEnded(at=facts.now, ended=failure(refusal))
    return came_to_nothing(state, event, what, refusal, RequestReport(host_id=state.host_id))


PAUSE = VmOperation(
    kind="pause", begun_by=PauseVm, request=request_pause, sends=sends_pause, done=paused, failed=failed
)
RESUME = VmOperation(
    kind="resume", begun_by=ResumeVm, request=request_resume, sends=sends_resume, done=resumed, failed=failed
)
