"""What a node says of others: passed on with the host that spoke, and believed about its own steps alone."""

from __future__ import annotations

import attrs
import pytest

from actors.entity.decision import AcknowledgeStopped
from actors.entity.host_signals import (
    DomainSeen,
    GuestHeard,
    GuestLost,
    StepAdvanced,
    StepDeclined,
    StepOutcome,
    StorageSeen,
)
from actors.host import gate
from actors.host.messages import IssueToken
from protocol.activity.operation import StepId
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.commands import IssueEnrolmentToken
from protocol.message import Message
from protocol.node.domain import DomainObserved, DomainStatus, StopReason
from protocol.node.receipts import stopped_receipt
from protocol.node.reports import (
    DomainChanged,
    DomainsSnapshot,
    Done,
    GuestReport,
    GuestSilent,
    StepDone,
    StepNotTried,
    StepProgress,
    StorageFacts,
)
from protocol.storage.model import StorageDomain
from tests.actors.backstage import NOW
from tests.actors.expected import accepted, audit, effect, keep, stored_as, tell
from tests.actors.host.lives import HOST, HostPlay, up
from tests.actors.playbook import command_id

STEP = StepId(owner="vm/vm1", operation="op", number=0, host=HOST)
GONE = DomainChanged(domain=DomainObserved(vm_id="vm1", status=DomainStatus.ABSENT), stopped=StopReason.CRASHED)


def with_vm() -> HostPlay:
    return up().with_vm()


@pytest.mark.parametrize(
    ("said", "address", "heard"),
    [
        (StepDone(step_id=str(STEP), result=Done()), "vm/vm1", StepOutcome(host_id=HOST, step=STEP, result=Done())),
        (
            StepNotTried(step_id=str(STEP), reason=Refusal(code="stale_epoch", reason="Another engine leads.")),
            "vm/vm1",
            StepDeclined(host_id=HOST, step=STEP),
        ),
        (StepProgress(step_id=str(STEP), percent=7), "vm/vm1", StepAdvanced(host_id=HOST, step=STEP, percent=7)),
        (GONE, "vm/vm1", DomainSeen(host_id=HOST, domain=GONE.domain, stopped=GONE.stopped)),
        (
            GuestReport(vm_id="vm1", fqdn="web"),
            "vm/vm1",
            GuestHeard(host_id=HOST, report=GuestReport(vm_id="vm1", fqdn="web")),
        ),
        (GuestSilent(vm_id="vm1", since=NOW), "vm/vm1", GuestLost(host_id=HOST, since=NOW)),
        (
            StorageFacts(storage_domain_id="sd", available_bytes=1, used_bytes=1),
            "storage_domain/sd",
            StorageSeen(host_id=HOST, facts=StorageFacts(storage_domain_id="sd", available_bytes=1, used_bytes=1)),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_node_says_goes_to_whom_it_concerns(said: Message, address: str, heard: Message) -> None:
    play = with_vm().with_row("storage_domain", StorageDomain(id="sd", name="sd", host=Ref(id=HOST)))
    play.when(said).then(tell(address, heard))


def test_what_is_said_of_one_that_is_gone_is_acknowledged_where_its_node_would_repeat_it() -> None:
    up().when(StepDone(step_id=str(STEP), result=Done())).then(
        effect(AcknowledgeStopped(host_id=HOST, receipt=str(STEP)))
    )
    up().when(GONE).then(effect(AcknowledgeStopped(host_id=HOST, receipt=stopped_receipt(GONE))))
    up().when(GuestReport(vm_id="vm1", fqdn="web")).then()


@pytest.mark.parametrize(
    "step",
    ["vm/vm1:op:0:1:elsewhere", "vm/vm1:op:0:1:", f"host/{HOST}:op:0:1:{HOST}", f"template/t:op:0:1:{HOST}"],
    ids=["of another host", "of nobody", "of one that asks no host", "of another one"],
)
def test_a_step_that_was_not_its_own_is_said_once_and_goes_no_further(step: str) -> None:
    play = with_vm()
    play.when(StepDone(step_id=step, result=Done())).then(
        audit("strange_step", severity="warning", host=HOST),
        effect(AcknowledgeStopped(host_id=HOST, receipt=step)),
    )
    play.when(StepDone(step_id=step, result=Done())).then(effect(AcknowledgeStopped(host_id=HOST, receipt=step)))
    play.when(StepProgress(step_id=step, percent=7)).then()
    play.when(StepNotTried(step_id=step, reason=Refusal(code="stale_epoch", reason="No."))).then()


@pytest.mark.parametrize(
    "said",
    [
        StepDone(step_id="no step", result=Done()),
        StepProgress(step_id="no step", percent=7),
        StepNotTried(step_id="vm/v:op:x:1:h", reason=Refusal(code="unavailable", reason="No.")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_step_ends_the_link_and_nothing_more_of_it_is_heard(said: Message) -> None:
    play = with_vm()
    play.when(said).then(audit("host_cut_off", severity="error", text="which is no step", host=HOST))
    assert not play.nodes.is_linked
    play.when(GONE).then()
    play.when(said).then()


def test_a_host_that_says_too_much_is_cut_off() -> None:
    play = with_vm()
    play.actor._pace = gate.Pace(left=1.0, at=1e12)
    play.when(GuestReport(vm_id="vm1")).then(tell("vm/vm1", GuestHeard(host_id=HOST, report=GuestReport(vm_id="vm1"))))
    play.when(GuestReport(vm_id="vm1")).then(audit("host_cut_off", severity="error", text="more than", host=HOST))
    assert not play.nodes.is_linked


def test_a_report_that_is_too_long_is_not_cut_but_ends_the_link() -> None:
    """What it does not name would count as gone."""
    many = DomainsSnapshot(domains=(GONE.domain,) * (gate.items_max + 1))
    with_vm().when(many).then(audit("host_cut_off", severity="error", text="more domains", host=HOST))


def test_refusals_have_a_pace_too() -> None:
    """What must succeed on a host is asked again whenever it refuses."""
    play = with_vm()
    play.actor._pace = gate.Pace(left=0.0, at=1e12)
    refusal = StepDone(step_id=str(STEP), result=Refusal(code="host_failed", reason="No."))
    play.when(refusal).then(audit("host_cut_off", severity="error", text="more than", host=HOST))


@pytest.mark.parametrize(
    ("said", "of"),
    [
        (GuestReport(vm_id="vm1", fqdn="liar"), "vm/vm1"),
        (GuestSilent(vm_id="vm1", since=NOW), "vm/vm1"),
        (StorageFacts(storage_domain_id="sd", available_bytes=0, used_bytes=0), "storage_domain/sd"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_said_of_what_is_elsewhere_is_said_once_and_goes_no_further(said: Message, of: str) -> None:
    play = up().with_vm(host="elsewhere").with_row("storage_domain", StorageDomain(id="sd", name="sd"))
    play.when(said).then(audit("host_not_believed", severity="warning", text=of, host=HOST))
    play.when(said).then()


def test_what_a_host_says_is_cut_and_cleaned() -> None:
    long = GuestReport(vm_id="vm1", fqdn="\x1b[31mred" + "a" * 3_000)
    heard = attrs.evolve(long, fqdn=("[31mred" + "a" * 3_000)[: gate.text_characters_max - 1])
    with_vm().when(long).then(tell("vm/vm1", GuestHeard(host_id=HOST, report=heard)))


def test_a_token_is_made_for_whoever_asked() -> None:
    token = IssueEnrolmentToken(id=HOST)
    up().when(token).then(
        keep(command_id(2)),
        effect(IssueToken(command_id=command_id(2))),
        stored_as(accepted()),
    )


def test_a_dry_run_of_a_token_makes_none() -> None:
    up().when(IssueEnrolmentToken(id=HOST), dry_run=True).then(accepted())
