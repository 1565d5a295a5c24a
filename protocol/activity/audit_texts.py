"""Every text of the audit trail, with its name, number and severity.

Where oVirt has the same event, the number is oVirt's, so that clients that know its codes understand ours; our own
events are numbered from `OWN_FROM` on. Parameters are in braces; a part in square brackets is left out if its parameter
is empty. A different message is a different event, with its own number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

OWN_FROM: Final = 20_000
"""Numbers of ours begin here; oVirt's end far below."""


@attrs.frozen
class AuditText:
    number: int
    severity: str  # one of `Event.severity`
    text: str


def _normal(number: int, text: str) -> AuditText:
    return AuditText(number, "normal", text)


def _warning(number: int, text: str) -> AuditText:
    return AuditText(number, "warning", text)


def _error(number: int, text: str) -> AuditText:
    return AuditText(number, "error", text)


def _alert(number: int, text: str) -> AuditText:
    return AuditText(number, "alert", text)


_VM: Final[Mapping[str, AuditText]] = {
    "vm_added": _normal(34, "VM {name} was created by {user_name}."),
    "vm_add_started": _normal(37, "{user_name} initiated the creation of VM {name} from template {template_name}."),
    "vm_add_finished": _normal(53, "VM {name} was created."),
    "vm_add_failed": _error(60, "Failed to create VM {name}: {reason}."),
    "vm_add_cancelled": _normal(20_012, "VM {name} was not created. {reason}."),
    "vm_updated": _normal(35, "VM {name} was updated by {user_name}."),
    "vm_updated_next_run": _normal(
        20_001, "VM {name} was updated by {user_name}. Some changes take effect at the next start."
    ),
    "vm_removed": _normal(113, "VM {name} was removed."),
    "vm_remove_failed": _error(59, "Failed to remove VM {name}: {reason}."),
    # running
    "vm_started": _normal(32, "VM {name} started on host {host_name}."),
    "vm_restored": _normal(20_002, "VM {name} was restored from its saved memory on host {host_name}."),
    "vm_start_failed": _error(54, "Failed to run VM {name} on host {host_name}: {reason}."),
    "vm_shutdown": _normal(73, "{user_name} initiated the shutdown of VM {name}[ (reason: {reason})]."),
    "vm_shutdown_failed": _error(74, "Failed to shut down VM {name}: {reason}."),
    "vm_shutdown_ignored": _warning(
        20_003, "VM {name} did not shut down within {seconds:g} s. It is still running; stop it to power it off."
    ),
    "vm_stopped": _normal(33, "VM {name} is being powered off by {user_name}[ (reason: {reason})]."),
    "vm_stop_failed": _error(56, "Failed to power off VM {name}: {reason}."),
    "vm_suspended_stopped": _normal(
        111,
        "Suspended VM {name} is being powered off by {user_name}[ (reason: {reason})]. Its saved memory is discarded.",
    ),
    "vm_suspended_stop_failed": _error(112, "Failed to discard the saved memory of suspended VM {name}: {reason}."),
    "vm_down": _normal(61, "VM {name} is down.[ {reason}.]"),
    "vm_down_error": _error(119, "VM {name} is down with an error. {reason}."),
    "vm_down_with_host": _error(143, "VM {name} was set to down because host {host_name} was confirmed as rebooted."),
    "vm_rebooted": _normal(157, "VM {name} was rebooted."),
    "vm_rebooted_inside": _normal(20_004, "VM {name} was rebooted from inside the guest."),
    "vm_reboot_failed": _error(158, "Failed to reboot VM {name}: {reason}."),
    "vm_reboot_ignored": _warning(
        20_005, "VM {name} did not reboot within {seconds:g} s. It is still running; reset it to force a reboot."
    ),
    "vm_reset": _normal(221, "VM {name} was reset."),
    "vm_reset_failed": _error(222, "Failed to reset VM {name}: {reason}."),
    "vm_frozen": _normal(10_767, "The file systems of VM {name} are frozen, for at most 60 seconds."),
    "vm_freeze_failed": _error(10_769, "Failed to freeze the file systems of VM {name}: {reason}."),
    "vm_thawed": _normal(10_768, "The file systems of VM {name} are thawed."),
    "vm_thaw_failed": _error(10_770, "Failed to thaw the file systems of VM {name}: {reason}."),
    "vm_paused": _normal(39, "VM {name} was paused."),
    "vm_pause_failed": _error(55, "Failed to pause VM {name}: {reason}."),
    "vm_found_paused": _warning(1025, "VM {name} has been paused on its host (reason: {reason})."),
    "vm_io_error": _error(145, "VM {name} has been paused due to a storage I/O error."),
    "vm_resumed": _normal(40, "VM {name} was resumed."),
    "vm_resume_failed": _error(103, "Failed to resume VM {name}: {reason}."),
    "vm_suspended": _normal(503, "VM {name} was suspended."),
    "vm_suspend_failed": _error(521, "Failed to suspend VM {name}: {reason}."),
    "vm_unknown": _warning(142, "VM {name} was set to status unknown because host {host_name} does not respond."),
    "vm_found": _normal(163, "VM {name} status was restored to {status}."),
    "vm_start_not_undone": _error(
        20_065,
        "Failed to run VM {name} on host {host_name}, and the host cannot end what is left of it. The VM is unknown until "
        "the host has ended it or is confirmed as rebooted: {reason}.",
    ),
    "vm_copy_seen": _alert(
        20_066,
        "VM {name} runs on host {runs_on}, and a copy of it from an earlier start runs on host {host_name}. Both may write to "
        "its disks. Keep one of them with keeprun.",
    ),
    "vm_copy_claimed": _alert(
        20_067,
        "Host {host_name} claims to run VM {name}, which it was never asked to start. The VM runs on host {runs_on}. Examine "
        "that host; disregardrun ignores its claim.",
    ),
    "vm_copy_gone": _normal(20_068, "No copy of VM {name} is left on host {host_name}."),
    "vm_copy_kept": _normal(
        20_069, "{user_name} chose the run of VM {name} on host {host_name}. Every other one is being powered off."
    ),
    "vm_copy_disregarded": _warning(20_070, "{user_name} disregards that host {host_name} claims to run VM {name}."),
    "stray_domain": _warning(
        20_006, "VM {name} is {status}, but a copy of it is running on host {host_name}. The copy is being powered off."
    ),
    "stray_domain_not_ended": _warning(
        20_007, "Failed to power off the copy of VM {name} on host {host_name}: {reason}."
    ),
    "vm_memory_not_removed": _warning(
        20_008, "Failed to remove the saved memory of VM {name} on host {host_name}: {reason}."
    ),
    "vm_guest_up": _normal(20_009, "VM {name} is up: its guest agent responds."),
    "vm_guest_silent": _warning(
        20_010, "The guest agent of VM {name} stopped responding. Its report is no longer shown."
    ),
    "console_ticket": _normal(164, "{user_name} set a console ticket for VM {name}."),
    "console_ticket_failed": _error(165, "Failed to set a console ticket for VM {name} on host {host_name}: {reason}."),
    # devices
    "nic_added": _normal(932, "Interface {nic_name} was added to VM {name} by {user_name}."),
    "nic_updated": _normal(934, "Interface {nic_name} of VM {name} was updated by {user_name}."),
    "nic_removed": _normal(930, "Interface {nic_name} was removed from VM {name} by {user_name}."),
    "nic_activated": _normal(1012, "Interface {nic_name} of VM {name} was plugged in by {user_name}."),
    "nic_deactivated": _normal(1014, "Interface {nic_name} of VM {name} was unplugged by {user_name}."),
    "disk_attached": _normal(2016, "Disk {disk_name} was attached to VM {name}."),
    "disk_attach_cancelled": _normal(20_011, "Disk {disk_name} was not attached to VM {name}. {reason}."),
    "disk_attach_failed": _error(2017, "Failed to attach disk {disk_name} to VM {name}: {reason}."),
    "disk_detached": _normal(2018, "Disk {disk_name} was detached from VM {name}."),
    "disk_detach_failed": _error(2019, "Failed to detach disk {disk_name} from VM {name}: {reason}."),
    "vm_disk_updated": _normal(88, "Disk {disk_name} of VM {name} was updated by {user_name}."),
}

_HOST: Final[Mapping[str, AuditText]] = {
    "host_added": _normal(42, "Host {name} was added by {user_name}. It comes up once its node has enrolled."),
    "host_enrolled": _normal(881, "Host {name} was enrolled: its node connected for the first time."),
    "host_updated": _normal(43, "Host {name} was updated by {user_name}."),
    "host_removed": _normal(44, "Host {name} was removed by {user_name}."),
    "host_up": _normal(13, "Host {name} is up."),
    "host_up_without_kvm": _warning(
        20_020, "Host {name} is up without KVM. VMs run slowly, emulated with {virtualization}: {reason}."
    ),
    "host_maintenance_requested": _normal(
        600,
        "Host {name} is being moved to maintenance by {user_name}[ (reason: {reason})]."
        "[ VMs still running on it: {vm_count}. Shut them down.]",
    ),
    "host_maintenance": _normal(15, "Host {name} is in maintenance."),
    "host_activated": _normal(16, "Host {name} was activated by {user_name}."),
    "host_link_lost": _warning(9008, "The connection to host {name} was lost: {reason}."),
    "host_silent": _error(
        12, "Host {name} is non responsive: no connection for {seconds:g} s. The status of its VMs is unknown."
    ),
    "host_reboot_confirmed": _normal(494, "{user_name} confirmed that host {name} was rebooted. Its VMs are down."),
    "stranger_domain": _warning(
        20_021,
        "Host {name} runs domain {domain_id}, which is marked as Corral's but belongs to no VM here. "
        "It was left running; destroy it on the host if it is not needed.",
    ),
    "host_not_believed": _warning(
        20_071, "Host {name} reported of {object}, which is not there. Such reports of its current link are ignored."
    ),
    "host_cut_off": _error(20_072, "The connection to host {name} was ended: {reason}."),
    "strange_step": _warning(
        20_022, "Host {name} reported the outcome of a step it was not given: {step}. The report was ignored."
    ),
}

_STORAGE: Final[Mapping[str, AuditText]] = {
    "disk_added": _normal(2021, "Disk {name} was created."),
    "disk_add_cancelled": _normal(20_030, "Disk {name} was not created. {reason}."),
    "disk_add_failed": _error(2022, "Failed to create disk {name}: {reason}."),
    "disk_updated": _normal(86, "Disk {name} was updated by {user_name}."),
    "disk_extended": _normal(371, "Disk {name} was extended to {size_gib} GiB."),
    "disk_extend_failed": _error(370, "Failed to extend disk {name}; its size is unchanged: {reason}."),
    "disk_removed": _normal(2014, "Disk {name} was removed."),
    "disk_remove_failed": _error(2015, "Failed to remove disk {name}: {reason}."),
    "storage_domain_added": _normal(956, "Storage domain {name} was added."),
    "storage_domain_add_failed": _error(957, "Failed to add storage domain {name}: {reason}."),
    "storage_domain_updated": _normal(958, "Storage domain {name} was updated by {user_name}."),
    "storage_domain_removed": _normal(960, "Storage domain {name} was removed."),
    "storage_domain_remove_failed": _error(961, "Failed to remove storage domain {name}: {reason}."),
    "storage_domain_active": _normal(966, "Storage domain {name} is active."),
    "storage_domain_inactive": _error(970, "Storage domain {name} is inactive: {reason}."),
    "template_imported": _normal(3018, "Template {name} was imported."),
    "template_import_cancelled": _normal(20_031, "Template {name} was not imported. {reason}."),
    "template_import_failed": _error(3019, "Failed to import template {name}: {reason}."),
    "template_updated": _normal(49, "Template {name} was updated by {user_name}."),
    "template_removed": _normal(251, "Template {name} was removed."),
    "template_remove_failed": _error(110, "Failed to remove template {name}: {reason}."),
}

_INVENTORY: Final[Mapping[str, AuditText]] = {
    "data_center_added": _normal(950, "Data center {name} was added by {user_name}."),
    "data_center_updated": _normal(952, "Data center {name} was updated by {user_name}."),
    "data_center_removed": _normal(954, "Data center {name} was removed by {user_name}."),
    "cluster_added": _normal(809, "Cluster {name} was added by {user_name}."),
    "cluster_updated": _normal(811, "Cluster {name} was updated by {user_name}."),
    "cluster_removed": _normal(813, "Cluster {name} was removed by {user_name}."),
    "network_added": _normal(942, "Network {name} was added by {user_name}."),
    "network_updated": _normal(1114, "Network {name} was updated by {user_name}."),
    "network_removed": _normal(944, "Network {name} was removed by {user_name}."),
    "vnic_profile_added": _normal(1122, "vNIC profile {name} was added by {user_name}."),
    "vnic_profile_updated": _normal(1124, "vNIC profile {name} was updated by {user_name}."),
    "vnic_profile_removed": _normal(1126, "vNIC profile {name} was removed by {user_name}."),
    "tag_added": _normal(432, "Tag {name} was added by {user_name}."),
    "tag_updated": _normal(430, "Tag {name} was updated by {user_name}."),
    "tag_removed": _normal(434, "Tag {name} was removed by {user_name}."),
    "tag_assigned_to_vm": _normal(440, "Tag {name} was assigned to VM {holder} by {user_name}."),
    "tag_taken_from_vm": _normal(446, "Tag {name} was unassigned from VM {holder} by {user_name}."),
    "tag_assigned_to_host": _normal(442, "Tag {name} was assigned to host {holder} by {user_name}."),
    "tag_taken_from_host": _normal(444, "Tag {name} was unassigned from host {holder} by {user_name}."),
    "tag_assigned_to_template": _normal(183, "Tag {name} was assigned to template {holder} by {user_name}."),
    "tag_taken_from_template": _normal(185, "Tag {name} was unassigned from template {holder} by {user_name}."),
    "user_added": _normal(20_040, "User {name} was added by {user_name}."),
    "user_updated": _normal(20_041, "User {name} was updated by {user_name}."),
    "user_removed": _normal(325, "User {name} was removed by {user_name}."),
}

_ENGINE: Final[Mapping[str, AuditText]] = {
    "job_cancelled": _normal(20_064, "{user_name} cancelled job '{description}'."),
    "access_denied": _warning(20_060, "{user_name} was denied {command} on {object}."),
    "actor_restarted": _normal(20_061, "Actor {address} was restarted after a crash (incarnation {incarnation})."),
    "actor_given_up": _error(
        20_062,
        "Actor {address} crashed too often and was stopped (incarnation {incarnation}). Its next request starts it again.",
    ),
    "actor_escalated": _error(
        20_063,
        "Actor {address} failed (incarnation {incarnation}). Its supervisor is restarting it and the actors around it.",
    ),
}

TEXTS: Final[Mapping[str, AuditText]] = {**_VM, **_HOST, **_STORAGE, **_INVENTORY, **_ENGINE}

ORIGIN: Final = "corral"
EXTERNAL: Final[Mapping[str, int]] = {"normal": 9801, "warning": 9802, "error": 9803, "alert": 9804}
"""The number of an event that another system sends without one, by severity. Its text is the sender's."""
