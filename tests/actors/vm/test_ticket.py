"""Console tickets: set on the host, shown once, acknowledged."""

from __future__ import annotations

from protocol.commands.vm import SetVmTicket, StopVm
from protocol.engine_messages import TicketReply
from protocol.model.document import Ticket
from protocol.node_messages import Done, SetTicket
from tests.actors.expected import accepted, ack, audit, beside, refused
from tests.actors.playbook import done
from tests.actors.vm.lives import HOST, NO, VM, added, up


def test_a_ticket_is_made_when_none_is_given() -> None:
    play = up()
    play.when(SetVmTicket(id=VM)).then(
        audit("console_ticket", user="u", vm=VM),
        beside(SetTicket(vm_id=VM, value="secret-o"), host=HOST),
        accepted(result=TicketReply(ticket=Ticket(value="secret-o", expiry=120))),
    )
    play.when(done(Done(), of=SetTicket)).then(ack())


def test_a_ticket_that_was_given_is_set() -> None:
    up().when(SetVmTicket(id=VM, ticket=Ticket(value="mine", expiry=60))).then(
        audit("console_ticket", user="u", vm=VM),
        beside(SetTicket(vm_id=VM, value="mine", expiry_seconds=60), host=HOST),
        accepted(result=TicketReply(ticket=Ticket(value="mine", expiry=60))),
    )


def test_a_ticket_that_the_host_cannot_set_is_said() -> None:
    up().given(SetVmTicket(id=VM)).when(done(NO, of=SetTicket)).then(
        audit("vm_operation_failed", severity="warning", vm=VM), ack()
    )


def test_the_ticket_of_a_vm_that_left_its_host_is_acknowledged_there() -> None:
    play = up().given(SetVmTicket(id=VM)).given(StopVm(id=VM)).given(done(Done()))
    play.when(done(Done(), of=SetTicket)).then(ack())


def test_one_that_is_down_has_no_console() -> None:
    added().when(SetVmTicket(id=VM)).then(refused("not_legal", "status"))
