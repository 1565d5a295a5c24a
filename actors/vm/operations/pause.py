"""Operations *pause* and *resume*: the CPUs of a VM stop, and go on."""

from __future__ import annotations

from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import DONE, FailedAs, VmOperation, begun, succeeded
from actors.vm.state import VmState
from protocol.message import Message
from protocol.node.commands import PauseDomain, ResumeDomain
from protocol.vm import events
from protocol.vm.commands import PauseVm, ResumeVm


def request_pause(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    return begun(PAUSE, state, request, events.VmPauseRequested, f"Pausing VM {state.name}", facts)


def request_resume(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    return begun(RESUME, state, request, events.VmResumeRequested, f"Resuming VM {state.name}", facts)


def sends_pause(state: VmState) -> PauseDomain:
    return PauseDomain(vm_id=state.id)


def sends_resume(state: VmState) -> ResumeDomain:
    return ResumeDomain(vm_id=state.id)


def paused(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return succeeded(state, events.VmPaused(at=facts.now, ended=DONE), "vm_paused")


def resumed(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return succeeded(state, events.VmResumed(at=facts.now, ended=DONE), "vm_resumed")


PAUSE = VmOperation(
    kind="pause",
    begun_by=PauseVm,
    request=request_pause,
    sends=sends_pause,
    done=paused,
    failed=FailedAs("vm_pause_failed"),
)
RESUME = VmOperation(
    kind="resume",
    begun_by=ResumeVm,
    request=request_resume,
    sends=sends_resume,
    done=resumed,
    failed=FailedAs("vm_resume_failed"),
)
