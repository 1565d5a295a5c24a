"""Everything is killed once while VMs run on real QEMU: nothing acknowledged is lost, nothing half made is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time

import ovirtsdk4 as sdk
import ovirtsdk4.types as types
import pytest

from tests.real.lab.running_lab import ROOT, RunningLab, until

pytestmark = [pytest.mark.real, pytest.mark.slow]
AT_ONCE = 10


@pytest.fixture(scope="module")
def running(lab: RunningLab) -> str:
    """A VM that runs through all of it."""
    vm_id = lab.add_tiny("survivor")
    lab.vm(vm_id).start()
    until("the VM is up", 120, lambda: lab.is_up(vm_id))
    return vm_id


def test_the_engine_is_killed_in_the_middle_of_ten_starts(lab: RunningLab, running: str) -> None:
    survivor = lab.qemus(running)
    ids = [_small(lab, f"storm{number}") for number in range(AT_ONCE)]
    streams = [_stream(lab, *more) for more in ([], ["--live"])]
    acknowledged: list[str] = []
    lock = threading.Lock()

    def start(vm_id: str) -> None:
        try:
            lab.vm(vm_id).start()
        except sdk.Error:
            return
        with lock:
            acknowledged.append(vm_id)

    time.sleep(1)
    engine = lab.pid("engine")
    threads = [threading.Thread(target=start, args=(vm_id,)) for vm_id in ids]
    for number, thread in enumerate(threads):
        thread.start()
        if number == AT_ONCE // 2:
            until("some starts are acknowledged, others under way", 60, lambda: acknowledged)
            os.kill(engine, signal.SIGKILL)
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert 0 < len(acknowledged) < AT_ONCE, "the kill was not in the middle"
    until("another engine serves", 60, lambda: lab.pid("engine") != engine and lab.is_up(running))

    def settled() -> bool:
        statuses = {vm_id: lab.vm(vm_id).get().status for vm_id in ids}
        return all(statuses[vm_id] == types.VmStatus.UP for vm_id in acknowledged) and all(
            status in (types.VmStatus.UP, types.VmStatus.DOWN) for status in statuses.values()
        )

    until("every acknowledged start is up, the others are whole", 240, settled)
    for vm_id in ids:
        assert len(lab.qemus(vm_id)) == (1 if lab.is_up(vm_id) else 0)
    assert lab.qemus(running) == survivor, "the VM that ran was not touched"
    jobs = lab.connect().system_service().jobs_service().list()
    assert [job.description for job in jobs if job.status == types.JobStatus.STARTED] == []
    for vm_id in ids:
        if lab.is_up(vm_id):
            lab.vm(vm_id).stop()
    until("all down", 60, lambda: all(lab.vm(vm_id).get().status == types.VmStatus.DOWN for vm_id in ids))
    for vm_id in ids:
        lab.vm(vm_id).remove()
    for stream in streams:
        _resumed_whole(stream)


def test_the_node_daemon_is_killed(lab: RunningLab, running: str) -> None:
    before, node = lab.qemus(running), lab.pid("node")
    os.kill(node, signal.SIGKILL)
    until("the node daemon runs again", 60, lambda: lab.pid("node") != node)
    until("the VM is seen again", 60, lambda: lab.is_up(running))
    assert lab.qemus(running) == before
    until("statistics are new", 40, lambda: lab.statistic(running, "cpu.current.guest") > 0)


def test_qemu_is_killed(lab: RunningLab) -> None:
    vm_id = _small(lab, "shot")
    lab.vm(vm_id).start()
    until("it runs", 60, lambda: lab.qemus(vm_id) and lab.vm(vm_id).get().status != types.VmStatus.WAIT_FOR_LAUNCH)
    os.kill(lab.qemus(vm_id)[0], signal.SIGKILL)
    until("it is down", 30, lambda: lab.vm(vm_id).get().status == types.VmStatus.DOWN)
    assert "unexpectedly" in lab.vm(vm_id).get().stop_reason
    assert lab.qemus(vm_id) == []
    lab.vm(vm_id).remove()


def test_the_postmaster_is_killed(lab: RunningLab, running: str) -> None:
    postgres = lab.pid("postgres")
    vms = lab.connect().system_service().vms_service()
    made, codes = [], []
    for number in range(200):
        if number == 5:
            os.kill(postgres, signal.SIGKILL)
        try:
            vm = types.Vm(
                name=f"pg{number}", cluster=types.Cluster(name="Default"), template=types.Template(name="Blank")
            )
            made.append(vms.add(vm).id)
            codes.append(201)
        except sdk.Error as error:
            codes.append(error.code)
            assert lab.is_up(running), "reading goes on"
            time.sleep(0.1)
        if 503 in codes and codes[-1] == 201:
            break
    assert set(codes) == {201, 503}, codes
    assert codes[-1] == 201, "Corral starts it again by itself"
    until("the summary tells the new process", 30, lambda: lab.pid("postgres") != postgres)
    known = {vm.id for vm in vms.list()}
    assert set(made) <= known, "nothing acknowledged is lost"
    names = [vm.name for vm in vms.list(search="name=pg*")]
    assert len(names) == len(set(names))
    for vm_id in made:
        vms.vm_service(vm_id).remove()


def test_one_actor_crashes_and_only_it_restarts(lab: RunningLab, running: str) -> None:
    question: dict[str, object] = {"do": "crash_actor", "address": f"vm/{running}"}
    lab.control(question)
    until("it was restarted", 20, lambda: any("restarted after a crash" in text for text in lab.events(running)))
    lab.vm(running).update(types.Vm(description="after one crash"))
    assert lab.vm(running).get().description == "after one crash"
    for _ in range(5):
        lab.control(question)
        time.sleep(1)
    until("its supervisor gives it up", 40, lambda: any("crashed too often" in text for text in lab.events(running)))
    lab.vm(running).update(types.Vm(description="after five"))
    assert lab.vm(running).get().description == "after five", "asked, it starts anew from its durable row"
    others = [text for text in lab.events() if "restarted after a crash" in text and running not in text]
    assert others == []


def _small(lab: RunningLab, name: str) -> str:
    vms = lab.connect().system_service().vms_service()
    made = vms.add(
        types.Vm(
            name=name, cluster=types.Cluster(name="Default"), template=types.Template(name="tiny"), memory=128 << 20,
            memory_policy=types.MemoryPolicy(guaranteed=128 << 20),
        )
    )  # fmt: skip
    until(f"{name} is down", 60, lambda: vms.vm_service(made.id).get().status == types.VmStatus.DOWN)
    return str(made.id)


def _stream(lab: RunningLab, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "cli.main", "events", "--verify", "--follow", "--all", *more]
    return subprocess.Popen(
        words, cwd=ROOT, env=lab.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _resumed_whole(stream: subprocess.Popen[str]) -> None:
    time.sleep(1)
    stream.send_signal(signal.SIGINT)
    out, err = stream.communicate(timeout=30)
    last = err[-2000:] + out[-2000:]
    assert "violations 0" in last, last
    counted = {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", last[last.index("verified:") :])}
    assert counted["connections"] >= 2, last
    assert counted["snapshots"] <= 1, "it went on where it was, with exactly what it had missed"
    assert counted["resyncs"] == 0, last
