"""A mailbox is bounded per priority, serves control first, and does with a full queue what the message's type says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.kernel import ActorGone, ActorRef, AskTimeout, Mailbox, MailboxFull, codec_carrier
from protocol.message import Message
from tests.actors.kernel.players import Alarm, Parcel, Sample, Say


def read_all(mailbox: Mailbox) -> list[Message]:
    def envelopes() -> Iterator[Message]:
        while (envelope := mailbox.take()) is not None:
            yield envelope.message

    return list(envelopes())


def a_mailbox(messages_max: int = 2) -> tuple[Mailbox, ActorRef]:
    mailbox = Mailbox("somebody", messages_max, codec_carrier)
    return mailbox, ActorRef(mailbox)


def test_control_is_read_before_data_and_data_before_bulk() -> None:
    mailbox, ref = a_mailbox()
    ref.tell(Sample(source="cpu"))
    ref.tell(Say(text="one"))
    ref.tell(Alarm(text="fire"))
    ref.tell(Say(text="two"))
    assert read_all(mailbox) == [Alarm(text="fire"), Say(text="one"), Say(text="two"), Sample(source="cpu")]


def test_a_full_queue_refuses_while_the_others_have_room() -> None:
    mailbox, ref = a_mailbox()
    ref.tell(Say(text="one"))
    ref.tell(Say(text="two"))
    with pytest.raises(MailboxFull) as caught:
        ref.tell(Say(text="three"))
    assert caught.value.refusal.code == "unavailable"
    assert caught.value.refusal.retryable
    ref.tell(Alarm(text="fire"))
    assert read_all(mailbox) == [Alarm(text="fire"), Say(text="one"), Say(text="two")]


def test_a_full_queue_conflates_the_unread_message_of_the_same_key_in_its_place() -> None:
    mailbox, ref = a_mailbox()
    ref.tell(Sample(source="cpu", value=1))
    ref.tell(Sample(source="disk", value=1))
    ref.tell(Sample(source="cpu", value=2))
    assert read_all(mailbox) == [Sample(source="cpu", value=2), Sample(source="disk", value=1)]


def test_conflation_needs_the_same_key() -> None:
    mailbox, ref = a_mailbox()
    ref.tell(Sample(source="cpu", value=1))
    ref.tell(Sample(source="disk", value=1))
    with pytest.raises(MailboxFull):
        ref.tell(Sample(source="net", value=1))
    assert len(mailbox) == 2


def test_conflation_never_drops_a_question() -> None:
    mailbox, ref = a_mailbox(1)
    asker, _ = a_mailbox(1)
    ref.tell(Sample(source="cpu", value=1), reply_to=ActorRef(asker), token="7")
    with pytest.raises(MailboxFull):
        ref.tell(Sample(source="cpu", value=2))
    assert read_all(mailbox) == [Sample(source="cpu", value=1)]


def test_a_sender_that_may_not_wait_is_refused() -> None:
    _, ref = a_mailbox(1)
    ref.tell(Parcel(number=1))
    with pytest.raises(MailboxFull):
        ref.tell(Parcel(number=2))


async def test_a_waiting_sender_gets_in_when_there_is_room(autojump_clock: MockClock) -> None:
    mailbox, ref = a_mailbox(1)
    sent: list[int] = []

    async def send(number: int) -> None:
        await ref.tell_waiting(Parcel(number=number))
        sent.append(number)

    async with trio.open_nursery() as nursery:
        for number in (1, 2, 3):
            nursery.start_soon(send, number)
            await wait_all_tasks_blocked()
        assert sent == [1]
        assert read_all(mailbox) == [Parcel(number=1)]
        await wait_all_tasks_blocked()
        assert sent == [1, 2]
        assert read_all(mailbox) == [Parcel(number=2)]
    assert read_all(mailbox) == [Parcel(number=3)]


async def test_a_waiting_sender_may_give_up(autojump_clock: MockClock) -> None:
    mailbox, ref = a_mailbox(1)
    ref.tell(Parcel(number=1))
    with trio.move_on_after(3) as scope:
        await ref.tell_waiting(Parcel(number=2))
    assert scope.cancelled_caught
    assert read_all(mailbox) == [Parcel(number=1)]
    ref.tell(Parcel(number=3))
    assert read_all(mailbox) == [Parcel(number=3)]


async def test_only_messages_that_say_so_wait() -> None:
    _, ref = a_mailbox(1)
    await ref.tell_waiting(Say(text="one"))
    with pytest.raises(MailboxFull):
        await ref.tell_waiting(Say(text="two"))


async def test_a_waiting_sender_learns_that_the_actor_has_gone() -> None:
    mailbox, ref = a_mailbox(1)
    ref.tell(Parcel(number=1))
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(ActorGone):
                await ref.tell_waiting(Parcel(number=2))

        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        mailbox.close()


async def test_an_ask_waits_for_room_within_its_deadline(autojump_clock: MockClock) -> None:
    mailbox, ref = a_mailbox(1)
    ref.tell(Parcel(number=1))
    with pytest.raises(AskTimeout):
        await ref.ask(Parcel(number=2), timeout_seconds=3)
    assert trio.current_time() == 3
    assert read_all(mailbox) == [Parcel(number=1)]


def test_a_closed_mailbox_tells_the_senders() -> None:
    mailbox, ref = a_mailbox()
    mailbox.close()
    assert ref.is_gone
    with pytest.raises(ActorGone):
        ref.tell(Say(text="hello?"))


def test_what_is_no_message_is_refused_at_the_sender() -> None:
    _, ref = a_mailbox()
    with pytest.raises(KeyError):
        ref.tell(Message())


async def test_two_readers_are_a_bug() -> None:
    mailbox, _ = a_mailbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.wait)
        await wait_all_tasks_blocked()
        with pytest.raises(AssertionError, match="two readers"):
            await mailbox.wait()
        mailbox.wake()
