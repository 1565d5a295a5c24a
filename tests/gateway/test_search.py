"""The search language: what is read, what is found, and what is refused with the keys that are known."""

from __future__ import annotations

import hypothesis
import pytest
import trio
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.read_model.model import ReadModel
from gateway.search.evaluate import Search
from gateway.search.grammar import All, AnyOf, Query, Term, Text, parse_search
from protocol.errors import BadInput
from protocol.live.engine import Snapshot
from protocol.registry import BY_KIND
from tests.engine.installation import small_installation
from tests.engine.names import named_id


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Six VMs, on simulated time: vm-0, vm-2 and vm-4 run, all on host-0."""

    async def taken() -> Snapshot:
        async with small_installation(vms=6, hosts=2) as site:
            return await site.engine.port.snapshot()

    return trio.run(taken, clock=MockClock(autojump_threshold=0))


@pytest.fixture
def search(snapshot: Snapshot) -> Search:
    model = ReadModel()
    model.load(snapshot)
    return Search(model)


def names(search: Search, kind: str, text: str, *, case_sensitive: bool = True) -> list[str]:
    """In the order that a query asks for, else in that of their names."""
    found = [record.document.name for record in search.find(BY_KIND[kind], text, case_sensitive=case_sensitive)]
    return found if "sortby" in text else sorted(found)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("*", Query(condition=Text("*"))),
        ("name=x", Query(condition=Term(("name",), "=", "x"))),
        ('Vms: name = "x y"', Query(prefix="vms", condition=Term(("name",), "=", "x y"))),
        ("cluster.name != a", Query(condition=Term(("cluster", "name"), "!=", "a"))),
        ("a=1 and b=2", Query(condition=All((Term(("a",), "=", "1"), Term(("b",), "=", "2"))))),
        ("a=1 b=2", Query(condition=All((Term(("a",), "=", "1"), Term(("b",), "=", "2"))))),
        (
            "a=1 or b=2 and c=3",
            Query(condition=AnyOf((Term(("a",), "=", "1"), All((Term(("b",), "=", "2"), Term(("c",), "=", "3")))))),
        ),
        ("name=page", Query(condition=Term(("name",), "=", "page"))),
        ("android", Query(condition=Text("android"))),
        ("sortby name desc page 3", Query(sort=("name",), descending=True, page=3)),
        ("ip=10.0.0.1", Query(condition=Term(("ip",), "=", "10.0.0.1"))),
        ("mac=56:6f:00:00:00:01", Query(condition=Term(("mac",), "=", "56:6f:00:00:00:01"))),
    ],
)
def test_reads(text: str, query: Query) -> None:
    assert parse_search(text) == query


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("vm", "name=vm-1", ["vm-1"]),
        ("vm", "name=vm-* and status=down", ["vm-1", "vm-3", "vm-5"]),
        ("vm", "status=UP", ["vm-0", "vm-2", "vm-4"]),
        ("vm", "status=poweringup or name=vm-3", ["vm-3"]),
        ("vm", "(name=vm-1 or name=vm-2) and status=up", ["vm-2"]),
        ("vm", "cluster=Default and name=vm-5", ["vm-5"]),
        ("vm", "Clusters.name=Def* page 2", []),
        ("vm", "host.name=host-0 sortby name desc", ["vm-4", "vm-2", "vm-0"]),
        ("vm", "host!=host-0", ["vm-1", "vm-3", "vm-5"]),
        ("vm", "datacenter=Default and name!=vm-0", ["vm-1", "vm-2", "vm-3", "vm-4", "vm-5"]),
        ("vm", f"id={named_id('vm-2')}", ["vm-2"]),
        ("vm", "memory>=1077936128", ["vm-4", "vm-5"]),
        ("vm", "creationtime<2029-01-01", []),
        ("vm", "vm-2", ["vm-2"]),
        ("host", "vm.name=vm-0", ["host-0"]),
        ("host", f"Vms.id={named_id('vm-2')}", ["host-0"]),
        ("vm", "fqdn=vm-*", ["vm-0", "vm-2", "vm-4"]),
        ("disk", "storage.name=local", ["tiny_Disk1"]),
        ("network", "datacenter.status=up", ["ovirtmgmt"]),
        ("template", "name=*", ["Blank", "tiny"]),
    ],
)
def test_finds(search: Search, kind: str, text: str, found: list[str]) -> None:
    assert names(search, kind, text) == found


def test_an_address_finds_the_vm_that_reported_it(search: Search, snapshot: Snapshot) -> None:
    (vm,) = (entity.document for entity in snapshot.entities if entity.id == named_id("vm-2"))
    assert names(search, "vm", f"ip={vm.reported_devices[0].ips[0].address}") == ["vm-2"]


def test_case_counts_unless_told(search: Search) -> None:
    assert names(search, "vm", "name=VM-0") == []
    assert names(search, "vm", "name=VM-0", case_sensitive=False) == ["vm-0"]
    assert names(search, "cluster", "name=DEFAULT", case_sensitive=False) == ["Default"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bogus=1", "Known keys: apps,"), ("tag.name=x", "no key 'tag.name'"), ("name=", "cannot be read"),
        ("(name=a", "cannot be read"), ("Hosts: name=a", "for 'hosts'"), ("memory=lots", "not an integer"),
        ("creationtime>yesterday", "not a time"), ("name=" + "*a" * 20, "wildcards"), ("x" * 5_000, "characters"),
        ("creationtime=9999-12-31", "not a time"), ("creationtime<9999-12-31T23:59:59.5", "not a time"),
        (" or ".join("x" * 31), "31 words and conditions"),
        ("(" * 60 + "a" + ")" * 60, "parentheses"), ("name=a sortby bogus", "no key 'bogus'"),
    ],
)  # fmt: skip
def test_refuses(search: Search, text: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        search.find(BY_KIND["vm"], text)
    assert reason in str(refused.value.refusal)


@hypothesis.given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_search(text)
    except BadInput:
        pass
