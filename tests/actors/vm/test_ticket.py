"""Console tickets and other side steps: begun durably, sent again until the host answers, ended when nobody can."""

from __future__ import annotations

from actors.entity.host_signals import HostConfirmedDown, HostReturned
from actors.placement.messages import Placed
from protocol.api import Ticket
from protocol.host.model import Host
from protocol.live.engine import TicketReply
from protocol.node.commands import DestroyDomain, SetTicket
from protocol.node.reports import Done
from protocol.vm.commands import RemoveVm, SetVmTicket, StartVm, StopVm
from protocol.vm.events import Copy, VmCopySeen
from tests.actors.expected import accepted, ack, audit, beside, event, question, refused, release, timer
from tests.actors.playbook import answered, command_id, done, fired
from tests.actors.vm.lives import HOST, NO, VM, VmPlay, added, copy_gone, domain, place, side_begun, side_ended, up

ELSEWHERE = ("host", Host(id="elsewhere", name="elsewhere", address="elsewhere", status="up"))
END = DestroyDomain(vm_id=VM, started_step_id="vm/x:old:0")


def with_ticket() -> VmPlay:
    return up().given(SetVmTicket(id=VM))


def with_stray() -> VmPlay:
    """A QEMU of an earlier run is being ended on another host."""
    return added(ELSEWHERE).given(HostReturned(host_id="elsewhere", domain=domain(step="vm/x:old:0")))


def test_a_ticket_is_made_when_none_is_given() -> None:
    play = up()
    play.when(SetVmTicket(id=VM)).then(
        side_begun("ticket"),
        audit("console_ticket", user="u", vm=VM),
        beside(SetTicket(vm_id=VM, value="secret-o"), host=HOST),
        timer("side_steps", 10),
        accepted(result=TicketReply(ticket=Ticket(value="secret-o", expiry=120))),
    )
    play.when(done(Done(), of=SetTicket)).then(side_ended("ticket"), ack())
    play.when(done(Done(), of=SetTicket)).then(ack())


def test_a_ticket_that_was_given_is_set() -> None:
    up().when(SetVmTicket(id=VM, ticket=Ticket(value="mine", expiry=60))).then(
        side_begun("ticket"),
        audit("console_ticket", user="u", vm=VM),
        beside(SetTicket(vm_id=VM, value="mine", expiry_seconds=60), host=HOST),
        timer("side_steps", 10),
        accepted(result=TicketReply(ticket=Ticket(value="mine", expiry=60))),
    )


def test_a_dry_run_of_a_ticket_hands_out_none() -> None:
    up().when(SetVmTicket(id=VM), dry_run=True).then(accepted())


def test_a_ticket_that_the_host_cannot_set_is_said() -> None:
    with_ticket().when(done(NO, of=SetTicket)).then(
        side_ended("ticket"), audit("console_ticket_failed", severity="error", vm=VM, host=HOST), ack()
    )


def test_the_ticket_of_a_vm_that_left_its_host_is_acknowledged_there() -> None:
    play = with_ticket().given(StopVm(id=VM)).given(done(Done()))
    play.when(done(Done(), of=SetTicket)).then(side_ended("ticket"), ack())


def test_one_that_is_down_has_no_console() -> None:
    added().when(SetVmTicket(id=VM)).then(refused("not_legal", "status"))


def test_a_ticket_is_not_sent_again() -> None:
    """Its secret is kept nowhere."""
    with_ticket().when_restarted().then(timer("side_steps", 10))
    with_ticket().when(fired("side_steps")).then(side_ended("ticket"))


def test_a_side_step_is_sent_again_until_its_host_answers() -> None:
    play = with_stray()
    play.when(fired("side_steps")).then(beside(END, host="elsewhere"), timer("side_steps", 10))
    play.when_restarted().then(beside(END, host="elsewhere"), timer("side_steps", 10))
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(), ack())
    play.when(fired("side_steps")).then()
    play.when_restarted().then()


def test_a_copy_that_cannot_be_ended_is_asked_for_again_and_said_once() -> None:
    play = with_stray()
    play.when(done(NO, of=DestroyDomain)).then(
        side_ended("stray"),
        side_begun("stray", END, later=True),
        audit("stray_domain_not_ended", severity="warning", vm=VM, host="elsewhere"),
        ack(),
        timer("side_steps", 10),
    )
    play.when(fired("side_steps")).then(beside(END, host="elsewhere"), timer("side_steps", 10))
    play.when(done(NO, of=DestroyDomain)).then(
        side_ended("stray"), side_begun("stray", END, later=True), ack(), timer("side_steps", 20)
    )
    play.when(HostReturned(host_id="elsewhere", domain=domain(step="vm/x:old:0"))).then()
    play.when(fired("side_steps")).then(beside(END, host="elsewhere"), timer("side_steps", 10))
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(), ack())


def test_a_vm_of_which_a_copy_runs_is_not_started() -> None:
    play = with_stray()
    play.when(StartVm(id=VM)).then(refused("conflict", reason="a copy of it is still running on host elsewhere"))
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(), ack())
    play.when(StartVm(id=VM)).then(question("scheduler/main", place(command_id(3))), release())


def test_a_vm_of_which_a_copy_runs_is_not_removed() -> None:
    """Its disks would go under a QEMU that writes to them."""
    with_stray().when(RemoveVm(id=VM)).then(refused("conflict", reason="Cannot remove VM web: a copy of it"))


def test_each_host_ends_its_own_stray() -> None:
    third = ("host", Host(id="third", name="third", address="third", status="up"))
    play = with_stray().with_row(*third)
    play.when(HostReturned(host_id="third", domain=domain(step="vm/x:old:0"))).then(
        event(VmCopySeen, copy=Copy(host_id="third", started_step_id="vm/x:old:0", is_claimed=True)),
        side_begun("stray", END),
        audit("stray_domain", severity="warning", vm=VM, host="third"),
        beside(END, host="third"),
    )


def test_a_host_ends_one_stray_after_the_other() -> None:
    """What it calls them is its own word: with another name in each report they would be without end."""
    play = with_stray()
    play.when(HostReturned(host_id="elsewhere", domain=domain(step="vm/x:other:0"))).then()
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(), ack())


def test_a_copy_that_is_seen_while_a_host_is_chosen_holds_the_start() -> None:
    play = added(ELSEWHERE).given(StartVm(id=VM))
    play.given(HostReturned(host_id="elsewhere", domain=domain(step="vm/x:old:0")))
    play.when(answered(Placed(host_id=HOST))).then(refused("conflict"))


def test_a_copy_is_gone_when_its_host_was_rebooted() -> None:
    play = with_stray()
    play.when(HostConfirmedDown(host_id=HOST)).then()
    play.when(HostConfirmedDown(host_id="elsewhere")).then(side_ended("stray"), *copy_gone())


def test_the_timer_is_set_for_the_first_of_several() -> None:
    """Set anew for each it would never fire where they come often."""
    with_ticket().when(SetVmTicket(id=VM)).then(
        side_begun("ticket"),
        audit("console_ticket", user="u", vm=VM),
        beside(SetTicket(vm_id=VM, value="secret-o"), host=HOST),
        accepted(result=TicketReply(ticket=Ticket(value="secret-o", expiry=120))),
    )


def test_a_side_step_on_a_host_that_is_gone_is_over() -> None:
    with_stray().without_row("host", "elsewhere").when(fired("side_steps")).then(side_ended("stray"))


def test_a_side_step_is_ended_by_its_own_host_alone() -> None:
    play = with_stray()
    play.when(done(Done(), of=DestroyDomain, host=HOST)).then()
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(), ack())
