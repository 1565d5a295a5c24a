"""Virtual CPUs, memory, clock and platform features. The CPU model is the VM's, or what the probe of the host found."""

from __future__ import annotations

from node.domain_xml.element import Element, child
from node.domain_xml.platform import GuestPlatform, host_cpu, largest_cpu
from protocol.node.domain import DomainSpec

_spinlock_retries = 8191  # libvirt's own advice for Windows guests


def add_memory(domain: Element, spec: DomainSpec) -> None:
    child(domain, "memory", str(spec.memory_bytes), unit="b")
    child(domain, "currentMemory", str(spec.memory_bytes), unit="b")
    child(domain, "vcpu", str(spec.sockets * spec.cores * spec.threads), placement="static")


def add_features(domain: Element, spec: DomainSpec, platform: GuestPlatform) -> None:
    features = child(domain, "features")
    child(features, "acpi")
    child(features, "apic")
    if "q35" in spec.machine:
        child(features, "vmport", state="off")
    if _has_hyperv(spec, platform):
        hyperv = child(features, "hyperv")
        child(hyperv, "relaxed", state="on")
        child(hyperv, "vapic", state="on")
        child(hyperv, "spinlocks", state="on", retries=str(_spinlock_retries))


def _has_hyperv(spec: DomainSpec, platform: GuestPlatform) -> bool:
    """TCG has none of it; Windows runs without, only slower."""
    return spec.windows and platform.accelerator == "kvm"


def cpu_problem(spec: DomainSpec, platform: GuestPlatform) -> str:
    """Why this host cannot give the guest the CPU that its VM asks for; "" when it can."""
    if spec.cpu_mode not in ("host_model", "host_passthrough"):
        return ""
    if platform.accelerator != "kvm":
        return f"This host emulates CPUs (TCG), so the CPU mode {spec.cpu_mode} is not available."
    if platform.cpu_model != host_cpu:
        return f"Guests on this host do not get its own CPU, so the CPU mode {spec.cpu_mode} is not available."
    return ""


def add_cpu(domain: Element, spec: DomainSpec, platform: GuestPlatform) -> None:
    if spec.cpu_mode == "custom":
        cpu = child(
            domain, "cpu", mode="custom", match="exact", check="none" if platform.accelerator != "kvm" else "partial"
        )
        child(cpu, "model", spec.cpu_type, fallback="forbid")
    elif spec.cpu_mode == "host_model":
        cpu = child(domain, "cpu", mode="host-model", check="partial")
    elif platform.cpu_model == host_cpu:
        cpu = child(domain, "cpu", mode="host-passthrough", check="none", migratable="on")
    elif platform.cpu_model == largest_cpu:
        cpu = child(domain, "cpu", mode="maximum", check="none")
    else:
        cpu = child(domain, "cpu", mode="custom", match="exact", check="none")
        child(cpu, "model", platform.cpu_model, fallback="forbid")
    child(cpu, "topology", sockets=str(spec.sockets), dies="1", cores=str(spec.cores), threads=str(spec.threads))


def add_clock(domain: Element, spec: DomainSpec, platform: GuestPlatform) -> None:
    if spec.time_zone in ("", "Etc/GMT", "Etc/UTC", "UTC"):
        clock = child(domain, "clock", offset="utc")
    else:
        clock = child(domain, "clock", offset="timezone", timezone=spec.time_zone)
    if platform.accelerator == "kvm":
        child(clock, "timer", name="rtc", tickpolicy="catchup")
        child(clock, "timer", name="pit", tickpolicy="delay")
    child(clock, "timer", name="hpet", present="no")
    if _has_hyperv(spec, platform):
        child(clock, "timer", name="hypervclock", present="yes")


def add_life_cycle(domain: Element) -> None:
    """A guest that powers off or panics ends its QEMU; one that reboots keeps it."""
    child(domain, "on_poweroff", "destroy")
    child(domain, "on_reboot", "restart")
    child(domain, "on_crash", "destroy")
    pm = child(domain, "pm")
    child(pm, "suspend-to-mem", enabled="no")
    child(pm, "suspend-to-disk", enabled="no")
