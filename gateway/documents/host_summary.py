"""Counts a host's VMs. It must not be stored with the host, whose own document holds nothing about other objects."""

from __future__ import annotations

from typing import Final

import attrs

from gateway.read_model.model import ReadModel
from protocol.document import id_of
from protocol.host.model import Host, VmSummary
from protocol.registry import BY_KIND

RUNNING: Final = BY_KIND["vm"].statuses.running


def with_summary(model: ReadModel, host: Host) -> Host:
    """The document with the VMs on the host: `total` are those that may have a QEMU there."""
    statuses = [record.document.status for record in model.referring("vm", "host", id_of(host))]
    summary = VmSummary(
        active=sum(status in RUNNING for status in statuses),
        migrating=statuses.count("migrating"),
        total=len(statuses),
    )
    return attrs.evolve(host, summary=summary)
