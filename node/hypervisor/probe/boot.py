"""Finds out whether KVM really runs guests here and with which CPU model, by running one; otherwise TCG, with the
reason.

It must not trust /dev/kvm, libvirt's capabilities or CPU flags: all three exist on machines where nothing boots.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform as machine
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from node.domain_xml.platform import GuestPlatform, host_cpu, largest_cpu
from node.hypervisor.probe import firmware as probe_firmware

_boot_timeout_seconds = 2.0  # a working KVM needs 0.2 s
_hangs_max = 2  # one model may be at fault; two mean KVM
_output_characters_max = 300
_format_version = 1


@attrs.frozen(kw_only=True)
class Virtualization:
    """`kind` is `kvm` or `tcg`; `reason` says in words why not KVM; `cpu_model` is that of `GuestPlatform`."""

    kind: str
    reason: str = ""
    cpu_model: str = host_cpu

    def platform(self) -> GuestPlatform:
        """What guests on this host are made for."""
        return GuestPlatform(accelerator="kvm" if self.kind == "kvm" else "qemu", cpu_model=self.cpu_model)


@attrs.frozen
class Attempt:
    """One boot of the probe's firmware."""

    works: bool
    hung: bool = False
    output: str = ""  # QEMU's last line, or what it did not do


async def find_virtualization(
    remembered_in: Path | None = None, *, qemu: str = "/usr/bin/qemu-system-x86_64", kvm_device: str = "/dev/kvm"
) -> Virtualization:
    """The finding for this kernel, QEMU and CPU: remembered in a file, or found out now, in seconds."""
    key = await _key(qemu, kvm_device)
    if remembered_in is not None:
        remembered = await trio.to_thread.run_sync(_recall, remembered_in, key)
        if remembered is not None:
            return remembered
    found = await _find(qemu, kvm_device)
    if remembered_in is not None:
        await trio.to_thread.run_sync(_remember, remembered_in, key, found)
    return found


async def boot(qemu: str, accelerator: str, cpu: str, *, timeout_seconds: float = _boot_timeout_seconds) -> Attempt:
    """Runs the firmware once."""
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        image = Path(folder) / "firmware"
        await trio.to_thread.run_sync(image.write_bytes, probe_firmware.firmware())
        command = [
            qemu,
            *("-accel", accelerator, "-cpu", cpu, "-machine", "q35", "-m", str(probe_firmware.memory_mebibytes)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-bios", str(image)),
            *("-device", f"isa-debug-exit,iobase={probe_firmware.exit_port:#x},iosize=1", "-debugcon", "stdio"),
        ]
        with trio.move_on_after(timeout_seconds) as limit:
            ended = await trio.run_process(
                command,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                deliver_cancel=_kill,
            )
    if limit.cancelled_caught:
        return Attempt(False, hung=True, output=f"the guest did not boot within {timeout_seconds:.0f} s")
    if ended.returncode == probe_firmware.exit_code and ended.stdout == probe_firmware.output:
        return Attempt(True)
    lines = [line for line in ended.stderr.decode(errors="replace").splitlines() if line.strip()]
    output = (
        lines[-1].strip().removeprefix(f"{Path(qemu).name}: ") if lines else f"QEMU exited with code {ended.returncode}"
    )
    return Attempt(False, output=output[:_output_characters_max])


async def _kill(process: trio.Process) -> None:
    process.kill()
    await trio.lowlevel.checkpoint()


async def _find(qemu: str, kvm_device: str) -> Virtualization:
    if not await trio.Path(qemu).exists():
        return Virtualization(kind="tcg", reason=f"There is no {qemu}.", cpu_model=largest_cpu)
    refused = await trio.to_thread.run_sync(_device_problem, kvm_device)
    reasons = [refused] if refused else []
    hangs = 0
    for model, argument in () if refused else _candidates(_cpu_facts()[0]):
        attempt = await boot(qemu, "kvm", argument)
        if attempt.works:
            return Virtualization(kind="kvm", cpu_model=model)
        reasons.append(f"{argument}: {attempt.output}")
        hangs += attempt.hung
        if hangs >= _hangs_max:
            break
    plain = await boot(qemu, "tcg", "max", timeout_seconds=5 * _boot_timeout_seconds)
    if not plain.works:
        reasons.append(f"no guest runs without KVM either: {plain.output}")
    head = "KVM cannot run guests on this host" if not refused else "This host has no KVM"
    return Virtualization(kind="tcg", reason=f"{head} ({'; '.join(reasons)}).", cpu_model=largest_cpu)


def _candidates(vendor: str) -> Sequence[tuple[str, str]]:
    """Models from the best to the least, as the domain's document and as QEMU's argument.

    `enforce` makes QEMU refuse a model whose features the host lacks; the last is tried as it is."""
    named = ("EPYC", "Opteron_G3") if vendor == "AuthenticAMD" else ("Haswell-noTSX", "Westmere")
    models = [(host_cpu, "host"), *((name, f"{name},enforce") for name in (*named, "qemu64"))]
    return (*models, ("qemu64", "qemu64"))


def _device_problem(device: str) -> str:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{device}: {error.strerror}"
    return ""


def _cpu_facts() -> tuple[str, str]:
    """Vendor, and everything of the first CPU that a finding may depend on."""
    try:
        with open("/proc/cpuinfo") as file:
            first = file.read().split("\n\n")[0]
    except OSError:
        return "", ""
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    telling = ("vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags")
    return facts.get("vendor_id", ""), "|".join(facts.get(name, "") for name in telling)


async def _key(qemu: str, kvm_device: str) -> str:
    """Changes with the kernel, QEMU, the CPU, and whether the device can be opened."""
    try:
        version = (await trio.run_process([qemu, "--version"], capture_stdout=True, check=False)).stdout.decode()
    except OSError:
        version = "none"
    problem = await trio.to_thread.run_sync(_device_problem, kvm_device)
    text = "|".join((str(_format_version), machine.release(), machine.version(), version, _cpu_facts()[1], problem))
    return hashlib.sha256(text.encode()).hexdigest()


def _recall(path: Path, key: str) -> Virtualization | None:
    try:
        stored = json.loads(path.read_text())
        if stored["key"] != key:
            return None
        return Virtualization(kind=stored["kind"], reason=stored["reason"], cpu_model=stored["cpu_model"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a torn or foreign file is no finding


def _remember(path: Path, key: str, found: Virtualization) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"key": key, **attrs.asdict(found)}))
    os.replace(temporary, path)
