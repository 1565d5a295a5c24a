"""Nouns, verbs and actions against a gateway over real sockets."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway


@pytest.mark.parametrize("words", [("vm", "list"), ("list", "vms"), ("list", "vm"), ("vms", "list")])
def test_a_list_is_a_table_with_the_columns_of_the_registry(
    fake: FakeGateway, corral: Corral, words: tuple[str, ...]
) -> None:
    cluster = fake.put("clusters", name="Default")
    fake.put("vms", name="web1", status="up", memory=str(1 << 30), cluster={"id": cluster},
             cpu={"topology": {"sockets": "2", "cores": "2", "threads": "1"}})  # fmt: skip
    ran = corral(*words)
    heading, row = ran.out.splitlines()
    assert heading.split() == ["NAME", "STATUS", "HOST", "CLUSTER", "MEMORY", "CPU", "FQDN", "START_TIME"]
    assert row.split() == ["web1", "up", "Default", "1", "GiB", "4"]
    assert ran.code == 0


def test_a_query_max_and_filter_travel(fake: FakeGateway, corral: Corral) -> None:
    corral("vm", "list", "--query", "status = up", "--max", "3", "--filter")
    assert fake.requests[-1][1] == "vms?search=status = up&max=3"
    assert fake.headers[-1]["Filter"] == "true"


def test_kwargs_keep_what_is_so(fake: FakeGateway, corral: Corral) -> None:
    fake.put("vms", name="web1", status="up", cpu={"architecture": "x86_64"})
    fake.put("vms", name="web2", status="down")
    assert corral("vm", "list", "--kwargs", "status=up;cpu.architecture=x86_64", "-o", "name").out == "web1\n"
    assert corral("vm", "list", "--kwargs", "colour=red").code == 1


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("name", "web1\n"),
        ("jsonl", '{"name": "web1", "id": "x", "status": "up"}\n'),
        ("yaml", "- name: web1\n  id: x\n  status: up\n"),
    ],
)
def test_forms(fake: FakeGateway, corral: Corral, form: str, expected: str) -> None:
    fake.put("vms", name="web1", id="x", status="up")
    assert corral("vm", "list", "-o", form).out == expected
    assert json.loads(corral("vm", "list", "-o", "json").out)[0]["name"] == "web1"


def test_show_by_name_and_by_id(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1", status="up", memory=str(512 << 20))
    assert "memory  512 MiB" in corral("show", "vm", "web1").out
    assert corral("vm", "show", id, "--columns", "name").out == "name  web1\n"


def test_show_includes_what_hangs_below_for_a_person(fake: FakeGateway, corral: Corral) -> None:
    devices = {"reported_device": [{"name": "eth0", "ips": {"ip": [{"address": "10.0.0.5"}, {"address": "fe80::1"}]}}]}
    fake.put("vms", name="web1", reported_devices=devices, comment="")
    ran = corral("vm", "show", "web1")
    assert "reported_devices  eth0 10.0.0.5 fe80::1" in ran.out
    assert "comment" not in ran.out
    assert "follow=nics,disk_attachments,reported_devices" in fake.requests[-1][1]
    corral("vm", "show", "web1", "-o", "json")
    assert "follow" not in fake.requests[-1][1]


def test_an_object_that_is_not_there(fake: FakeGateway, corral: Corral) -> None:
    ran = corral("vm", "show", "web9")
    assert ran.code == 11
    assert ran.err == "corral: no VM is called web9, or you may not see it. List them with: corral list vms\n"


def test_a_name_that_two_bear(fake: FakeGateway, corral: Corral) -> None:
    ids = [fake.put("disks", name="data"), fake.put("disks", name="data")]
    ran = corral("disk", "remove", "data")
    assert ran.code == 2
    assert all(id in ran.err for id in ids)
    assert fake.asked("DELETE") == []


def test_add_makes_a_document_from_options(fake: FakeGateway, corral: Corral) -> None:
    ran = corral(
        "add", "vm", "--name", "web1", "--cluster-name", "Default", "--template-name", "tiny", "--memory", "512MiB",
        "--cpu-topology-cores", "2", "--os-boot-devices", "hd,network", "--delete_protected", "true",
        "--placement_policy-hosts", "alpha,00000000-0000-0000-0000-0000000000aa", "--clone",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert fake.asked("POST") == [
        (
            "vms?clone=true",
            {
                "name": "web1",
                "cluster": {"name": "Default"},
                "template": {"name": "tiny"},
                "memory": 512 << 20,
                "cpu": {"topology": {"cores": 2}},
                "os": {"boot": {"devices": {"device": ["hd", "network"]}}},
                "delete_protected": True,
                "placement_policy": {
                    "hosts": {"host": [{"name": "alpha"}, {"id": "00000000-0000-0000-0000-0000000000aa"}]}
                },
            },
        )
    ]


def test_add_from_json_with_options_over_it(
    fake: FakeGateway, corral: Corral, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("json") / "vm.json"
    file.write_text('{"name": "a", "cpu": {"topology": {"cores": 1, "sockets": 2}}}')
    corral("vm", "add", "--json", str(file), "--name", "b", "--cpu-topology-cores", "4")
    assert fake.asked("POST")[0][1] == {"name": "b", "cpu": {"topology": {"cores": 4, "sockets": 2}}}


def test_update_and_remove(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1")
    assert corral("update", "vm", "web1", "--memory", "1GiB", "--next-run").code == 0
    assert fake.asked("PUT") == [(f"vms/{id}?next_run=true", {"memory": 1 << 30})]
    assert corral("vm", "update", "web1").code == 1
    assert corral("vm", "delete", "web1", "--detach-only").code == 0
    assert fake.asked("DELETE") == [(f"vms/{id}?detach_only=true", {})]


@pytest.mark.parametrize("words", [("vm", "start", "web1"), ("action", "vm", "web1", "start")])
def test_an_action_with_parameters(fake: FakeGateway, corral: Corral, words: tuple[str, ...]) -> None:
    id = fake.put("vms", name="web1")
    ran = corral(*words, "--pause", "true", "--vm-os-boot-devices", "network")
    assert fake.asked("POST") == [
        (f"vms/{id}/start", {"pause": True, "vm": {"os": {"boot": {"devices": {"device": ["network"]}}}}})
    ]
    assert (ran.code, ran.err) == (0, "VM web1: start done.\n")


def test_the_result_of_an_action_is_printed(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1")
    fake.answers[f"POST vms/{id}/ticket"] = {"ticket": {"value": "abc", "expiry": "120"}}
    assert corral("vm", "ticket", "web1", "--ticket-expiry", "120").out == "value  abc\nexpiry  120\n"


@pytest.mark.parametrize(
    "option", ["--vm", "--parent-vm-name", "--vm-identifier", "--parent-vm-identifier", "--vm-name"]
)
def test_a_nic_below_its_vm(fake: FakeGateway, corral: Corral, option: str) -> None:
    vm = fake.put("vms", name="myVm")
    fake.put(f"vms/{vm}/nics", name="nic0")
    ran = corral("add", "nic", option, "myVm", "--name", "nic1", "--vnic_profile-name", "ovirtmgmt")
    assert ran.code == 0, ran.err
    assert fake.asked("POST") == [(f"vms/{vm}/nics", {"name": "nic1", "vnic_profile": {"name": "ovirtmgmt"}})]
    assert corral("nic", "list", option, "myVm", "-o", "name").out == "nic0\nnic1\n"
    assert corral("nic", "remove", "nic0", option, "myVm").code == 0


@pytest.mark.parametrize(
    "words", [("nic", "deactivate", "nic0", "--vm", "web1"), ("action", "nic", "nic0", "deactivate", "--vm", "web1")]
)
def test_an_action_on_a_nic(fake: FakeGateway, corral: Corral, words: tuple[str, ...]) -> None:
    vm = fake.put("vms", name="web1")
    nic = fake.put(f"vms/{vm}/nics", name="nic0")
    ran = corral(*words)
    assert (ran.code, ran.err) == (0, "NIC nic0: deactivate done.\n")
    assert fake.asked("POST") == [(f"vms/{vm}/nics/{nic}/deactivate", {})]
    assert "--vm" in corral("nic", "activate", "--help").out
    assert "--template" not in corral("nic", "activate", "--help").out


def test_a_nic_without_its_vm(fake: FakeGateway, corral: Corral) -> None:
    ran = corral("nic", "list")
    assert ran.code == 1
    assert "--vm NAME or --template NAME" in ran.err


def test_a_statistic_two_levels_down(fake: FakeGateway, corral: Corral) -> None:
    vm = fake.put("vms", name="web1")
    nic = fake.put(f"vms/{vm}/nics", name="nic1")
    fake.put(f"vms/{vm}/nics/{nic}/statistics", name="data.current.rx", unit="bytes_per_second",
             values={"value": [{"datum": "17.0482"}]})  # fmt: skip
    assert corral("statistic", "list", "--vm", "web1", "--nic", "nic1").out.splitlines()[1].split() == [
        "data.current.rx", "17.0", "bytes_per_second",
    ]  # fmt: skip


def test_a_refusal_is_one_line_with_its_remedy(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1")
    fake.faults[f"POST vms/{id}/start"] = 409, {"reason": "It is up.", "detail": "[status] Stop it  first."}
    ran = corral("vm", "start", "web1")
    assert (ran.code, ran.err) == (10, "corral: VM web1: start: It is up. Stop it first.\n")


def test_a_refusal_with_details_has_each_on_a_line_of_its_own(fake: FakeGateway, corral: Corral) -> None:
    id = fake.put("vms", name="web1")
    detail = "[host]\nalpha: too little memory\nbeta: the host is down\nAdd a host."
    fake.faults[f"POST vms/{id}/start"] = 409, {"reason": "No host fits.", "detail": detail}
    ran = corral("vm", "start", "web1")
    assert ran.err.splitlines() == [
        "corral: VM web1: start: No host fits.",
        "  alpha: too little memory",
        "  beta: the host is down",
        "  Add a host.",
    ]


def test_an_empty_list_says_so_beside_the_output(fake: FakeGateway, corral: Corral) -> None:
    ran = corral("vm", "list")
    assert (ran.code, ran.out, ran.err) == (0, "", "No VMs.\n")
    assert corral("storagedomain", "list", "--query", "name = x").err == "No storage domains match.\n"
    assert corral("vm", "list", "-o", "json").out == "[]\n"


def test_a_vm_that_is_down_has_no_start_time_in_a_list(fake: FakeGateway, corral: Corral) -> None:
    fake.put("vms", name="web1", status="down", start_time="2026-01-02T03:04:05+00:00")
    fake.put("vms", name="web2", status="powering_up", start_time="2026-01-02T03:04:05+00:00")
    rows = corral("vm", "list", "--columns", "name,start_time").out.splitlines()[1:]
    assert [len(row.split()) for row in rows] == [1, 3]
    assert "start_time" in corral("vm", "show", "web1").out


def test_what_is_assigned_to_what_is_told(fake: FakeGateway, corral: Corral) -> None:
    vm = fake.put("vms", name="web1")
    fake.put(f"vms/{vm}/tags", name="prod")
    assert corral("tag", "add", "--vm", "web1", "--name", "db").err == "tag db assigned to VM web1.\n"
    taken = corral("tag", "remove", "prod", "--vm", "web1").err
    assert taken == "tag prod unassigned from VM web1; the tag itself stays.\n"
    assert corral("tag", "add", "--name", "new").err == "tag new added.\n"


def test_a_person_sees_the_tags_of_a_vm(fake: FakeGateway, corral: Corral) -> None:
    fake.put("vms", name="web1", tags={"tag": [{"name": "prod"}, {"name": "db"}]})
    assert corral("vm", "show", "web1").out.splitlines()[-1].split() == ["tags", "prod,db"]
    assert fake.requests[-1][1].endswith(",tags")


def test_a_dry_run_of_an_add_names_no_id(fake: FakeGateway, corral: Corral) -> None:
    vm = fake.put("vms", name="web1")
    fake.put(f"vms/{vm}/diskattachments", id="x")
    ran = corral("diskattachment", "add", "--vm", "web1", "--disk-id", "d", "--interface", "virtio", "--dry-run")
    assert ran.err == "disk attachment: add would be accepted (dry run, nothing was done).\n"
    assert corral("vm", "add", "--name", "web2", "--dry-run").err.startswith("VM web2: add would be accepted")


def test_a_hint_runs_as_it_is_printed(fake: FakeGateway, corral: Corral) -> None:
    vm = fake.put("vms", name="my VM")
    fake.put(f"vms/{vm}/nics", name="nic0")
    hint = corral("nic", "show", "nic9", "--vm", "my VM").err.rpartition("List them with: ")[2]
    assert hint == "corral nic list --vm 'my VM'\n"
    assert corral(*shlex.split(hint)[1:], "-o", "name").out == "nic0\n"


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        (("start", "web1"), "start needs an object before it: corral vm start NAME", "Did you mean"),
        (("staus",), "Did you mean status?", "needs an object"),
        (("zzstart",), "See: corral --help", "Did you mean"),
        (("vm", "list", "--colour", "red"), "See: corral vm list --help", "Did you mean"),
        (("vm", "list", "--colums", "name"), "Did you mean '--columns'?", "See:"),
    ],
)
def test_only_near_words_are_suggested(corral: Corral, words: tuple[str, ...], said: str, unsaid: str) -> None:
    ran = corral(*words)
    assert (ran.code, said in ran.err, unsaid in ran.err) == (1, True, False), ran.err


def test_a_session_that_is_over_says_how_to_log_in(fake: FakeGateway, corral: Corral) -> None:
    fake.tokens.clear()
    ran = corral("vm", "list")
    assert ran.code == 10
    assert f"Log in again with: corral login {fake.url} --user admin@internal --context test" in ran.err


@pytest.mark.parametrize(
    "words",
    [("vm", "strat", "x"), ("nothing",), ("vm", "list", "--max", "many"), ("vm", "add", "--memory", "1XB"),
     ("vm", "start"), ("vm", "start", "x", "--pause", "perhaps"), ("vm", "add", "--type", "toaster")],
)  # fmt: skip
def test_syntax_errors(fake: FakeGateway, corral: Corral, words: tuple[str, ...]) -> None:
    ran = corral(*words)
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "--help" in ran.err or "Did you mean" in ran.err


def test_a_gateway_that_is_away(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORRAL_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CORRAL_TOKEN", "t")
    ran = corral("vm", "list")
    assert ran.code == 10
    assert "http://127.0.0.1:1 does not answer" in ran.err


def test_control_characters_of_a_name_do_not_reach_the_terminal(fake: FakeGateway, corral: Corral) -> None:
    fake.put("vms", name="evil\x1b[2Jname", status="up")
    assert "\x1b" not in corral("vm", "list").out
