"""P1: questions a second between supervised actors, against two bare memory channels."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial

import attrs
import trio

from actors.kernel import Actor, Directory, Envelope, Ports
from bench import Grown, Row, side_by_side
from protocol.message import Message, message
from supervisors.observe import Observed
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.tree import running


@message("bench.ping")
@attrs.frozen(kw_only=True)
class Ping(Message):
    number: int = 0


class Echo(Actor):
    async def receive(self, envelope: Envelope) -> None:
        self.context.reply(envelope, envelope.message)


async def _rate(pairs: int, asks_each: int, ask_all: Callable[[int], Awaitable[None]]) -> float:
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for number in range(pairs):
            nursery.start_soon(ask_all, number)
    return pairs * asks_each / (time.perf_counter() - began)


async def channels(pairs: int, asks_each: int) -> float:
    """The floor: a task behind a memory channel answers through another."""
    async with trio.open_nursery() as nursery:
        askers = []
        for _ in range(pairs):
            send_question, questions = trio.open_memory_channel[Ping](16)
            send_answer, answers = trio.open_memory_channel[Ping](16)

            async def serve(
                questions: trio.MemoryReceiveChannel[Ping] = questions,
                send_answer: trio.MemorySendChannel[Ping] = send_answer,
            ) -> None:
                async for question in questions:
                    await send_answer.send(question)

            nursery.start_soon(serve)
            askers.append((send_question, answers))

        async def ask_all(pair: int) -> None:
            send_question, answers = askers[pair]
            for number in range(asks_each):
                await send_question.send(Ping(number=number))
                await answers.receive()

        rate = await _rate(pairs, asks_each, ask_all)
        nursery.cancel_scope.cancel()
    return rate


async def actors(pairs: int, asks_each: int) -> float:
    """Ours: a supervised actor behind its ref."""
    spec = SupervisorSpec("bench", children=tuple(ChildSpec(str(number), Echo) for number in range(pairs)))
    directory = Directory()
    async with running(spec, Ports.system(), directory, observer=_unseen):
        refs = list(directory.under("bench/"))

        async def ask_all(pair: int) -> None:
            ref = refs[pair]
            for number in range(asks_each):
                await ref.ask(Ping(number=number), timeout_seconds=30)

        return await _rate(pairs, asks_each, ask_all)


def _unseen(_: Observed) -> None:
    """Starts and stops are not what is measured."""


def run(full: bool) -> Row:
    asks, rounds = (80_000, 9) if full else (16_000, 5)
    growth = []
    for pairs in (1, 4, 16):
        floor, ours = side_by_side(
            partial(trio.run, channels, pairs, asks // pairs), partial(trio.run, actors, pairs, asks // pairs), rounds
        )
        growth.append(Grown(pairs, floor, ours))
    first = growth[0]
    return Row(
        id="P1",
        what="ask between two supervised actors (typed, deadline)",
        unit="asks/s",
        floor=first.floor,
        ours=first.ours,
        goal=">= 0.9x two channels",
        is_met=first.ours >= 0.9 * first.floor,
        growth=tuple(growth),
    )
