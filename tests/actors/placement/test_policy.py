"""Each filter gives its reason, each weight its order; the choice is explained and the same for the same input."""

from __future__ import annotations

import pytest

from actors.placement.columns import HostColumns
from actors.placement.messages import Place
from actors.placement.policy import all_filters, choose, evenly_distributed
from tests.actors.placement.hosts import host, place, vm


def columns(*documents: object) -> HostColumns:
    made = HostColumns()
    for document in documents:
        made.observe(type(document).__name__.lower(), document.id, document)  # type: ignore[attr-defined]
    return made


def chosen(hosts: HostColumns, request: Place, policy: object = evenly_distributed) -> str | None:
    row = choose(policy, request, hosts).row  # type: ignore[arg-type]
    return None if row is None else hosts.names[row]


@pytest.mark.parametrize(
    ("document", "request_", "reason"),
    [
        (host("a", status="non_responsive"), place(), "up: the host is non responsive"),
        (host("a", cluster="c2"), place(), "cluster: the host is in another cluster"),
        (host("a"), place(pinned_host_ids=("id-b",)), "pin: the VM is pinned to other hosts"),
        (
            host("a"),
            place(required_host_ids=("id-b",)),
            "storage access: the host does not reach the storage of the VM's disks",
        ),
        (host("a", cpus=2), place(cpus=4), "cpu: the host has 2 CPUs, the VM needs 4"),
        (host("a", gib=1), place(gib=2), "memory: 768 MiB are free, 2080 MiB are needed"),
    ],
)
def test_a_filter_says_why(document: object, request_: Place, reason: str) -> None:
    choice = choose(evenly_distributed, request_, columns(document))
    assert choice.row is None
    assert choice.reasons() == (f"a: {reason}",)
    (line,) = choice.explanation()
    assert line.refused == reason


def test_each_filter_lets_a_fitting_host_through() -> None:
    hosts = columns(host("a"))
    request = place(pinned_host_ids=("id-a",), required_host_ids=("id-a",))
    for rule in all_filters:
        assert rule.refusals(request, hosts, hosts.rows()) == {}


def test_the_emptier_host_wins() -> None:
    hosts = columns(host("a"), host("b"), vm("v", "a"))
    assert chosen(hosts, place()) == "b"


def test_the_larger_host_takes_more() -> None:
    assert chosen(columns(host("a", gib=8, cpus=4), host("b", gib=64, cpus=32)), place()) == "b"


def test_equal_hosts_are_taken_by_name() -> None:
    assert chosen(columns(host("b"), host("a"), host("c")), place()) == "a"


def test_the_explanation_names_every_host_best_first() -> None:
    hosts = columns(host("a"), host("b"), host("c", status="maintenance"), vm("v", "a"))
    lines = choose(evenly_distributed, place(), hosts).explanation()
    assert [line.host_name for line in lines] == ["b", "a", "c"]
    assert lines[0].total < lines[1].total
    assert [name for name, _ in lines[0].scores] == ["even cpu", "even memory", "even vm count"]
    assert lines[0].total == pytest.approx(sum(score for _, score in lines[0].scores), abs=0.01)
    assert lines[2].refused == "up: the host is maintenance"
    assert len(choose(evenly_distributed, place(), hosts).explanation(2)) == 2
