"""Two real hosts in one lab: each runs its own VMs, loses its power alone, and the lab ends without a trace of either."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import ovirtsdk4.types as types
import pytest

from tests.real.lab.running_lab import RunningLab, traces, until

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def two_hosts(real_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    lab = RunningLab(tmp_path_factory.mktemp("lab"), "--hosts", "1", "--real-hosts", "2")
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def own_lab(real_machine: None, tmp_path: Path) -> Iterator[RunningLab]:
    """One that the test stops and starts again."""
    lab = RunningLab(tmp_path / "lab", "--hosts", "3", "--real-hosts", "2")
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


def test_the_lab_tells_where_its_real_hosts_are(two_hosts: RunningLab) -> None:
    summary = two_hosts.summary
    first, second = summary["real_hosts"]
    assert [first["name"], second["name"]] == ["real", "real-2"]
    assert (first["libvirt_uri"], first["node_pid"]) == (summary["libvirt_uri"], summary["node_pid"])
    assert summary["real_host"] is True
    assert summary["not_serving"] == []
    for host in (first, second):
        name = subprocess.run(["virsh", "-q", "-c", host["libvirt_uri"], "hostname"], capture_output=True, text=True)
        assert name.stdout.startswith(f"{host['name']}.lab-")
    hosts = two_hosts.hosts()
    assert {name: host.status for name, host in hosts.items()} == dict.fromkeys(
        ("real", "real-2", "sim-0001"), types.HostStatus.UP
    )
    assert hosts["real"].hardware_information.uuid != hosts["real-2"].hardware_information.uuid

    (Path(summary["shared_dir"]) / "from-here").write_text("seen")
    for host in (first, second):
        seen = Path(f"/proc/{host['node_pid']}/root{summary['shared_dir']}/from-here")
        assert seen.read_text() == "seen", "its node daemon sees the shared folder under the same path"
        mounts = Path(f"/proc/{host['node_pid']}/mounts").read_text()
        assert f" {summary['shared_dir']} " in mounts


def test_a_vm_pinned_to_each_host_starts_there_and_a_power_cut_is_that_of_one(two_hosts: RunningLab) -> None:
    lab = two_hosts
    vms = {name: lab.add_pinned(f"on-{name}", name) for name in ("real", "real-2")}
    for name, vm_id in vms.items():
        lab.vm(vm_id).start()
        until(f"QEMU runs on {name}", 60, lambda vm_id=vm_id: lab.qemus(vm_id))
    for host in lab.summary["real_hosts"]:
        until("it is under way", 30, lambda vm_id=vms[host["name"]]: lab.vm(vm_id).get().host)
        assert lab.vm(vms[host["name"]]).get().host.id == lab.hosts()[host["name"]].id
        running = subprocess.run(
            ["virsh", "-q", "-c", host["libvirt_uri"], "list", "--uuid"], capture_output=True, text=True
        )
        assert running.stdout.split() == [vms[host["name"]]]

    untouched = lab.qemus(vms["real"])
    nodes = [host["node_pid"] for host in lab.summary["real_hosts"]]
    killed = lab.run(["lab", "kill-host", "real-2", "--dir", str(lab.directory)])
    assert "of the host real-2" in killed.stdout, killed.stderr
    assert lab.qemus(vms["real-2"]) == []
    until("its VM is down", 60, lambda: lab.vm(vms["real-2"]).get().status == types.VmStatus.DOWN)
    until("another node daemon runs", 60, lambda: lab.summary["real_hosts"][1]["node_pid"] not in (None, nodes[1]))
    until("the host is up again", 60, lambda: lab.is_host_up("real-2"))
    assert lab.summary["real_hosts"][0]["node_pid"] == nodes[0]
    assert lab.qemus(vms["real"]) == untouched

    lab.vm(vms["real-2"]).start()
    until("QEMU runs again", 60, lambda: lab.qemus(vms["real-2"]))
    for vm_id in vms.values():
        lab.vm(vm_id).stop()
        until("stopped", 30, lambda vm_id=vm_id: lab.vm(vm_id).get().status == types.VmStatus.DOWN)


def test_hosts_with_other_names_and_hosts_that_are_gone_do_not_keep_a_lab_from_its_folder(own_lab: RunningLab) -> None:
    lab = own_lab
    hosts = lab.hosts()
    service = lab.connect().system_service().hosts_service()
    for name in ("sim-0002", "sim-0003"):
        host = service.host_service(hosts[name].id)
        host.deactivate()
        until(f"{name} is in maintenance", 60, lambda host=host: host.get().status == types.HostStatus.MAINTENANCE)
        host.remove()
    for old, new in (("sim-0001", "sim-0004"), ("real", "metal"), ("real-2", "real")):
        service.host_service(hosts[old].id).update(types.Host(name=new))
    until("what the running lab misses is told", 60, lambda: sorted(lab.not_serving()) == ["sim-0002", "sim-0003"])
    lab.run(["lab", "stop", "--dir", str(lab.directory)])

    lab.options = ("--hosts", "5", "--real-hosts", "2")
    began = time.monotonic()
    lab.start()
    assert time.monotonic() - began < 45
    missing = lab.not_serving()
    assert sorted(missing) == ["sim-0002", "sim-0003", "sim-0004"]
    assert "may have been removed" in missing["sim-0002"]
    assert "renamed to sim-0004" in missing["sim-0004"], "a new host does not become another one that bears its name"
    up = {name for name, host in lab.hosts().items() if host.status == types.HostStatus.UP}
    assert up == {"metal", "real", "sim-0004", "sim-0005"}
    assert lab.hosts()["sim-0004"].id == hosts["sim-0001"].id
    lab.add_tiny("still-there")

    shutil.rmtree(lab.directory / "simulated" / "sim-0002")
    lab.run(["lab", "stop", "--dir", str(lab.directory)])
    lab.start()
    assert sorted(lab.not_serving()) == ["sim-0003", "sim-0004"], "without its folder it joins as a new host"
    assert lab.is_host_up("sim-0002")


def test_what_cannot_start_is_named_with_its_last_words_and_nothing_is_left_at_the_end(own_lab: RunningLab) -> None:
    lab = own_lab
    vm_id = lab.add_pinned("last", "real")
    lab.run(["lab", "stop", "--dir", str(lab.directory)])
    before = traces(lab.directory)
    assert [before[kind] for kind in ("processes", "inside", "interfaces", "mounts", "sockets", "files")] == [[]] * 6

    driver = lab.directory / "host-2" / "lib" / "qemu"
    shutil.rmtree(driver)
    driver.touch()
    began = time.monotonic()
    lab.start()
    assert time.monotonic() - began < 45
    missing = lab.not_serving()
    assert sorted(missing) == ["libvirtd-2", "node-2"]
    assert "Initialization of QEMU state driver failed" in missing["libvirtd-2"]
    assert "waiting for libvirtd-2" in missing["node-2"]
    status = lab.run(["lab", "status", "--dir", str(lab.directory)]).stdout
    assert "libvirtd-2       not serving: " in status
    lab.vm(vm_id).start()
    until("the rest serves", 60, lambda: lab.qemus(vm_id))

    driver.unlink()
    until("what was wrong is mended, and it serves", 90, lambda: not lab.not_serving() and lab.is_host_up("real-2"))

    pid = int(lab.summary["pid"])
    os.kill(pid, signal.SIGTERM)
    until("the lab is gone", 30, lambda: not (lab.directory / "lab.json").exists())
    until("nothing is left", 15, lambda: traces(lab.directory) == before)
