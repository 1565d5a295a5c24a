"""The probe: what it concludes from boots, and that it remembers."""

from __future__ import annotations

import stat
from pathlib import Path

from node.domain_xml.platform import host_cpu, largest_cpu
from node.hypervisor.probe import firmware as probe_firmware
from node.hypervisor.probe.boot import boot, find_virtualization

WORKS = f"printf {probe_firmware.output.decode()}; exit {probe_firmware.exit_code}"


def fake_qemu(folder: Path, rules: str) -> str:
    """A QEMU whose behaviour is a shell `case` over its arguments; it counts its runs."""
    path = folder / "qemu"
    path.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--version*) echo QEMU 9.9; exit 0;; esac\n'
        f"echo run >> {folder}/runs\n"
        f'case "$*" in {rules} *) echo "no such case" >&2; exit 1;; esac\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def device(folder: Path) -> str:
    (folder / "kvm").write_text("")
    return str(folder / "kvm")


def runs(folder: Path) -> int:
    return (folder / "runs").read_text().count("run") if (folder / "runs").exists() else 0


async def test_kvm_with_the_hosts_own_cpu_is_the_best_finding(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, f'*"-accel kvm"*) {WORKS};;')
    found = await find_virtualization(qemu=qemu, kvm_device=device(tmp_path))
    assert (found.kind, found.cpu_model, found.reason) == ("kvm", host_cpu, "")
    assert found.platform().accelerator == "kvm"
    assert runs(tmp_path) == 1


async def test_a_named_model_is_taken_when_the_hosts_own_fails(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, f'*"-cpu host"*) echo "failed to set MSR" >&2; exit 134;; *"-accel kvm"*) {WORKS};;')
    found = await find_virtualization(qemu=qemu, kvm_device=device(tmp_path))
    assert found.kind == "kvm"
    assert found.cpu_model not in (host_cpu, largest_cpu)


async def test_a_kvm_that_runs_nothing_is_left_in_words(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, f'*"-cpu host"*) echo "failed to set MSR" >&2; exit 134;; *"-accel tcg"*) {WORKS};;')
    found = await find_virtualization(qemu=qemu, kvm_device=device(tmp_path))
    assert (found.kind, found.cpu_model) == ("tcg", largest_cpu)
    assert "failed to set MSR" in found.reason
    assert found.platform().accelerator == "qemu"


async def test_without_a_device_kvm_is_not_tried(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, f'*"-accel tcg"*) {WORKS};;')
    found = await find_virtualization(qemu=qemu, kvm_device=str(tmp_path / "none"))
    assert found.kind == "tcg"
    assert "No such file" in found.reason
    assert runs(tmp_path) == 1


async def test_a_guest_that_hangs_is_killed(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, "*) exec sleep 1000;;")
    attempt = await boot(qemu, "kvm", "host", timeout_seconds=0.2)
    assert attempt.hung
    assert not attempt.works


async def test_a_right_word_without_the_right_end_does_not_count(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, f"*) printf {probe_firmware.output.decode()}; exit 0;;")
    assert not (await boot(qemu, "kvm", "host")).works


async def test_the_finding_is_remembered_until_something_changes(tmp_path: Path) -> None:
    memory = tmp_path / "state" / "virtualization.json"
    qemu = fake_qemu(tmp_path, f'*"-accel tcg"*) {WORKS};;')
    missing = str(tmp_path / "none")
    first = await find_virtualization(memory, qemu=qemu, kvm_device=missing)
    assert await find_virtualization(memory, qemu=qemu, kvm_device=missing) == first
    assert runs(tmp_path) == 1
    await find_virtualization(memory, qemu=qemu, kvm_device=device(tmp_path))
    assert runs(tmp_path) > 1
    memory.write_text("torn")
    assert (await find_virtualization(memory, qemu=qemu, kvm_device=missing)).kind == "tcg"


def test_the_firmware_starts_at_the_reset_vector() -> None:
    image = probe_firmware.firmware()
    assert len(image) == 0x10000
    assert image[0xFFF0:0xFFF5] == bytes.fromhex("ea000000f0")
    assert image[:2] == bytes.fromhex("fafc")
