"""Of what all entities share, the sentences and rows that no entity's own transcript plays."""

from __future__ import annotations

import datetime

import pytest

from actors.entity.assignments import removals
from actors.entity.cancel import over
from actors.entity.decision import RequestReport, SetTimer
from actors.entity.references import missing_reference
from actors.entity.rows import Rows
from actors.entity.to_node import to_node
from actors.journal.port import EntityRemoval, EntityRow
from protocol.activity.model import Job
from protocol.document import Ref
from protocol.inventory.assignment import ASSIGNMENT
from protocol.node.commands import ReportNow
from protocol.vm.model import Vm

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("reason", "said"),
    [(None, "Job 'Starting VM web' has ended: done."), ("No.", "Job 'Starting VM web' has ended: rolled back. No.")],
)
def test_a_job_that_has_ended_says_how(reason: str | None, said: str) -> None:
    outcome = "rolled_back" if reason else "done"
    refusal = over("j", Job(description="Starting VM web", outcome=outcome, reason=reason))
    assert (refusal.code, refusal.reason) == ("not_legal", said)


def test_a_reference_that_a_client_writes_has_an_id() -> None:
    refusal = missing_reference(Rows(), Vm(cluster=Ref()))
    assert refusal is not None
    assert refusal.reason == "The cluster is not given by id."
    assert missing_reference(Rows(), Vm(host=Ref())) is None, "nobody writes a VM's host"


def test_a_node_is_asked_for_a_report_under_the_engines_epoch() -> None:
    assert to_node(RequestReport(host_id="h"), 7) == ("h", ReportNow(epoch=7))
    assert to_node(SetTimer(name="resend", seconds=1), 7) is None


def test_assignments_go_with_the_version_that_they_have() -> None:
    row = EntityRow(ASSIGNMENT, "a", 3, "tag/t", "vm/v", b"", None)
    ((write, entry),) = removals([row], NOW, "c")
    assert (write.row, write.expected_version) == (EntityRemoval(ASSIGNMENT, "a", 4), 3)
    assert (entry.id, entry.version, entry.correlation_id) == ("a", 4, "c")
