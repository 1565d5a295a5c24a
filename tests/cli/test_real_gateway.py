"""The client against the project's own gateway: sign-on, TLS, REST and both live ports."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import contexts
from tests.cli.conftest import Corral
from tests.cli.real_gateway import RealGateway, serving
from tests.gateway.fake_engine import named_id


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGateway]:
    with serving(tmp_path_factory.mktemp("gateway")) as made:
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
    assert corral("vm", "start", "web1").err == "vm web1: start done (up).\n"
    assert re.search(r"os.boot.devices +hd,network", corral("show", "vm", "web1").out)
    refused = corral("vm", "remove", "web1")
    assert (refused.code, refused.err) == (10, "corral: vm web1: remove: The VM runs. Stop it first.\n")
    assert corral("vm", "stop", "web1").code == 0
    assert corral("vm", "remove", "web1").code == 0
    assert corral("vm", "show", "web1").code == 11


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
    running = [vm.host.id for (kind, _), entity in logged_in.engine.entities.items()
               if kind == "vm" and (vm := entity.document).status == "up"]  # fmt: skip
    names = {named_id(name): name for name in counted}
    assert counted == {name: str(running.count(id)) for id, name in names.items()}


@pytest.mark.parametrize("port", [(), ("--live",)])
def test_the_stream_is_verified_while_things_change(
    logged_in: RealGateway, corral: Corral, port: tuple[str, ...]
) -> None:
    engine = logged_in.engine

    pause = threading.Event()

    def change() -> None:
        for number in range(60):
            vm = engine.of("vm", named_id("vm-1"))
            logged_in.do(engine.put, "vm", vm)
            logged_in.do(engine.event, f"event {number}")
            pause.wait(0.01)

    worker = threading.Thread(target=change)
    worker.start()
    ran = corral("events", "--verify", *port, "--for", "1.5")
    worker.join()
    assert ran.code == 0, ran.err
    assert "violations 0" in ran.out
    assert "objects as in a fresh snapshot" in ran.out
    assert int(ran.out.split("changes ")[1].split(",")[0]) > 50


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
    logged_in.do(logged_in.engine.event, "while nobody looked")
    ran = corral("events", "--follow", "--count", "1", "--for", "5", "--cursor", cursor)
    assert "while nobody looked" in ran.out


def test_a_console(logged_in: RealGateway, corral: Corral) -> None:
    ran = corral("console", "vm-0", "--send", "hello", "--expect", "HEL+O", "--timeout", "5")
    assert (ran.code, ran.out) == (0, "HELLO\n")


def test_a_wrong_password_and_an_unknown_ca(
    gateway: RealGateway, corral: Corral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORRAL_PASSWORD", "wrong")
    ran = corral("login", gateway.url, "--user", "admin@internal", "--ca-file", gateway.ca_file)
    assert ran.code == 10
    assert "cannot log in" in ran.err
    ran = corral("login", gateway.url, "--user", "admin@internal")
    assert ran.code == 10
    assert "--ca-file" in ran.err


def test_status_and_ping(logged_in: RealGateway, corral: Corral) -> None:
    assert "hosts not well           none" in corral("status").out
    assert logged_in.url in corral("ping").out
