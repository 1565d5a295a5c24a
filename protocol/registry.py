"""Every resource, its place in the URL tree, its methods and actions. It imports the messages; none imports it.

REST routes, RSDL and OpenAPI, search, the command line and the coverage page are generated from `RESOURCES`.
"""

from __future__ import annotations

from typing import Any

import attrs

from protocol.access.model import User
from protocol.activity import commands as activity_commands
from protocol.activity.model import Event, Job, Step
from protocol.api import Ticket
from protocol.document import Document, Identified, Ref, label
from protocol.host import commands as host_commands
from protocol.host.model import Host
from protocol.inventory import commands as inventory_commands
from protocol.inventory.assignment_commands import Assign, Unassign
from protocol.inventory.model import Cluster, DataCenter, Tag
from protocol.names import plural_of
from protocol.network.model import Network, Nic, ReportedDevice, VnicProfile
from protocol.resource import Action, Parameter, Resource, StatusMarks, SubCollection, below
from protocol.statistic import Statistic
from protocol.storage import commands as storage_commands
from protocol.storage.model import Disk, DiskAttachment, StorageDomain
from protocol.template import commands as template_commands
from protocol.template.model import Template
from protocol.vm import commands as vm_commands
from protocol.vm.model import Application, GraphicsConsole, Session, Vm

_async = Parameter(name="async", type=bool, effect=label("every action returns at once"))
_reason = Parameter(name="reason", type=str, doc="Shown in the event.")
_force = Parameter(name="force", type=bool)


def _statistics() -> SubCollection:
    return SubCollection(rel="statistics", tag="statistics", item=Statistic, source="statistics")


def _nested(rel: str, attribute: str, item: type[Identified], **more: Any) -> SubCollection:
    return SubCollection(rel=rel, tag=plural_of(item), item=item, source="nested", attribute=attribute, **more)


def _filtered(rel: str, kind: str, item: type[Identified], by: str) -> SubCollection:
    return SubCollection(rel=rel, tag=plural_of(item), item=item, source="filter", kind=kind, by=by)


def _inventory(kind: str, rel: str, cls: type[Document], **more: Any) -> Resource:
    return Resource(
        kind=kind,
        rel=rel,
        cls=cls,
        add=inventory_commands.AddEntity,
        update=inventory_commands.UpdateEntity,
        remove=inventory_commands.RemoveEntity,
        inventory=True,
        **more,
    )


def _with_assigned(*resources: Resource) -> tuple[Resource, ...]:
    """The resources, with a sub-collection in each holder for each kind that can be assigned to it."""

    def assigned(holder: Resource) -> tuple[SubCollection, ...]:
        return tuple(
            SubCollection(
                rel=each.rel, tag=each.plural_tag, item=each.cls, source="assigned", kind=each.kind,
                add=Assign, remove=Unassign,
                update=Assign if each.assigned_attributes else None,
            )
            for each in resources if holder.kind in each.assigned_to
        )  # fmt: skip

    return tuple(attrs.evolve(each, sub=(*each.sub, *assigned(each))) for each in resources)


RESOURCES: tuple[Resource, ...] = _with_assigned(
    _inventory(
        "data_center", "datacenters", DataCenter,
        sub=(
            _filtered("clusters", "cluster", Cluster, "data_center"),
            _filtered("networks", "network", Network, "data_center"),
            _filtered("storagedomains", "storage_domain", StorageDomain, "data_center"),
        ),
    ),
    _inventory(
        "cluster", "clusters", Cluster, within="data_center",
        sub=(_filtered("networks", "network", Network, "data_center.of_cluster"),),
    ),
    Resource(
        kind="host", rel="hosts", cls=Host,
        within="cluster",
        statuses=StatusMarks(
            transient=frozenset(
                {"installing", "initializing", "connecting", "preparing_for_maintenance", "unassigned"}
            ),
            bad=frozenset({"non_responsive"}),
        ),
        add=host_commands.AddHost, update=host_commands.UpdateHost, remove=host_commands.RemoveHost,
        actions=(
            Action(name="activate", command=host_commands.ActivateHost, parameters=(_async,)),
            Action(
                name="approve", command=host_commands.ApproveHost, parameters=(_async,),
                not_yet="A host enrols with its token and needs no approval.",
            ),
            Action(name="deactivate", command=host_commands.DeactivateHost, parameters=(_async, _reason, _force)),
            Action(
                name="fence", command=host_commands.FenceHost,
                parameters=(_async, Parameter(name="fence_type", type=str, doc="Only manual.")),
            ),
            Action(name="enroltoken", command=host_commands.IssueEnrolmentToken, result="ticket", extension=True),
        ),
        sub=(_statistics(),),
    ),
    Resource(
        kind="vm", rel="vms", cls=Vm,
        within="cluster",
        statuses=StatusMarks(
            transient=frozenset(
                {"wait_for_launch", "powering_up", "powering_down", "reboot_in_progress", "saving_state",
                 "restoring_state", "image_locked", "migrating"}
            ),
            running=frozenset({"up", "powering_up", "powering_down", "reboot_in_progress", "migrating", "paused"}),
            bad=frozenset({"unknown", "paused"}),
            waits_for={"powering_up": "the guest agent; a VM without one counts as up after a while"},
        ),
        add=vm_commands.AddVm, update=vm_commands.UpdateVm, remove=vm_commands.RemoveVm,
        actions=(
            Action(
                name="start", command=vm_commands.StartVm,
                parameters=(
                    _async, Parameter(name="pause", type=bool), Parameter(name="volatile", type=bool),
                    Parameter(name="vm", type=Vm, doc="Run once: overrides the configuration for this run only."),
                ),
            ),
            Action(name="shutdown", command=vm_commands.ShutdownVm, parameters=(_async, _reason, _force)),
            Action(name="stop", command=vm_commands.StopVm, parameters=(_async, _reason, _force)),
            Action(name="reboot", command=vm_commands.RebootVm, parameters=(_async, _force)),
            Action(name="reset", command=vm_commands.ResetVm, parameters=(_async,)),
            Action(name="suspend", command=vm_commands.SuspendVm, parameters=(_async,)),
            Action(name="freezefilesystems", command=vm_commands.FreezeVmFileSystems, parameters=(_async,)),
            Action(name="thawfilesystems", command=vm_commands.ThawVmFileSystems, parameters=(_async,)),
            Action(name="pause", command=vm_commands.PauseVm, extension=True),
            Action(name="resume", command=vm_commands.ResumeVm, extension=True),
            Action(
                name="keeprun", command=vm_commands.KeepVmRun, extension=True,
                parameters=(Parameter(name="host", type=Ref, doc="The host whose QEMU stays."),),
            ),
            Action(
                name="disregardrun", command=vm_commands.DisregardVmRun, extension=True,
                parameters=(Parameter(name="host", type=Ref, doc="The host that is not believed."),),
            ),
            Action(
                name="ticket", command=vm_commands.SetVmTicket,
                parameters=(_async, Parameter(name="ticket", type=Ticket)), result="ticket",
            ),
        ),
        sub=(
            _nested("nics", "nics", Nic, add=vm_commands.AddNic, update=vm_commands.UpdateNic, remove=vm_commands.RemoveNic,
                    actions=(Action(name="activate", command=vm_commands.ActivateNic, parameters=(_async,)),
                             Action(name="deactivate", command=vm_commands.DeactivateNic, parameters=(_async,))),
                    sub=(_nested("reporteddevices", "reported_devices", ReportedDevice), _statistics())),
            _nested("diskattachments", "disk_attachments", DiskAttachment, add=vm_commands.AddDiskAttachment,
                    update=vm_commands.UpdateDiskAttachment, remove=vm_commands.RemoveDiskAttachment),
            _nested("reporteddevices", "reported_devices", ReportedDevice),
            _nested("applications", "applications", Application),
            _nested("sessions", "sessions", Session),
            _nested("graphicsconsoles", "graphics_consoles", GraphicsConsole),
            _statistics(),
        ),
    ),
    Resource(
        kind="template", rel="templates", cls=Template,
        within="cluster",
        statuses=StatusMarks(transient=frozenset({"locked"}), bad=frozenset({"illegal"})),
        update=template_commands.UpdateTemplate, remove=template_commands.RemoveTemplate,
        internal=(template_commands.ImportTemplate,),
        sub=(_nested("nics", "nics", Nic), _nested("diskattachments", "disk_attachments", DiskAttachment)),
    ),
    _inventory(
        "network", "networks", Network, unique_within="data_center", within="data_center",
        sub=(_filtered("vnicprofiles", "vnic_profile", VnicProfile, "network"),),
    ),
    _inventory("vnic_profile", "vnicprofiles", VnicProfile, unique_within="network", within="network"),
    Resource(
        kind="storage_domain", rel="storagedomains", cls=StorageDomain,
        within="data_center",
        statuses=StatusMarks(
            transient=frozenset({"locked", "detaching"}), bad=frozenset({"inactive"})
        ),
        add=storage_commands.AddStorageDomain, update=storage_commands.UpdateStorageDomain,
        remove=storage_commands.RemoveStorageDomain,
        sub=(_filtered("disks", "disk", Disk, "storage_domains"),),
    ),
    Resource(
        kind="disk", rel="disks", cls=Disk,
        within="storage_domain",
        statuses=StatusMarks(transient=frozenset({"locked"}), bad=frozenset({"illegal"})),
        add=storage_commands.AddDisk, update=storage_commands.UpdateDisk, remove=storage_commands.RemoveDisk,
        sub=(_statistics(),), named=False,
    ),
    Resource(kind="event", rel="events", cls=Event, add=inventory_commands.AddEvent, named=False, history=True),
    Resource(
        kind="job", rel="jobs", cls=Job, named=False, history=True, owned=True,
        actions=(
            Action(
                name="cancel", command=activity_commands.CancelJob, parameters=(_async,), extension=True,
            ),
        ),
        sub=(_nested("steps", "steps", Step, sub=(_statistics(),)),),
    ),
    Resource(kind="user", rel="users", cls=User, named=False),
    _inventory("tag", "tags", Tag, within="parent", assigned_to=("vm", "host", "template")),
)  # fmt: skip

BY_KIND: dict[str, Resource] = {resource.kind: resource for resource in RESOURCES}
BY_REL: dict[str, Resource] = {resource.rel: resource for resource in RESOURCES}
BY_CLASS: dict[type[Any], Resource] = {resource.cls: resource for resource in RESOURCES}

OBJECTS: tuple[type[Identified], ...] = tuple(
    dict.fromkeys(cls for resource in RESOURCES for cls in (resource.cls, *(sub.item for sub in below(resource))))
)
"""Every class whose documents have an address, at the root or below another object."""
