"""Operation *reboot*: the guest is asked to start over, and waited for until its firmware runs anew.

ask the guest -> wait for its firmware -> powering up
              -> the guest ignored it -> up
"""

from __future__ import annotations

from actors.entity.decision import NOTHING, CancelTimer, Decision
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts, guest_up_timer
from actors.vm.operations import guest_wait
from actors.vm.operations.record import DONE, FailedAs, VmOperation, begun, succeeded
from actors.vm.state import VmState
from protocol.message import Message
from protocol.node.commands import RebootDomain
from protocol.vm import events
from protocol.vm.commands import RebootVm

KIND = "reboot"


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    return begun(REBOOT, state, request, events.VmRebootRequested, f"Rebooting VM {state.name}", facts)


def sends(state: VmState) -> RebootDomain | None:
    return RebootDomain(vm_id=state.id) if guest_wait.is_asking(state) else None


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return guest_wait.asked(REBOOT, state, "Waiting for the guest to reboot", facts)


def started_over(state: VmState, facts: VmDecisionFacts) -> Decision:
    event = events.VmRebooted(at=facts.now, ended=DONE)
    timers = (CancelTimer(name=KIND), guest_up_timer(facts))
    return succeeded(state, event, "vm_rebooted", *timers)


def timed_out(state: VmState, facts: VmDecisionFacts) -> Decision:
    if state.status != "reboot_in_progress":
        return NOTHING
    missed = "did not reboot"
    return guest_wait.ignored(state, events.VmRebootIgnored, "vm_reboot_ignored", missed, facts)


REBOOT = VmOperation(
    kind=KIND,
    begun_by=RebootVm,
    request=request,
    sends=sends,
    done=done,
    failed=FailedAs("vm_reboot_failed", events.VmRebootIgnored),
    seen_as="reboot_in_progress",
    started_over=started_over,
    timed_out=timed_out,
    timers=guest_wait.timers,
)
