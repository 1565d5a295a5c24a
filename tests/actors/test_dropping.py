"""The transcripts see everything: nothing can be taken out of a decision, and no deciding line is left unplayed."""

from __future__ import annotations

import attrs
import pytest

from actors.entity.decision import Decision
from actors.inventory.facts import InventoryDecision
from protocol.node.commands import ShutdownDomain
from protocol.vm.commands import ShutdownVm
from protocol.vm.events import VmGuestUp
from tests.actors.comparison import compare, parts_of
from tests.actors.desk import desk
from tests.actors.dropping import Transcript, decisions_of, drops_of, survives, transcripts
from tests.actors.expected import cancel, event, timer, to_node
from tests.actors.playbook import fired
from tests.actors.reach import lines_of, modules, reached
from tests.actors.vm.lives import VM, booting, rebooting, up


def test_nothing_can_be_taken_out_of_a_decision(capsys: pytest.CaptureFixture[str]) -> None:
    tried, survived, played = 0, [], 0
    for transcript in transcripts():
        decisions = decisions_of(transcript)
        played += bool(decisions)
        for drop in drops_of(decisions):
            tried += 1
            if survives(transcript, drop):
                survived.append(f"{transcript.name}: decision {drop.decision} without {drop.what}")
    with capsys.disabled():
        print(f"\n{tried} drops from the decisions of {played} transcripts, {len(survived)} survived")
    assert survived == []
    assert tried > 1000, "the transcripts were not found"


def test_every_deciding_line_is_played() -> None:
    """Lines of the deciding modules that no transcript runs: write one that does, or take the line out."""
    ran = reached([transcript.run for transcript in transcripts()])
    desk.clear()
    missed = [f"{module}:{line}" for module in modules() for line in sorted(lines_of(module) - ran.get(module, set()))]
    assert missed == []


def test_a_transcript_that_looks_away_is_found_out() -> None:
    def looks_away() -> None:
        booting().when(fired("guest_up"))
        desk.open.clear()

    def looks() -> None:
        booting().when(fired("guest_up")).then(event(VmGuestUp))

    for run, is_blind in ((looks_away, True), (looks, False)):
        transcript = Transcript("", run)
        (drop,) = drops_of(decisions_of(transcript))
        assert survives(transcript, drop) is is_blind


def test_a_line_that_nobody_plays_is_found_out() -> None:
    ran = reached([lambda: booting().when(fired("guest_up")).then(event(VmGuestUp))])
    module = "actors/vm/operations/start.py"
    assert lines_of(module) & ran[module]
    assert lines_of(module) - ran[module]
    assert not ran["actors/host/decide.py"]


def test_a_when_without_its_then_fails() -> None:
    play = booting().when(fired("guest_up"))
    with pytest.raises(AssertionError, match="no `then` follows"):
        play.when(fired("guest_up"))
    with pytest.raises(AssertionError, match="no `then` follows"):
        desk.check()


def test_what_is_expected_and_not_decided_fails_and_the_other_way_round() -> None:
    with pytest.raises(AssertionError, match=r"missing: +event\(VmGuestUp"):
        up().when(fired("guest_up")).then(event(VmGuestUp))
    with pytest.raises(AssertionError, match="not expected: VmGuestUp"):
        booting().when(fired("guest_up")).then()
    desk.clear()


def test_no_field_of_a_decision_is_left_out_of_the_comparison() -> None:
    looked_at = {"ask", "release", "events", "effects", "audit", "reply", "keep", "answers", "outcome"}
    assert set(parts_of(Decision())) == looked_at
    assert set(parts_of(InventoryDecision())) == looked_at | {"changes"}
    fields = {field.name for field in attrs.fields(InventoryDecision)}
    assert fields - {"question"} == (looked_at | {"changes"}) - {"ask", "release"}


def test_effects_to_one_receiver_keep_their_order() -> None:
    play = rebooting().when(ShutdownVm(id=VM))
    play.decision = attrs.evolve(play.decision, events=(), audit=(), reply=None, outcome=None)
    node, end, wait = play.decision.effects
    expected = to_node(ShutdownDomain(vm_id=VM)), cancel("reboot"), timer("shutdown", 300)
    for order in ((node, end, wait), (end, node, wait), (end, wait, node)):
        play.decision = attrs.evolve(play.decision, effects=order)
        compare(play, expected)
    play.decision = attrs.evolve(play.decision, effects=(node, wait, end))
    with pytest.raises(AssertionError, match="too early"):
        compare(play, expected)
    play.decision = attrs.evolve(play.decision, effects=(node, end, end, wait))
    with pytest.raises(AssertionError, match="not expected: CancelTimer"):
        compare(play, expected)
    desk.clear()


def test_set_up_comes_before_the_transcript() -> None:
    with pytest.raises(AssertionError, match="before the first"):
        up().when(fired("guest_up")).then().given(fired("guest_up"))


def test_a_decision_is_altered_by_its_number() -> None:
    seen: list[int] = []

    def alter(number: int, decision: Decision) -> Decision:
        seen.append(number)
        return decision

    desk.alter.append(alter)
    try:
        up().when(fired("guest_up")).then().when(fired("guest_up")).then()
    finally:
        desk.alter.clear()
    assert seen == [0, 1]
