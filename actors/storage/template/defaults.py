"""What a template has where nothing was said: the same for *Blank* and for an imported one. Pure data."""

from __future__ import annotations

from protocol.inventory.model import Cpu, CpuTopology
from protocol.merge import merge
from protocol.template.model import Template
from protocol.vm.model import (
    Bios,
    Boot,
    BootMenu,
    Console,
    Display,
    HighAvailability,
    MemoryPolicy,
    OperatingSystem,
    TimeZone,
)

memory_bytes = 1024**3


def defaulted(template: Template) -> Template:
    """The template with every attribute that clients look into, nested ones included."""
    memory = template.memory or memory_bytes
    base = Template(
        description="",
        comment="",
        type="server",
        memory=memory,
        memory_policy=MemoryPolicy(guaranteed=memory, max=4 * memory, ballooning=True),
        cpu=Cpu(architecture="x86_64", topology=CpuTopology(sockets=1, cores=1, threads=1)),
        os=OperatingSystem(type="other", boot=Boot(devices=("hd",))),
        bios=Bios(type="cluster_default", boot_menu=BootMenu(enabled=False)),
        display=Display(type="vnc", monitors=1),
        console=Console(enabled=True),
        time_zone=TimeZone(name="Etc/GMT"),
        high_availability=HighAvailability(enabled=False, priority=0),
        stateless=False,
        delete_protected=False,
        origin="ovirt",
        nics=(),
        disk_attachments=(),
    )
    return merge(base, template, read_only=True)
