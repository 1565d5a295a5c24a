"""The search language: what is read, what is found, and what is refused with the keys that are known."""

from __future__ import annotations

import hypothesis
import pytest
import trio
from hypothesis import strategies as st

from gateway.read_model import ReadModel
from gateway.search.evaluate import Search
from gateway.search.grammar import All, AnyOf, Query, Term, Text, parse_search
from protocol.errors import BadInput
from protocol.registry import BY_KIND
from tests.gateway.fake_engine import named_id, small_engine


@pytest.fixture(scope="module")
def search() -> Search:
    model = ReadModel()
    model.load(trio.run(small_engine(vms=6).snapshot))
    return Search(model)


def names(search: Search, kind: str, text: str, *, case_sensitive: bool = True) -> list[str]:
    return [record.document.name for record in search.find(BY_KIND[kind], text, case_sensitive=case_sensitive)]


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
        ("vm", "ip=10.1.0.3", ["vm-3"]),
        ("vm", "memory>=1073741828", ["vm-4", "vm-5"]),
        ("vm", "creationtime<2029-01-01", []),
        ("vm", "vm-2", ["vm-2"]),
        ("host", "vm.name=vm-0", ["host-0"]),
        ("host", f"Vms.id={named_id('vm-2')}", ["host-0"]),
        ("disk", "storage.name=local", ["tiny"]),
        ("network", "datacenter.status=up", ["ovirtmgmt"]),
        ("template", "name=*", ["Blank", "tiny"]),
    ],
)
def test_finds(search: Search, kind: str, text: str, found: list[str]) -> None:
    assert names(search, kind, text) == found


def test_case_counts_unless_told() -> None:
    model = ReadModel()
    model.load(trio.run(small_engine(vms=1).snapshot))
    search = Search(model)
    assert names(search, "vm", "name=VM-0") == []
    assert names(search, "vm", "name=VM-0", case_sensitive=False) == ["vm-0"]
    assert names(search, "cluster", "name=DEFAULT", case_sensitive=False) == ["Default"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bogus=1", "Known are: apps,"), ("tag.name=x", "no key 'tag.name'"), ("name=", "cannot be read"),
        ("(name=a", "cannot be read"), ("Hosts: name=a", "for 'hosts'"), ("memory=lots", "no integer"),
        ("creationtime>yesterday", "no time"), ("name=" + "*a" * 20, "wildcards"), ("x" * 5_000, "characters"),
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
