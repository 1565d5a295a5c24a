"""What a host offers to its guests, found by the probe."""

from __future__ import annotations

import attrs

host_cpu = "host-passthrough"
largest_cpu = "maximum"


@attrs.frozen(kw_only=True)
class GuestPlatform:
    """`cpu_model` is `host-passthrough`, `maximum` (all that TCG can do) or one of QEMU's named models."""

    accelerator: str = "kvm"  # libvirt's domain type: kvm | qemu
    cpu_model: str = host_cpu
    emulator: str = ""  # path of QEMU; empty: libvirt's choice
    console_log_directory: str = ""  # empty: no log; a guest could fill the file system with it
