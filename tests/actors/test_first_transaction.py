"""What an empty journal starts with: complete, consistent, and the same as its own history."""

from __future__ import annotations

import datetime
from typing import Any

from actors.entity.references import missing_reference
from actors.entity.rows import Rows
from actors.first_transaction import bootstrap
from actors.inventory.rows import evolve
from actors.journal.port import EntityRow
from actors.kernel.ports import SeededIds
from actors.storage.template.evolve import evolve as evolve_template
from actors.storage.template.state import blank_id
from protocol.access.model import User
from protocol.codec import decode
from protocol.network.model import Network
from protocol.registry import BY_KIND

at = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def first() -> tuple[Rows, Any]:
    transaction = bootstrap(SeededIds(1), at)
    rows = Rows()
    rows.load(write.row for write in transaction.writes if isinstance(write.row, EntityRow))
    return rows, transaction


def test_everything_is_there_by_its_name() -> None:
    rows, _ = first()
    for kind, name in (
        ("data_center", "Default"),
        ("cluster", "Default"),
        ("network", "ovirtmgmt"),
        ("vnic_profile", "ovirtmgmt"),
        ("template", "Blank"),
    ):
        assert len(rows.named(BY_KIND[kind].cls, name)) == 1, kind
    assert [user.user_name for user in rows.all(User)] == ["admin@internal"]
    assert rows.document("template", blank_id).status == "ok"
    (network,) = rows.all(Network)
    assert set(network.usages) == {"default_route", "display", "management", "migration", "vm"}


def test_every_reference_points_to_something() -> None:
    rows, transaction = first()
    for write in transaction.writes:
        assert missing_reference(rows, rows.document(write.row.kind, write.row.id)) is None


def test_the_history_gives_the_tables() -> None:
    _, transaction = first()
    for write, entry in zip(transaction.writes, transaction.entries, strict=True):
        event = decode(entry.event)
        state = evolve_template(None, event) if entry.kind == "template" else evolve(None, event)
        assert state == decode(write.row.state)
        assert (entry.kind, entry.id, entry.version, entry.document) == (*write.row.key, 1, write.row.document)
        assert write.expected_version == 0
    assert transaction.writes


def test_ids_are_drawn_anew_but_for_blank() -> None:
    one = {write.row.id for write in bootstrap(SeededIds(1), at).writes}
    two = {write.row.id for write in bootstrap(SeededIds(2), at).writes}
    assert one & two == {blank_id}
