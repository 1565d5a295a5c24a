"""Settings of a node."""

from __future__ import annotations

from pathlib import Path

import attrs

from protocol import limits


@attrs.frozen(kw_only=True)
class NodeConfig:
    """One node daemon. `token` is needed until the host is enrolled; `ca_file` is what to trust until then."""

    state_dir: Path
    engine_url: str  # wss://HOST:PORT
    ca_file: Path
    token: str = attrs.field(default="", repr=False)
    name: str = ""  # empty: the machine's host name
    address: str = ""
    hypervisor: str = "libvirt"  # libvirt | simulated
    libvirt_uri: str = "qemu:///system"
    storage_dir: Path = Path("/var/lib/corral/storage")  # made when absent; the engine names the ones it uses
    boots_at_once: int = limits.boots_at_once_max
    boot_settle_seconds: float = 8.0  # how long a start counts as a boot when no agent speaks, under emulation
    statistics_period_seconds: float = limits.statistics_period_seconds
