"""The one simulated database of a run, watched: every group that lands is folded, compared and counted at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import attrs

from actors.host.evolve import evolve as evolve_host
from actors.inventory.rows import evolve as evolve_document
from actors.journal.memory.tables import MemoryTables
from actors.journal.port import Appended, AppendResult, Epoch, JournalRow, Transaction
from actors.storage.disk.evolve import evolve as evolve_disk
from actors.storage.domain.evolve import evolve as evolve_storage_domain
from actors.storage.template.evolve import evolve as evolve_template
from actors.vm.evolve import evolve as evolve_vm
from protocol.activity.audit_texts import TEXTS
from protocol.codec import decode
from protocol.inventory.assignment import ASSIGNMENT
from protocol.registry import RESOURCES
from tests.checkers import s04_epochs, s05_acknowledged, s15_transitions, s17_guests, s18_references
from tests.checkers.s12_fold import Folder
from tests.sim.truth import Truth

EVOLVES: dict[str, Any] = {
    **{resource.kind: evolve_document for resource in RESOURCES if resource.inventory or resource.kind == "user"},
    ASSIGNMENT: evolve_document,
    "vm": evolve_vm,
    "host": evolve_host,
    "disk": evolve_disk,
    "storage_domain": evolve_storage_domain,
    "template": evolve_template,
}


@attrs.define(kw_only=True)
class WatchedTables(MemoryTables):
    """`MemoryTables` with the checkers on what it takes. `rows` keeps what folding old history would drop."""

    truth: Truth
    highest_given: int = 0
    folder: Folder = attrs.field(factory=lambda: Folder(EVOLVES))
    jobs: dict[str, int] = attrs.field(factory=dict)  # job -> epoch in which it began
    endings: defaultdict[str, list[tuple[str, str]]] = attrs.field(factory=lambda: defaultdict(list))
    failures: dict[str, str] = attrs.field(factory=dict)  # job -> what it was and why it failed, when nobody cancelled
    lost: set[str] = attrs.field(factory=set)  # VMs shown as unknown

    def acquire(self, holder: str, lease_seconds: float, now: float, above: int) -> Epoch | None:
        epoch = MemoryTables.acquire(self, holder, lease_seconds, now, above)
        if epoch is not None:
            self.highest_given = max(self.highest_given, epoch)
            self.truth.say(f"{holder} leads in epoch {epoch}")
        return epoch

    def append(self, epoch: int, transactions: Sequence[Transaction], group: int, now: float) -> list[AppendResult]:
        results = MemoryTables.append(self, epoch, transactions, group, now)
        committed = [result for result in results if isinstance(result, Appended)]
        if committed:
            self.truth.found("S4", s04_epochs.check_writes(self.highest_given, [epoch]))
        for result, transaction in zip(results, transactions, strict=True):
            if isinstance(result, Appended):
                if {"vm", ASSIGNMENT} <= {row.kind for row in result.rows if row.removed}:
                    self.truth.once("assignment went with its VM")
                for row in result.rows:
                    self._took(row)
            else:
                keys = [f"{write.row.kind}/{write.row.id}" for write in transaction.writes]
                self.truth.say(f"refused by the database: {result!r:.120} {keys}")
        rows = [row for result in committed for row in result.rows]
        self.truth.found("S12", self.folder.take(rows, self.entities, self._folded))
        self.truth.found("S18", s18_references.check_sides(rows, self.entities))
        return results

    def _folded(self, row: JournalRow, before: Any, after: Any) -> None:
        if row.kind in s15_transitions.TABLES:
            statuses = [getattr(state, "status", "") or "" for state in (before, after)]
            self.truth.found("S15", s15_transitions.check_event(row.kind, statuses[0], decode(row.event), statuses[1]))

    def _took(self, row: JournalRow) -> None:
        truth = self.truth
        truth.found("S17", s17_guests.check_lies(row.kind, row.id, (row.document or b"") + (row.event or b"")))
        if row.document is not None:
            truth.found("S17", s17_guests.check_entity(row.kind, row.id, row.document))
        if row.kind == "job":
            self._job(row)
            return
        detail = ""
        if row.kind == "event" and row.document is not None:
            event = decode(row.document)
            detail = str(event.description)
            if event.code == TEXTS["strange_step"].number:
                truth.once("outcome from the wrong host refused")
            elif event.code == TEXTS["stray_domain"].number:
                truth.once("stray QEMU ended")
            elif event.code == TEXTS["vm_copy_seen"].number:
                truth.once("copy of a VM noticed beside its run")
            elif event.code == TEXTS["vm_frozen"].number:
                truth.once("file systems frozen")
        truth.say(f"#{row.sequence} epoch {row.epoch} {row.kind}/{row.id} v{row.version} {row.tag} {detail:.120}")
        if row.kind == "vm":
            self._vm(row)

    def _job(self, row: JournalRow) -> None:
        assert row.document is not None
        job = decode(row.document)
        if job.disk is not None:  # what becomes of a VM's steps may also be seen of its QEMU
            ended = [step for step in job.steps or () if step.execution_host is not None and step.status != "started"]
            numbers = [step.number for step in ended]
            self.truth.found("S17", s17_guests.check_steps(job.id, numbers, self.truth.proven))
        began = self.jobs.setdefault(row.id, row.epoch)
        if job.outcome is None:
            return
        self.endings[row.id].append((job.outcome, job.reason or ""))
        self.truth.say(f"#{row.sequence} epoch {row.epoch} job {row.id} {job.outcome} {job.reason or '':.120}")
        self.truth.found("S5", s05_acknowledged.check_ended_once(row.id, len(self.endings[row.id])))
        if job.outcome == "done" and row.epoch > began:
            self.truth.once("operation finished under a later epoch than it began")
        elif job.outcome == "rolled_back":
            self.truth.once("operation rolled back")
        elif job.outcome == "failed":
            self.truth.once("operation failed")
        if job.outcome != "done" and job.status != "aborted":
            self.failures[row.id] = f"{job.description}: {job.reason}"

    def _vm(self, row: JournalRow) -> None:
        once = self.truth.once
        match row.tag:
            case "vm.lost":
                self.lost.add(row.id)
            case "vm.found" if row.id in self.lost:
                self.lost.discard(row.id)
                once("VM unknown, then found")
            case "vm.went_down" if row.id in self.lost:
                self.lost.discard(row.id)
                once("VM unknown, then down")
            case "vm.start_failed":
                once("start failed")
            case "vm.shutdown_ignored":
                once("shutdown ignored by the guest")
            case "vm.reboot_ignored":
                once("reboot ignored by the guest")
            case "vm.rebooted":
                once("guest started over as asked")
            case "vm.restored":
                once("suspended VM restored")
            case "vm.removed" if decode(row.event).ended is not None and self.folder.had_disks(row.id):
                once("VM removed with its disks")
