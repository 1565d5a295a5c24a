"""Rows and their indexes: by name and by reference, through puts, renames, moves and drops."""

from __future__ import annotations

from typing import Any

import pytest

from actors.entity.rows import Rows
from actors.journal.port import EntityRemoval, EntityRow, EntityWrite, Transaction
from protocol.codec import encode
from protocol.document import Ref
from protocol.vm.model import Vm


def row(id: str, version: int = 1, **more: Any) -> EntityRow:
    document = Vm(id=id, **more)
    return EntityRow("vm", id, version, document.name, "", b"", encode(document))


def test_a_row_is_found_by_id_name_and_reference() -> None:
    rows = Rows()
    rows.load([row("1", name="web", host=Ref(id="h"), cluster=Ref(id="c")), row("2", name="db", cluster=Ref(id="c"))])
    assert rows.document("vm", "1") == Vm(id="1", name="web", host=Ref(id="h"), cluster=Ref(id="c"))
    assert rows.document("vm", "1") is rows.document("vm", "1"), "decoded once"
    assert [vm.id for vm in rows.named(Vm, "web")] == ["1"]
    assert rows.get(Vm, "1") is rows.get(Vm, Ref(id="1")) is rows.document("vm", "1")
    assert rows.name_of("vm", "1") == "web"
    assert rows.referring("vm", "host", "h") == ["1"]
    assert rows.referring("vm", "cluster", "c") == ["1", "2"]
    assert [vm.name for vm in rows.referring_to(Vm, "cluster", "c")] == ["web", "db"]
    assert [vm.name for vm in rows.all(Vm)] == ["web", "db"]


def test_what_is_not_there_is_none_or_empty() -> None:
    rows = Rows()
    assert rows.row("vm", "1") is None
    assert rows.document("vm", "1") is rows.get(Vm, "1") is rows.get(Vm, None) is None
    assert rows.name_of("vm", "1") == "1"
    assert rows.named(Vm, "web") == rows.referring("vm", "host", "h") == []
    rows.drop("vm", "1")


def test_a_renamed_one_is_found_by_its_new_name_alone() -> None:
    rows = Rows()
    rows.put(row("1", name="web"))
    rows.put(row("1", 2, name="www"))
    assert rows.named(Vm, "web") == []
    assert [vm.id for vm in rows.named(Vm, "www")] == ["1"]


def test_one_that_moved_is_found_where_it_is_alone() -> None:
    rows = Rows()
    rows.put(row("1", name="web", host=Ref(id="h")))
    rows.put(row("1", 2, name="web", host=Ref(id="i")))
    assert (rows.referring("vm", "host", "h"), rows.referring("vm", "host", "i")) == ([], ["1"])
    rows.put(row("1", 3, name="web"))
    assert rows.referring("vm", "host", "i") == []


def test_a_dropped_one_is_found_by_nothing() -> None:
    rows = Rows()
    rows.put(row("1", name="web", host=Ref(id="h")))
    rows.put(row("2", name="web", host=Ref(id="h")))
    rows.drop("vm", "1")
    assert rows.row("vm", "1") is None
    assert [vm.id for vm in rows.named(Vm, "web")] == ["2"], "names are unique within a parent only"
    assert rows.referring("vm", "host", "h") == ["2"]


def test_nothing_is_kept_of_names_and_references_that_nobody_bears() -> None:
    rows = Rows()
    for number in range(100):
        rows.put(row("1", number + 1, name=f"n{number}", host=Ref(id=f"h{number}")))
    rows.drop("vm", "1")
    assert (rows._names, rows._references) == ({}, {})


def test_a_row_without_a_document_has_no_name() -> None:
    rows = Rows()
    rows.put(EntityRow("epoch", "1", 1, None, None, b"state", None))
    assert rows.document("epoch", "1") is None
    assert rows.name_of("epoch", "1") == "1"
    assert rows.row("epoch", "1") is not None


def test_observers_hear_of_what_there_is_and_of_every_change() -> None:
    rows = Rows()
    rows.put(row("1", name="web"))
    heard: list[str] = []
    rows.observe(lambda _, key, document: heard.append(f"{key} {document.name if document else 'gone'}"))
    rows.put(row("1", 2, name="www"))
    rows.put(row("2", name="db"))
    rows.drop("vm", "1")
    assert heard == ["1 web", "1 www", "2 db", "1 gone"]


def test_an_observer_finds_the_indexes_in_step() -> None:
    rows = Rows()
    seen: list[list[str]] = []
    rows.observe(lambda *_: seen.append(rows.referring("vm", "host", "h")))
    rows.put(row("1", name="web", host=Ref(id="h")))
    rows.drop("vm", "1")
    assert seen == [["1"], []]


@pytest.mark.parametrize("gone", [False, True])
def test_a_confirmed_transaction_is_in_the_rows(gone: bool) -> None:
    rows = Rows()
    rows.put(row("1", name="web"))
    written = EntityRemoval("vm", "1", 2) if gone else row("1", 2, name="www")
    rows.confirm(Transaction((EntityWrite(written, 1), EntityWrite(row("2", name="db"), 0))))
    assert [vm.id for vm in rows.all(Vm)] == (["2"] if gone else ["1", "2"])
    assert rows.named(Vm, "web") == []
