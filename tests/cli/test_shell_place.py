"""Transcripts of the shell that walks: cd, pwd, and the commands that leave their object to the place."""

from __future__ import annotations

import pytest

from cli.session.session import CliSession
from cli.shell.prompting import completions
from cli.shell.sitting import Shell
from cli.tree import root as tree
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway


@pytest.fixture
def web1(fake: FakeGateway) -> str:
    """A VM with one NIC, beside another VM."""
    id = fake.put("vms", name="web1", status="down")
    fake.put("vms", name="db1", status="up")
    fake.put(f"vms/{id}/nics", name="nic1")
    return id


def test_a_walk(fake: FakeGateway, web1: str, script: Corral) -> None:
    ran = script(
        "pwd", "cd vms", "pwd", "cd web1/nics", "pwd", "cd ../..", "pwd", f"cd /vms/{web1}", "pwd", "cd", "pwd"
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == ["/", "/vms", "/vms/web1/nics", "/vms", "/vms/web1", "/"]


def test_other_spellings_of_a_collection(fake: FakeGateway, web1: str, script: Corral) -> None:
    assert script("cd vm/web1/NIC/", "pwd", "cd ../disk-attachments/.", "pwd").out.splitlines() == [
        "/vms/web1/nics", "/vms/web1/diskattachments",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("servers", "corral: / has no collection servers. It has: datacenters,"),
        ("vms/web9", "corral: no VM is called web9"),
        ("vms/web1/nix", "corral: /vms/web1 has no collection nix. It has:"),
    ],
)
def test_where_there_is_nothing(fake: FakeGateway, web1: str, script: Corral, path: str, why: str) -> None:
    ran = script("cd /vms", f"cd /{path}", "pwd")
    assert (ran.code, ran.out) == (11, "/vms\n")
    assert ran.err.startswith(why)


def test_a_collection_below_an_object(fake: FakeGateway, web1: str, script: Corral) -> None:
    ran = script("cd vms/web1/nics", "list -o name", "add --name nic2 --no-wait", "show nic2 -o name",
                 "update nic2 --linked false", "remove nic1", "list -o name")  # fmt: skip
    assert ran.code == 0, ran.err
    assert [line for line in ran.out.splitlines() if "-" not in line] == ["nic1", "nic2", "nic2"]
    assert fake.asked("POST") == [(f"vms/{web1}/nics", {"name": "nic2"})]
    assert [path.rpartition("/")[0] for path, _ in [*fake.asked("PUT"), *fake.asked("DELETE")]] == [
        f"vms/{web1}/nics"
    ] * 2
    assert "NIC nic1 removed." in ran.err


def test_an_object(fake: FakeGateway, web1: str, script: Corral) -> None:
    ran = script("cd vms/web1", "show -o name", "start", "action stop", "update --description x", "list", "list nics -o name",
                 "nic show nic1 -o name", "create nic --name nic3 --network-name ovirtmgmt")  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[:3] == [
        "VM web1: start done (down).",
        "VM web1: stop done (down).",
        "VM web1 updated (down).",
    ]
    assert [path for path, _ in fake.asked("POST")] == [f"vms/{web1}/start", f"vms/{web1}/stop", f"vms/{web1}/nics"]
    lines = ran.out.splitlines()
    assert lines[0] == "web1"
    assert {"nics", "diskattachments", "statistics"} <= set(lines)
    assert lines.count("nic1") == 2


def test_actions_in_a_collection(fake: FakeGateway, web1: str, script: Corral) -> None:
    assert script("cd vms", "start web1", "action web1 stop", "action vm web1 start").code == 0
    assert [path for path, _ in fake.asked("POST")] == [f"vms/{web1}/{action}" for action in ("start", "stop", "start")]


def test_another_object_can_still_be_named(fake: FakeGateway, web1: str, script: Corral) -> None:
    other = next(id for id, vm in fake.collections["vms"].items() if vm["name"] == "db1")
    fake.put(f"vms/{other}/nics", name="nic7")
    ran = script("cd vms/web1/nics", "list nics --vm-identifier db1 -o name", "show vm db1 -o name", "list vms -o name")
    assert ran.out.splitlines() == ["nic7", "db1", "web1", "db1"]


def test_an_object_that_is_removed_is_left(fake: FakeGateway, web1: str, script: Corral) -> None:
    ran = script("cd vms/web1", "remove --dry-run", "pwd", "remove", "pwd", "list -o name")
    # The fake removes on a dry run too; what counts is that the shell stays.
    assert ran.out.splitlines()[0] == "/vms/web1"
    fake.put("vms", name="web2")
    assert script("cd vms/web2", "remove", "pwd").out == "/vms\n"


def test_what_an_object_cannot_list_or_add(fake: FakeGateway, web1: str, script: Corral) -> None:
    ran = script("cd vms/web1", "add --name x")
    assert (ran.code, ran.err) == (
        1, "corral: /vms/web1 is a single VM: say what to add. Here: add tag, add nic, add diskattachment\n",
    )  # fmt: skip
    assert script("cd vms/web1/applications", "add --name x").err.startswith("corral: application has no add in this")


def test_a_collection_that_is_served_at_the_top_too(fake: FakeGateway, script: Corral) -> None:
    """What is removed by name is what bears the name here, not what bears it elsewhere."""
    here, there = fake.put("datacenters", name="here"), fake.put("datacenters", name="there")
    ids = [fake.put("networks", name="lan", data_center={"id": dc}) for dc in (here, there)]
    for dc, id in zip((here, there), ids, strict=True):
        fake.put(f"datacenters/{dc}/networks", name="lan", id=id)
    ran = script("cd datacenters/there/networks", "list -o name", "remove lan", "add --name dmz")
    assert ran.code == 0, ran.err
    assert [path for path, _ in fake.asked("DELETE")] == [f"networks/{ids[1]}"]
    assert fake.asked("POST") == [("networks", {"name": "dmz", "data_center": {"id": there}})]
    assert "network lan removed." in ran.err


def test_help_says_what_can_be_done_here(fake: FakeGateway, web1: str, script: Corral) -> None:
    below = script("cd vms/web1/nics", "help").out
    assert below.startswith("Here, in /vms/web1/nics:\n  list ")
    assert "add ..." in below
    assert "cd NAME" in below
    one = script("cd vms/web1", "help").out
    assert "  start " in one
    assert "  cd nics " in one
    assert script("cd vms/web1/nics", "help add").out.startswith("Usage: nic add [OPTIONS]")
    assert script("cd vms/web1", "help start").out.startswith("Usage: vm start [OPTIONS] NAME")


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("/", "cd vm", {"vms"}),
        ("/", "cd vms/w", {"vms/web1"}),
        ("/", "cd vms/web1/ni", {"vms/web1/nics"}),
        ("/vms", "cd ../hos", {"../hosts"}),
        ("/vms", "cd w", {"web1"}),
        ("/vms", "show w", {"web1"}),
        ("/vms", "sus", {"suspend"}),
        ("/vms", "suspend w", {"web1"}),
        ("/vms/web1", "upd", {"update"}),
        ("/vms/web1", "update --memory-policy-g", {"--memory-policy-guaranteed"}),
        ("/vms/web1/nics", "show n", {"nic1", "network", "nic"}),
        ("/vms/web1/nics", "help remove n", {"nic1", "network", "nic"}),
        ("/", "set ou", {"output"}),
        ("/", "set output js", {"json", "jsonl"}),
        ("/", "getkey ca", {"ca_file"}),
        ("/", "connect te", {"test"}),
        ("/", "list vms | gr", set()),
    ],
)
def test_completion(fake: FakeGateway, web1: str, place: str, text: str, expected: set[str]) -> None:
    shell = Shell(tree.root(), CliSession())
    assert shell.line(f"cd {place}") == 0
    assert {word for word, _, _ in completions(shell, text)} == expected
    shell.session.close()
