"""Takes out of a host's samples what a subscriber does not want or may not see."""

from __future__ import annotations

import attrs

from gateway.live.shared_frames import ChangeFilter
from gateway.read_model.model import ReadModel
from gateway.read_model.view import view_of
from protocol.live.engine import HostSamples


def trimmed(samples: HostSamples, wanted: ChangeFilter, model: ReadModel) -> HostSamples | None:
    """None when nothing is left. Around VMs on a host that must not be seen, the host's own figures are -1: unknown."""
    all_of_host = not wanted.ids or samples.host_id in wanted.ids
    if all_of_host and wanted.visibility.is_all:
        return samples
    view = view_of(model, wanted.visibility)
    sees_host = wanted.visibility.is_all or view.get("host", samples.host_id) is not None
    ids = (vm.vm_id for vm in samples.vms if all_of_host or vm.vm_id in wanted.ids)
    shown = {id for id in ids if wanted.visibility.is_all or view.get("vm", id) is not None}
    if not shown and not (all_of_host and sees_host):
        return None
    trimmed = attrs.evolve(
        samples,
        vms=tuple(vm for vm in samples.vms if vm.vm_id in shown),
        nics=tuple(row for row in samples.nics if row[0] in shown),
        disks=tuple(row for row in samples.disks if row[0] in shown),
    )
    return trimmed if sees_host else _without_host(trimmed)


def _without_host(samples: HostSamples) -> HostSamples:
    return attrs.evolve(
        samples,
        cpu_percent=-1.0,
        cpu_user_percent=-1.0,
        memory_used_bytes=-1,
        memory_free_bytes=-1,
        load_average=-1.0,
    )
