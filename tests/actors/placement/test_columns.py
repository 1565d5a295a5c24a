"""The columns are what a count over all rows would give, whatever came in whichever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.placement.columns import HostColumns, qemu_overhead_bytes
from tests.actors.placement.hosts import GiB, host, vm


def test_a_vm_counts_where_it_runs() -> None:
    columns = HostColumns()
    columns.observe("host", "id-a", host("a"))
    columns.observe("vm", "id-v", vm("v", "a", gib=2, cpus=3))
    row = columns.row_of("id-a")
    assert row is not None
    assert columns.taken_bytes[row] == 2 * GiB + qemu_overhead_bytes
    assert (columns.taken_vcpus[row], columns.vms[row]) == (3, 1)
    columns.observe("vm", "id-v", vm("v", "a", status="down"))
    assert (columns.taken_bytes[row], columns.taken_vcpus[row], columns.vms[row]) == (0, 0, 0)


def test_a_hold_ends_when_the_row_says_where_the_vm_runs() -> None:
    columns = HostColumns()
    columns.observe("host", "id-a", host("a"))
    row = columns.row_of("id-a")
    assert row is not None
    columns.hold("op", "id-v", row, GiB, 1)
    assert columns.vms[row] == 1
    columns.observe("vm", "id-v", vm("v", "a"))
    assert columns.vms[row] == 1
    columns.release("op")
    assert columns.vms[row] == 1
    columns.observe("vm", "id-v", None)
    assert columns.vms[row] == 0


def test_a_vm_may_name_its_host_first() -> None:
    columns = HostColumns()
    columns.observe("vm", "id-v", vm("v", "a"))
    assert columns.rows() == []
    columns.observe("host", "id-a", host("a"))
    (row,) = columns.rows()
    assert columns.vms[row] == 1


names = st.sampled_from("abc")
changes: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("host"), names, st.sampled_from(["up", "maintenance", None])),
    st.tuples(st.just("vm"), st.sampled_from("vwxyz"), st.one_of(st.none(), names), st.booleans()),
    st.tuples(st.just("hold"), st.sampled_from("vwxyz"), names, st.sampled_from(["op-1", "op-2", "op-3"])),
    st.tuples(st.just("let go"), st.sampled_from(["op-1", "op-2", "op-3"])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(changes, max_size=60))
def test_whatever_comes_the_columns_count_right(made: list[tuple[Any, ...]]) -> None:
    columns = HostColumns()
    hosts: dict[str, Any] = {}
    running: dict[str, str] = {}
    held: dict[str, tuple[str, str]] = {}  # operation: VM, host
    for change in made:
        match change:
            case ("host", name, status):
                document = host(name, status=status) if status else None
                columns.observe("host", f"id-{name}", document)
                hosts.pop(name, None)
                if document:
                    hosts[name] = document
            case ("vm", name, on, exists):
                columns.observe("vm", f"id-{name}", vm(name, on) if exists else None)
                running.pop(name, None)
                if exists and on:
                    running[name] = on
                    held = {op: hold for op, hold in held.items() if hold[0] != name}
            case ("hold", name, on, operation):
                row = columns.row_of(f"id-{on}")
                if row is None or operation in held:
                    continue
                columns.hold(operation, f"id-{name}", row, GiB, 1)
                held = {op: hold for op, hold in held.items() if hold[0] != name}
                if name not in running:
                    held[operation] = (name, on)
            case ("let go", operation):
                columns.release(operation)
                held.pop(operation, None)
    assert [columns.names[row] for row in columns.rows()] == sorted(hosts)
    for name in hosts:
        row = columns.row_of(f"id-{name}")
        assert row is not None
        expected = sum(on == name for on in running.values()) + sum(on == name for _, on in held.values())
        assert (columns.vms[row], columns.taken_vcpus[row]) == (expected, expected)
        assert columns.taken_bytes[row] == expected * (GiB + qemu_overhead_bytes)
