"""What is asked of the scheduler."""

from __future__ import annotations

import attrs

from protocol.message import Message, message


@message("placement.place")
@attrs.frozen(kw_only=True)
class Place(Message):
    """Choose a host for one start and hold its capacity. Answer: `Placed`, or a refusal with a reason for every host.

    `required_host_ids`: only these can reach the VM's disks (None: any).
    """

    operation_id: str
    vm_id: str
    vm_name: str
    cluster_id: str
    memory_bytes: int
    vcpus: int
    pinned_host_ids: tuple[str, ...] = ()
    required_host_ids: tuple[str, ...] | None = None


@attrs.frozen(kw_only=True)
class HostScore:
    """One host's line of the explanation: `refused` names the filter and its reason, else the scores by weight."""

    host_id: str
    host_name: str
    refused: str = ""
    scores: tuple[tuple[str, float], ...] = ()
    total: float = 0.0


@message("placement.placed")
@attrs.frozen(kw_only=True)
class Placed(Message):
    host_id: str
    explanation: tuple[HostScore, ...] = ()


@message("placement.release")
@attrs.frozen(kw_only=True)
class ReleasePlacement(Message):
    """The operation is over: its VM's own row holds the capacity now, or nothing does."""

    operation_id: str
