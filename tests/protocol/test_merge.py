"""Laying one document over another: for any two documents of any class of the registry."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.document import Ref, about
from protocol.inventory.model import Cpu, CpuTopology
from protocol.merge import merge, writable
from protocol.registry import RESOURCES
from protocol.vm.model import Boot, OperatingSystem, Vm
from tests.protocol.examples import any_of, example

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
classes = [resource.cls for resource in RESOURCES]


def pairs() -> st.SearchStrategy[tuple[Any, Any]]:
    return st.sampled_from(classes).flatmap(lambda cls: st.tuples(any_of(cls), any_of(cls)))


def read_only_values(document: Any, path: str = "") -> dict[str, Any]:
    """What only the engine writes, by path, nested documents included (lists are replaced whole)."""
    found: dict[str, Any] = {}
    for field in attrs.fields(type(document)):
        value, where = getattr(document, field.name), f"{path}{field.name}"
        if about(field).read_only:
            found[where] = value
        elif attrs.has(type(value)) and not isinstance(value, Ref):
            found |= read_only_values(value, f"{where}.")
    return {where: value for where, value in found.items() if value is not None}


@quick
@given(pairs())
def test_merging_twice_is_merging_once(pair: tuple[Any, Any]) -> None:
    base, changes = pair
    once = merge(base, changes)
    assert merge(once, changes) == once


@quick
@given(pairs())
def test_nothing_set_changes_nothing(pair: tuple[Any, Any]) -> None:
    base, _ = pair
    assert merge(base, type(base)()) is base
    assert merge(base, base) is base


@quick
@given(pairs())
def test_read_only_attributes_stay_as_they_are(pair: tuple[Any, Any]) -> None:
    base, changes = pair
    assert read_only_values(merge(base, changes)) == read_only_values(base)


@quick
@given(pairs())
def test_what_may_be_written_is_written(pair: tuple[Any, Any]) -> None:
    base, changes = pair
    merged = merge(base, changes)
    for field in attrs.fields(type(base)):
        value, after = getattr(changes, field.name), getattr(merged, field.name)
        if about(field).read_only:
            continue
        if value is None:
            assert after == getattr(base, field.name)
        elif not attrs.has(type(value)) or isinstance(value, Ref):
            assert after == value


@quick
@given(pairs())
def test_the_engine_writes_all_of_it(pair: tuple[Any, Any]) -> None:
    base, changes = pair
    merged = merge(base, changes, read_only=True)
    for field in attrs.fields(type(base)):
        if getattr(changes, field.name) is None:
            assert getattr(merged, field.name) == getattr(base, field.name)
    assert merge(type(base)(), changes, read_only=True) == changes


@quick
@given(st.sampled_from(classes).flatmap(any_of))
def test_writable_leaves_no_read_only_attribute(document: Any) -> None:
    left = writable(document)
    assert read_only_values(left) == {}
    assert writable(left) is left or writable(left) == left


@pytest.mark.parametrize("cls", classes, ids=lambda cls: cls.__name__)
def test_neither_document_is_changed(cls: type[Any]) -> None:
    base, changes = cls(), example(cls)
    merge(base, changes)
    assert base == cls()
    assert changes == example(cls)


def test_nested_values_are_merged_and_lists_replaced() -> None:
    base = Vm(
        name="a",
        cpu=Cpu(architecture="x86_64", topology=CpuTopology(sockets=2, cores=3)),
        os=OperatingSystem(boot=Boot(devices=("hd", "network"))),
        cluster=Ref(id="one", name="n"),
    )
    changes = Vm(
        cpu=Cpu(topology=CpuTopology(cores=4)), os=OperatingSystem(boot=Boot(devices=("cdrom",))), cluster=Ref(id="two")
    )
    assert merge(base, changes) == Vm(
        name="a",
        cpu=Cpu(architecture="x86_64", topology=CpuTopology(sockets=2, cores=4)),
        os=OperatingSystem(boot=Boot(devices=("cdrom",))),
        cluster=Ref(id="two"),  # never one object's id with another's name
    )


def test_a_read_only_attribute_does_not_come_in_by_a_new_parent() -> None:
    assert merge(Vm(), Vm(cpu=Cpu(name="EPYC", type="custom"))) == Vm(cpu=Cpu(type="custom"))
    assert merge(Vm(), Vm(cpu=Cpu(name="EPYC"))) == Vm()
    assert merge(Vm(), Vm(cpu=Cpu(name="EPYC")), read_only=True) == Vm(cpu=Cpu(name="EPYC"))


def test_false_zero_and_an_empty_list_are_values() -> None:
    base = Vm(stateless=True, description="text", os=OperatingSystem(boot=Boot(devices=("hd",))))
    changes = Vm(stateless=False, description="", os=OperatingSystem(boot=Boot(devices=())))
    assert merge(base, changes) == changes
