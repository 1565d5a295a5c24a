"""Virtual CPUs, memory, clock and platform features. It must not choose the CPU model: the probe of the host did."""

from __future__ import annotations

from node.domain_xml.element import Element, child
from node.domain_xml.platform import GuestPlatform, host_cpu, largest_cpu
from protocol.node_messages import DomainSpec


def add_memory(domain: Element, spec: DomainSpec) -> None:
    child(domain, "memory", str(spec.memory_bytes), unit="b")
    child(domain, "currentMemory", str(spec.memory_bytes), unit="b")
    child(domain, "vcpu", str(spec.sockets * spec.cores * spec.threads), placement="static")


def add_features(domain: Element, spec: DomainSpec) -> None:
    features = child(domain, "features")
    child(features, "acpi")
    child(features, "apic")
    if "q35" in spec.machine:
        child(features, "vmport", state="off")


def add_cpu(domain: Element, spec: DomainSpec, platform: GuestPlatform) -> None:
    if platform.cpu_model == host_cpu:
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


def add_life_cycle(domain: Element) -> None:
    """A guest that powers off or panics ends its QEMU; one that reboots keeps it."""
    child(domain, "on_poweroff", "destroy")
    child(domain, "on_reboot", "restart")
    child(domain, "on_crash", "destroy")
    pm = child(domain, "pm")
    child(pm, "suspend-to-mem", enabled="no")
    child(pm, "suspend-to-disk", enabled="no")
