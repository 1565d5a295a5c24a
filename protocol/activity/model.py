"""Event, Job and Step: what happened and what is going on."""

from __future__ import annotations

import datetime
from typing import Final

import attrs

from protocol.document import SHOWN, Document, Ref, attribute
from protocol.message import message

job_statuses = ("aborted", "failed", "finished", "started", "unknown")


@message("model.event")
@attrs.frozen(kw_only=True)
class Event(Document):
    """One line of the audit trail. Its `id` and `index` are the journal's sequence number."""

    id: str | None = attribute(as_xml_attribute=True, read_only=True)
    index: int | None = attribute(read_only=True)
    time: datetime.datetime | None = attribute(read_only=True, search="time", column=1)
    severity: str | None = attribute(
        effect=SHOWN, required=True, choices=("alert", "error", "normal", "warning"), search="severity", column=2
    )
    code: int | None = attribute(effect=SHOWN, search="type")
    description: str | None = attribute(effect=SHOWN, required=True, search="message", column=3)
    correlation_id: str | None = attribute(effect=SHOWN, search="correlation_id", column=4)
    origin: str | None = attribute(effect=SHOWN, required=True)
    custom_id: int | None = attribute(effect=SHOWN)
    user: Ref | None = attribute(read_only=True, refers="User", search="usrname")
    vm: Ref | None = attribute(effect=SHOWN, refers="Vm", search="vm")
    host: Ref | None = attribute(effect=SHOWN, refers="Host", search="host")
    template: Ref | None = attribute(effect=SHOWN, refers="Template", search="template")
    cluster: Ref | None = attribute(effect=SHOWN, refers="Cluster", search="cluster")
    data_center: Ref | None = attribute(effect=SHOWN, refers="DataCenter", search="datacenter")
    storage_domain: Ref | None = attribute(effect=SHOWN, refers="StorageDomain", search="storage")


NAMED_IN_EVENTS: Final = ("vm", "template", "host", "storage_domain", "cluster", "data_center", "user")
"""The kinds that an event can name, the one that it lies in first: who may see that object may see the event."""


@message("model.step")
@attrs.frozen(kw_only=True)
class Step(Document):
    id: str | None = attribute(as_xml_attribute=True)
    number: int | None = attribute(column=1)
    description: str | None = attribute(column=2)
    type: str | None = attribute(
        choices=("executing", "finalizing", "rebalancing_volume", "removing_bricks", "unknown", "validating")
    )
    status: str | None = attribute(choices=job_statuses, column=3)
    progress: int | None = attribute(unit="%", column=4)
    start_time: datetime.datetime | None = attribute()
    end_time: datetime.datetime | None = attribute()
    job: Ref | None = attribute(refers="Job")
    execution_host: Ref | None = attribute(refers="Host")


@message("model.job")
@attrs.frozen(kw_only=True)
class Job(Document):
    """An operation of the engine, with its steps."""

    id: str | None = attribute(as_xml_attribute=True)
    description: str | None = attribute(required=True, search="description", column=1)
    status: str | None = attribute(choices=job_statuses, search="status", column=2)
    auto_cleared: bool | None = attribute()
    external: bool | None = attribute(read_only=True)
    owner: Ref | None = attribute(refers="User")
    start_time: datetime.datetime | None = attribute(read_only=True, search="starttime", column=3)
    end_time: datetime.datetime | None = attribute(read_only=True, search="endtime", column=4)
    last_updated: datetime.datetime | None = attribute(read_only=True)
    steps: tuple[Step, ...] | None = attribute(link=True, read_only=True)
    correlation_id: str | None = attribute(read_only=True, extension=True)
    outcome: str | None = attribute(
        read_only=True, extension=True, choices=("done", "rolled_back", "failed"), doc="How the job ended."
    )
    reason: str | None = attribute(read_only=True, extension=True, doc="Why the job failed or was rolled back.")
    parent_job: Ref | None = attribute(
        refers="Job", read_only=True, extension=True, doc="The job that this one is part of."
    )
    cause: str | None = attribute(
        read_only=True, extension=True, doc="What started the job, if it was not a user's command."
    )
    object: str | None = attribute(
        read_only=True, extension=True, doc="The object that the job works on, as kind/id: vm/<id>."
    )
    vm: Ref | None = attribute(refers="Vm", read_only=True, extension=True)
    host: Ref | None = attribute(refers="Host", read_only=True, extension=True)
    disk: Ref | None = attribute(refers="Disk", read_only=True, extension=True)
    template: Ref | None = attribute(refers="Template", read_only=True, extension=True)
