"""The oVirt SDK, as it is on PyPI, through a VM's whole life on real QEMU, seen live on both ports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import ovirtsdk4.types as types
import pytest

from tests.real.lab.running_lab import ROOT, RunningLab, until

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_a_vm_of_the_sdk_lives_and_tells(lab: RunningLab, tmp_path: Path) -> None:
    watchers = [_watch(lab, tmp_path / "json"), _watch(lab, tmp_path / "msgpack", "--live")]
    system = lab.connect().system_service()
    assert [d.name for d in system.data_centers_service().list()] == ["Default"]
    assert [c.name for c in system.clusters_service().list()] == ["Default"]
    assert {h.name: h.status for h in system.hosts_service().list()}["real"] == types.HostStatus.UP

    vm_id = lab.add_tiny("story", nic=True)
    vm = lab.vm(vm_id)
    domain = types.StorageDomain(name="local")
    disk = types.Disk(
        name="data", format=types.DiskFormat.COW, provisioned_size=1 << 30, storage_domains=[domain]
    )  # fmt: skip
    attachment = vm.disk_attachments_service().add(
        types.DiskAttachment(disk=disk, interface=types.DiskInterface.VIRTIO, bootable=False, active=True)
    )
    disk_service = system.disks_service().disk_service(attachment.disk.id)
    until("the disk is ok", 30, lambda: disk_service.get().status == types.DiskStatus.OK)

    seen = []
    vm.start()
    until("the VM is up", 120, lambda: _note(seen, vm.get().status.value) == "up")
    assert len(lab.qemus(vm_id)) == 1
    assert set(seen) <= {"wait_for_launch", "powering_up", "up"}, seen

    def agent_report() -> object:
        now = vm.get(follow="reported_devices")
        ips = [ip.address for device in now.reported_devices or [] for ip in device.ips or []]
        return now.fqdn and now.guest_operating_system and any(ip.startswith("10.") for ip in ips) and now

    now = until("the agent tells of itself and its address", 60, agent_report)
    assert now.guest_operating_system.distribution.startswith("Debian")
    assert "busybox" in " ".join(a.name for a in vm.applications_service().list())

    lab.console("story", "hostname renamed; echo is-$(hostname)", "is-renamed")
    until("the new host name shows", 30, lambda: (vm.get().fqdn or "").startswith("renamed"))

    lab.console("story", "(yes >/dev/null &) ; echo burn-$((1+1))", "burn-2")
    for pid in lab.qemus(vm_id):
        _prefer(pid)  # what else runs on this machine must not starve the guest
    until("the guest's CPU is above 80 %", 15, lambda: _above(lab.statistic(vm_id, "cpu.current.guest"), 80))
    lab.console("story", "pkill yes; echo cool-$((1+1))", "cool-2")

    lab.console("story", "agentctl stop; echo off-$((1+1))", "off-2")
    until("what the agent said is gone", 30, lambda: vm.get().fqdn is None)
    shown = lab.corral("vm", "show", "story", "-o", "json")
    assert "guest_report_stale_since" in shown
    assert any("guest agent" in text and "stopped responding" in text for text in lab.events(vm_id))
    lab.console("story", "agentctl start; echo on-$((1+1))", "on-2")
    until("the agent is heard again", 60, lambda: vm.get().fqdn)

    vm.suspend()
    until("suspended", 60, lambda: vm.get().status == types.VmStatus.SUSPENDED)
    assert lab.qemus(vm_id) == []
    vm.start()
    until("resumed", 60, lambda: lab.is_up(vm_id))
    vm.reboot()
    until("rebooting", 30, lambda: vm.get().status != types.VmStatus.UP)
    until("up after the reboot", 120, lambda: lab.is_up(vm_id))
    until("the agent is heard after the reboot", 60, lambda: vm.get().fqdn)
    vm.shutdown()
    until("down by its own will", 60, lambda: vm.get().status == types.VmStatus.DOWN)
    assert lab.qemus(vm_id) == []

    vm.update(types.Vm(memory=300 << 20))
    assert vm.get().memory == 300 << 20
    boot = types.Boot(devices=[types.BootDevice.NETWORK, types.BootDevice.HD])
    vm.start(vm=types.Vm(os=types.OperatingSystem(boot=boot)))
    until("running once", 60, lambda: vm.get().status == types.VmStatus.POWERING_UP)
    assert vm.get().run_once
    assert [d.value for d in vm.get().os.boot.devices] == ["hd"]
    vm.stop()
    until("stopped", 30, lambda: vm.get().status == types.VmStatus.DOWN)
    assert not vm.get().run_once
    story = " | ".join(lab.events(vm_id))
    for words in ("was created", "started on host", "was suspended", "was restored", "was rebooted", "is down"):
        assert words in story, story
    vm.remove()
    until("removed", 60, lambda: not system.vms_service().list(search="name=story"))
    until("its disks are gone", 60, lambda: not system.disks_service().list(search="name=data"))
    for watcher in watchers:
        _verify(watcher)


def test_the_same_from_the_command_line(lab: RunningLab) -> None:
    lab.corral("vm", "add", "--name", "typed", "--cluster-name", "Default", "--template-name", "tiny")
    lab.corral("vm", "start", "typed")
    assert "up" in lab.corral("list", "vms", "--query", "name=typed and status=up")
    lab.corral("vm", "shutdown", "typed")
    lab.corral("update", "vm", "typed", "--description", "by hand")
    assert "by hand" in lab.corral("vm", "show", "typed")
    lab.corral("vm", "remove", "typed")
    assert "typed" in lab.corral("vm", "show", "typed", expect=11)


def _above(value: float, least: float) -> bool:
    if value <= least:
        raise ValueError(f"it is {value:.1f}")
    return True


def _prefer(pid: int) -> None:
    autogroup = Path(f"/proc/{pid}/autogroup")
    if autogroup.exists():  # there, a thread's own niceness counts within its session only
        autogroup.write_text("-15")
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), -15)


def _note(seen: list[str], status: str) -> str:
    if not seen or seen[-1] != status:
        seen.append(status)
    return status


def _watch(lab: RunningLab, cursor: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "cli.main", "events", "--verify", "--follow", "--cursor", str(cursor), *more]
    return subprocess.Popen(
        words, cwd=ROOT, env=lab.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _verify(watcher: subprocess.Popen[str]) -> None:
    """Ends a watcher as Ctrl-C would; its last line counts violations."""
    time.sleep(1)
    watcher.send_signal(2)
    out, err = watcher.communicate(timeout=30)
    assert "violations 0" in out + err, (out + err)[-2000:]
