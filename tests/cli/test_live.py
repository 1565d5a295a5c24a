"""Watching, waiting, following and verifying over a real WebSocket; reconnects and broken rules included."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest

from cli.client import contexts
from cli.live import wait
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway
from tests.cli.fake_live import FakeLive, change, entity, serving, snapshot, subscribed

Play = Callable[..., FakeLive]


@pytest.fixture
def play(fake: FakeGateway) -> Iterator[Play]:
    with ExitStack() as stack:

        def start(*plays: list[Any]) -> FakeLive:
            live = stack.enter_context(serving(FakeLive(*plays)))
            contexts.remember(dataclasses.replace(contexts.active(), ws_url=live.url))
            return live

        yield start


def job(id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "status": status, "description": "Starting VM web1", **more}


def test_an_action_waits_for_its_job_and_for_the_vm(fake: FakeGateway, corral: Corral, play: Play) -> None:
    id = fake.put("vms", name="web1", status="wait_for_launch")
    fake.put("jobs", **job("j1", "started"))
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    live = play([
        subscribed(5),
        snapshot(5, entity("job", "j1", status="started"), entity("vm", id, status="wait_for_launch")),
        change(6, 5, "job", "j1", status="finished"),
        change(7, 6, "vm", id, status="powering_up"),
        change(8, 7, "vm", id, version=3, status="up"),
    ])  # fmt: skip
    ran = corral("vm", "start", "web1", "--timeout", "10s")
    assert (ran.code, ran.err) == (0, "VM web1: start done (up).\n")
    assert live.subscribed[0]["kinds"] == ["job", "vm"]
    assert live.subscribed[0]["ids"] == ["j1", id]
    assert live.headers[0]["authorization"] == "Bearer token-1"


def test_a_wait_that_takes_long_says_what_for(
    fake: FakeGateway, corral: Corral, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, echo = threading.Event(), click.echo

    def heard(*words: Any, **more: Any) -> None:
        echo(*words, **more)
        said.set()

    monkeypatch.setattr(wait, "_quiet_seconds", 0.01)
    monkeypatch.setattr(click, "echo", heard)
    id = fake.put("vms", name="web1", status="powering_up")
    fake.put("jobs", **job("j1", "finished"))
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    frames = [entity("job", "j1", status="finished"), entity("vm", id, status="powering_up")]
    play([subscribed(5), snapshot(5, *frames), said, change(6, 5, "vm", id, version=3, status="up")])
    ran = corral("vm", "start", "web1", "--timeout", "10s")
    assert ran.err.splitlines() == [
        "powering_up  waiting for the guest agent; a VM without one counts as up after a while",
        "VM web1: start done (up).",
    ]


def test_a_job_that_fails_fails_the_command(fake: FakeGateway, corral: Corral, play: Play) -> None:
    id = fake.put("vms", name="web1", status="down")
    fake.put("jobs", **job("j1", "started"))
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    play([
        subscribed(5), snapshot(5, entity("job", "j1", status="started"), entity("vm", id, status="wait_for_launch")),
        change(6, 5, "job", "j1", status="failed", reason="QEMU ended at once."),
    ])  # fmt: skip
    ran = corral("vm", "start", "web1")
    assert ran.code == 10
    assert ran.err == "corral: VM web1: start: QEMU ended at once. (corral job show j1)\n"


def test_waiting_ends_and_the_operation_goes_on(fake: FakeGateway, corral: Corral, play: Play) -> None:
    id = fake.put("vms", name="web1", status="wait_for_launch")
    fake.put("jobs", **job("j1", "started"))
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    play(
        [subscribed(5), snapshot(5, entity("job", "j1", status="started"), entity("vm", id, status="wait_for_launch"))]
    )
    ran = corral("vm", "start", "web1", "--timeout", "0.3")
    assert ran.code == 2
    assert ran.err == "corral: the VM is wait_for_launch after 0.3 s. The operation continues: corral job show j1\n"


def test_no_wait_names_the_job(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1", status="down")
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    assert (
        corral("vm", "start", "web1", "--no-wait").err
        == "VM web1: start was accepted. Follow it with: corral job show j1\n"
    )


def test_without_a_live_port_a_wait_asks(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1", status="up")
    fake.put("jobs", **job("j1", "finished"))
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    assert corral("vm", "start", "web1").err == "VM web1: start done (up).\n"


def test_a_list_is_watched_live(fake: FakeGateway, corral: Corral, play: Play) -> None:
    live = play([
        subscribed(5),
        snapshot(5, entity("vm", "a", name="web1", status="down"), entity("host", "h", name="alpha")),
        0.2, change(6, 5, "vm", "a", name="web1", status="up", host={"id": "h"}),
        0.2, change(7, 6, "vm", "a", version=3),
        0.3, {"op": "error", "refusal": {"reason": "The session has ended.", "code": "unauthenticated"}},
    ])  # fmt: skip
    ran = corral("vm", "list", "--watch", "--columns", "name,status,host")
    first, second, third = ran.out.split("\n\n")
    assert first.splitlines()[1].split() == ["web1", "down"]
    assert second.splitlines()[1].split() == ["web1", "up", "alpha"]
    assert third.split() == ["NAME", "STATUS", "HOST"]
    assert ran.code == 10
    assert "Log in again with: corral login" in ran.err
    assert live.subscribed[0]["kinds"] == ["vm", "host"]


def test_a_search_by_tag_is_asked_anew_when_tags_change(fake: FakeGateway, corral: Corral, play: Play) -> None:
    fake.put("vms", name="web1")
    live = play([
        subscribed(5), snapshot(5),
        0.2, change(6, 5, "assignment", "x", holder="vm", relation="tag"),
        0.3, change(7, 6, "tag", "t", name="renamed"),
        0.3, {"op": "error", "refusal": {"reason": "The session has ended.", "code": "unauthenticated"}},
    ])  # fmt: skip
    corral("vm", "list", "--watch", "--query", "tag = prod", "-o", "name")
    assert {"vm", "tag", "assignment"} <= set(live.subscribed[0]["kinds"])
    assert len([path for _, path, *_ in fake.requests if "search=" in path]) == 3


def test_a_lost_connection_is_resumed(fake: FakeGateway, corral: Corral, play: Play) -> None:
    live = play(
        [subscribed(5), snapshot(5), change(6, 5, "event", "6", description="one", severity="normal"), None],
        [subscribed(6, resumed=True), change(9, 6, "event", "9", description="two", severity="error")],
    )
    ran = corral("events", "--follow", "--count", "2")
    assert [line.split()[2:] for line in ran.out.splitlines()] == [["6", "normal", "one"], ["9", "error", "two"]]
    assert [one["cursor"] for one in live.subscribed] == ["", "c6"]


def test_a_snapshot_that_was_cut_off_is_asked_for_anew(fake: FakeGateway, corral: Corral, play: Play) -> None:
    live = play(
        [subscribed(5), snapshot(5, entity("vm", "a", name="web1"), last=False), None],
        [
            subscribed(5), snapshot(5, entity("vm", "a", name="web1"), last=False), snapshot(5, entity("vm", "b", name="web2")),
            0.2, {"op": "error", "refusal": {"reason": "The session has ended.", "code": "unauthenticated"}},
        ],
    )  # fmt: skip
    ran = corral("vm", "list", "--watch", "-o", "name")
    assert ran.out.split() == ["web1", "web2"]
    assert [one["cursor"] for one in live.subscribed] == ["", ""]


def test_verify_proves_order_and_the_state(fake: FakeGateway, corral: Corral, play: Play, tmp_path: Path) -> None:
    play(
        [subscribed(5), snapshot(5, entity("vm", "a", status="down")), change(6, 5, "vm", "a", status="up")],
        [subscribed(6), snapshot(6, entity("vm", "a", version=2, status="up"))],
        [subscribed(6, resumed=True)],
    )
    ran = corral("events", "--verify", "--count", "1", "--cursor", str(tmp_path / "cursor"))
    assert ran.out == (
        "verified: changes 1, snapshots 1, resyncs 0, connections 1, sequence 5..6, "
        "1 objects as in a fresh snapshot, violations 0\n"
    )
    assert ran.code == 0
    assert json.loads((tmp_path / "cursor").read_text()) == {"cursor": "c6", "stream_id": "s", "sequence": 6}


BROKEN = {
    "gap": [subscribed(5), snapshot(5), change(9, 8, "vm", "a", name="x")],
    "repeated": [subscribed(5), snapshot(5), change(6, 5, "vm", "a", name="x"), change(6, 5, "vm", "a", name="x")],
    "before the snapshot was whole": [subscribed(5), change(6, 5, "vm", "a", name="x")],
    "no resync announced": [subscribed(5), snapshot(5), snapshot(6), change(7, 6, "vm", "a", name="x")],
    "the first frame is change": [change(6, 5, "vm", "a", name="x")],
    "from version 3 to 2": [
        subscribed(5),
        snapshot(5, entity("vm", "a", version=3)),
        change(6, 5, "vm", "a", name="x"),
    ],
}


@pytest.mark.parametrize("rule", BROKEN)
def test_verify_tells_what_is_broken(fake: FakeGateway, corral: Corral, play: Play, rule: str) -> None:
    play(BROKEN[rule])
    ran = corral("events", "--verify", "--for", "0.4")
    assert ran.code == 10
    assert rule in ran.err
    assert "violations 0" not in ran.out


def test_a_fold_that_is_not_the_snapshot(fake: FakeGateway, corral: Corral, play: Play) -> None:
    play(
        [subscribed(5), snapshot(5, entity("vm", "a", status="down"))],
        [subscribed(5), snapshot(5, entity("vm", "a", status="up"), entity("vm", "b"))],
        [subscribed(5, resumed=True)],
    )
    ran = corral("events", "--verify", "--for", "0.3")
    assert ran.code == 10
    assert "vm a differs" in ran.err
    assert "vm b is only in the snapshot" in ran.err


def test_a_cursor_file_resumes(fake: FakeGateway, corral: Corral, play: Play, tmp_path: Path) -> None:
    (tmp_path / "cursor").write_text('{"cursor": "c7", "stream_id": "s", "sequence": 7}')
    live = play([subscribed(7, resumed=True), change(8, 7, "event", "8", description="new", severity="normal")])
    ran = corral("events", "--follow", "--count", "1", "--cursor", str(tmp_path / "cursor"))
    assert "new" in ran.out
    assert live.subscribed[0]["cursor"] == "c7"
    assert json.loads((tmp_path / "cursor").read_text())["sequence"] == 8


def test_a_console_speaks_by_script(fake: FakeGateway, corral: Corral, play: Play) -> None:
    fake.put("vms", name="web1", status="up")
    live = play()
    ran = corral("console", "web1", "--expect", "login:", "--send", "root", "--expect", "said RO+T", "--timeout", "5")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("tiny login: you said ROOT")
    assert live.console == [b"root\r"]


def test_a_console_that_does_not_say_it(fake: FakeGateway, corral: Corral, play: Play) -> None:
    fake.put("vms", name="web1", status="up")
    play()
    ran = corral("console", "web1", "--expect", "welcome", "--timeout", "0.3")
    assert ran.code == 2
    assert "'welcome' did not appear within 0.3 s. The guest sent: 'tiny login:'" in ran.err
