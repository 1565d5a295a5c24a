"""The client against the project's own gateway: sign-on, TLS, REST and both live ports."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from cli.client import contexts
from protocol.document import Ref
from protocol.vm.commands import AddVm
from protocol.vm.model import Vm
from tests.cli.conftest import Corral
from tests.cli.real_gateway import RealGateway, serving
from tests.engine.names import named_id


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RealGateway]:
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def logged_in(gateway: RealGateway, corral: Corral, monkeypatch: pytest.MonkeyPatch) -> RealGateway:
    monkeypatch.setenv("CORRAL_PASSWORD", gateway.password)
    ran = corral("login", gateway.url, "--user", "admin@internal", "--ca-file", gateway.ca_file)
    assert ran.code == 0, ran.err
    contexts.remember(dataclasses.replace(contexts.active(), live_url=gateway.live_url))
    return gateway


def test_a_vm_from_add_to_remove(logged_in: RealGateway, corral: Corral) -> None:
    ran = corral(
        "add", "vm", "--name", "web1", "--cluster-name", "Default", "--template-name", "tiny", "--memory", "512MiB",
        "--cpu-topology-cores", "2", "--os-boot-devices", "hd,network",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert corral("add", "nic", "--vm", "web1", "--name", "nic1", "--vnic_profile-name", "ovirtmgmt").code == 0
    assert "nic1" in corral("nic", "list", "--vm", "web1").out
    assert corral("nic", "deactivate", "nic1", "--vm", "web1").code == 0
    assert re.search(r"plugged +no", corral("nic", "show", "nic1", "--vm", "web1").out)
    assert corral("nic", "activate", "nic1", "--vm", "web1").code == 0
    assert corral("vm", "start", "web1").err == "VM web1: start done (up).\n"
    assert re.search(r"os.boot.devices +hd,network", corral("show", "vm", "web1").out)
    refused = corral("vm", "remove", "web1")
    why = "Cannot remove VM web1: it is up; it must be down. Stop it first."
    assert (refused.code, refused.err) == (10, f"corral: VM web1: remove: {why}\n")
    assert corral("vm", "stop", "web1").code == 0
    assert corral("vm", "remove", "web1").code == 0
    assert corral("vm", "show", "web1").code == 11


def test_a_shutdown_that_the_guest_does_not_heed_is_cancelled(logged_in: RealGateway, corral: Corral) -> None:
    async def deafen() -> None:
        for qemu in logged_in.site.world.running()[named_id("vm-0")]:
            qemu.shape = attrs.evolve(qemu.shape, ignores_power_button=True)

    logged_in.do(deafen)
    asked = corral("vm", "shutdown", "vm-0", "--no-wait")
    found = re.search(r"VM vm-0: shutdown was accepted. Follow it with: corral job show (\S+)\n", asked.err)
    assert found, asked.err
    ran = corral("job", "cancel", found[1])
    assert (ran.code, ran.err) == (0, f"job {found[1]}: cancel done (aborted).\n")
    shown = corral("job", "show", found[1]).out
    assert re.search(r"outcome +rolled_back", shown)
    assert re.search(r"reason +Cancelled by admin@internal\.", shown)
    assert re.search(r"status +up", corral("vm", "show", "vm-0").out)
    again = corral("job", "cancel", found[1])
    why = "Job 'Shutting down VM vm-0' has ended: rolled back. Cancelled by admin@internal."
    assert again.code == 10
    assert why in again.err
    assert corral("job", "cancel", "nobody").code == 11


def test_the_shell_of_the_talks(gateway: RealGateway, script: Corral) -> None:
    ran = script(
        f"connect --url {gateway.url} --user admin@internal --password '{gateway.password}' --ca-file {gateway.ca_file}",
        "create vm --name talk1 --cluster-name Default --template-name tiny --memory 512MiB --os-boot-devices--LIST hd,network",
        "add nic --vm-identifier talk1 --name nic1 --network-name ovirtmgmt",
        "list vms --kwargs name=talk* -o name",
        "cd vms/talk1/nics",
        "add --name nic2",
        "list -o name",
        "deactivate nic1",
        "remove nic1",
        "cd ..",
        "action start",
        "show -o name",
        "stop",
        "remove",
        "pwd",
        "status",
    )
    assert (ran.code, "corral:" in ran.err) == (0, False), ran.err
    lines = [line for line in ran.out.splitlines() if line in ("talk1", "nic1", "nic2", "/vms")]
    assert lines == ["talk1", "nic1", "nic2", "talk1", "/vms"]
    assert "last line  000 OK\nshell      connected\n" in ran.out


def test_a_disk_is_put_on_a_vm_in_the_words_of_the_talks(
    logged_in: RealGateway, corral: Corral, script: Corral
) -> None:
    ran = script("create vm --name talk2 --cluster-name Default --template-name tiny",
                 "create disk --name d1 --provisioned_size 1GiB --format raw --storage_domain-name local")  # fmt: skip
    assert ran.code == 0, ran.err
    id = corral("disk", "show", "d1", "--columns", "id").out.split()[1]
    ran = script(
        f"create disk --id {id} --vm-identifier talk2",
        "cd vms/talk2/diskattachments",
        "list --columns id,interface",
    )
    assert ran.code == 0, ran.err
    assert [id, "virtio"] in [line.split() for line in ran.out.splitlines()]


def test_every_root_collection_lists(logged_in: RealGateway, corral: Corral) -> None:
    from cli import index

    for noun in index.nouns().values():
        if noun["rel"]:
            ran = corral("list", noun["plural"], "-o", "wide")
            assert ran.code == 0, (noun["name"], ran.err)


def test_a_wide_list_of_hosts_shows_how_many_vms_are_active(logged_in: RealGateway, corral: Corral) -> None:
    first, *rows = corral("host", "list", "-o", "wide").out.splitlines()
    column = first.index("SUMMARY")
    counted = {row.split()[0]: row[column:].split()[0] for row in rows}
    assert counted == {"host-0": "2", "host-1": "0"}, "vm-0 and vm-2 run"


@pytest.mark.parametrize("port", [(), ("--live",)])
def test_the_stream_is_verified_while_things_change(
    logged_in: RealGateway, corral: Corral, port: tuple[str, ...]
) -> None:
    pause = threading.Event()

    def change() -> None:
        for number in range(60):
            logged_in.do(logged_in.site.touch, "vm-1")
            logged_in.log(f"event {number}")
            pause.wait(0.01)

    worker = threading.Thread(target=change)
    worker.start()
    ran = corral("events", "--verify", *port, "--for", "1.5")
    worker.join()
    assert ran.code == 0, ran.err
    assert "violations 0" in ran.out
    assert "objects as in a fresh snapshot" in ran.out
    assert int(ran.out.split("changes ")[1].split(",")[0]) > 50


@pytest.mark.parametrize("port", [(), ("--live",)])
def test_what_does_not_fit_is_no_gap_after_a_resume(
    logged_in: RealGateway, corral: Corral, tmp_path: Path, port: tuple[str, ...]
) -> None:
    wanted = ("events", "--verify", "--kinds", "vm", "--cursor", str(tmp_path / "cursor"), *port)
    assert corral(*wanted, "--for", "0.3").code == 0
    for number in range(3):
        logged_in.log(f"event {number}")

    def change() -> None:
        threading.Event().wait(0.4)
        logged_in.do(logged_in.site.touch, "vm-1", 3)

    worker = threading.Thread(target=change)
    worker.start()
    ran = corral(*wanted, "--for", "1")
    worker.join()
    assert (ran.code, ran.err) == (0, "")
    assert "changes 3, snapshots 0" in ran.out


def test_the_live_port_is_read_by_a_process_of_its_own(logged_in: RealGateway) -> None:
    """Only a fresh process shows which parts of the protocol the client itself imports."""
    program = "import sys; from cli.main import main; sys.exit(main())"
    words = ["events", "--verify", "--live", "--for", "0.3"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "violations 0" in done.stdout


def test_events_are_followed_from_a_cursor(logged_in: RealGateway, corral: Corral, tmp_path: Path) -> None:
    cursor = str(tmp_path / "cursor")
    assert corral("events", "--follow", "--for", "0.3", "--cursor", cursor).code == 0
    logged_in.log("while nobody looked")
    ran = corral("events", "--follow", "--count", "1", "--for", "5", "--cursor", cursor)
    assert "while nobody looked" in ran.out


def test_a_console(logged_in: RealGateway, corral: Corral) -> None:
    ran = corral("console", "vm-0", "--send", "hello", "--expect", "# hel+o", "--timeout", "5")
    assert ran.code == 0, ran.err
    assert "vm-0 console (simulated)" in ran.out
    assert "# hello" in ran.out
    down = corral("console", "vm-1", "--send", "hello", "--expect", "hello", "--timeout", "5")
    assert (down.code, "VM vm-1: it is down" in down.err) == (10, True)


def test_a_wrong_password_and_an_unknown_ca(
    gateway: RealGateway, corral: Corral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORRAL_PASSWORD", "wrong")
    ran = corral("login", gateway.url, "--user", "admin@internal", "--ca-file", gateway.ca_file)
    assert ran.code == 10
    assert "could not log in" in ran.err
    ran = corral("login", gateway.url, "--user", "admin@internal")
    assert ran.code == 10
    assert "--ca-file" in ran.err


def test_status_and_ping(logged_in: RealGateway, corral: Corral) -> None:
    assert "hosts with problems           none" in corral("status").out
    assert logged_in.url in corral("ping").out


def test_tags_are_given_and_taken_back(logged_in: RealGateway, corral: Corral) -> None:
    assert corral("tag", "add", "--name", "prod").err == "tag prod added.\n"
    assert corral("tag", "add", "--name", "web", "--parent-name", "prod").code == 0
    vm = logged_in.do(_first_vm, logged_in)
    assert corral("tag", "add", "--vm", vm, "--name", "web").err == f"tag web assigned to VM {vm}.\n"
    assert re.search(r"^tags +web$", corral("vm", "show", vm).out, re.MULTILINE)
    assert corral("tag", "list", "--vm", vm, "-o", "name").out == "web\n"
    assert corral("vm", "list", "--query", "tag = prod", "-o", "name").out == f"{vm}\n"
    taken = corral("tag", "remove", "web", "--vm", vm)
    assert taken.err == f"tag web unassigned from VM {vm}; the tag itself stays.\n"
    assert corral("tag", "list", "--vm", vm, "-o", "name").out == ""
    assert corral("tag", "show", "web").code == 0
    removed = corral("tag", "remove", "root")
    assert (removed.code, "is built in" in removed.err) == (10, True)


async def _first_vm(gateway: RealGateway) -> str:
    await gateway.site.ask(AddVm(document=Vm(name="tagged", cluster=Ref(id=gateway.site.id_of("cluster", "Default")))))
    return "tagged"
