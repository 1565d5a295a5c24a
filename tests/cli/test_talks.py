"""The lines of the talks, typed as they stand there."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway


def test_a_disk_is_put_on_a_vm(fake: FakeGateway, script: Corral) -> None:
    vm = fake.put("vms", name="Y")
    fake.put(f"vms/{vm}/diskattachments", id="none")
    ran = script("create disk --id X --vm-identifier Y", "add disk --vm Y --name d2 --provisioned_size 1GiB --interface sata",
                 "cd vms/Y", "create disk --id Z")  # fmt: skip
    assert ran.code == 0, ran.err
    where = f"vms/{vm}/diskattachments"
    assert fake.asked("POST") == [
        (where, {"disk": {"id": "X"}, "interface": "virtio"}),
        (where, {"disk": {"name": "d2", "provisioned_size": 1 << 30}, "interface": "sata"}),
        (where, {"disk": {"id": "Z"}, "interface": "virtio"}),
    ]


def test_a_disk_without_a_vm_stays_a_disk(fake: FakeGateway, corral: Corral) -> None:
    assert corral("add", "disk", "--alias", "d1", "--provisioned_size", "1GiB").code == 0
    assert fake.asked("POST") == [("disks", {"alias": "d1", "provisioned_size": 1 << 30})]
    ran = corral("add", "disk", "--id", "X")
    assert (ran.code, ran.err) == (
        1,
        "corral: disk: --id needs a VM to attach the disk to: add --vm-identifier NAME\n",
    )


def test_wildcards_at_the_client(fake: FakeGateway, script: Corral) -> None:
    for name in ("p1", "web1", "p.2", "sp1"):
        fake.put("vms", name=name, status="up")
    for kwargs, names in (
        ("name=p*", ["p1", "p.2"]),
        ("name=p.*", ["p.2"]),
        ("name=*p*;status=u*", ["p1", "p.2", "sp1"]),
    ):
        assert script(f"list vms --kwargs {kwargs} -o name").out.split() == names


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "action host h install --root_password P",
            "host has no action install in this version, only list, show,",
        ),
        ("add job --description x", "job has no add in this version, only list, show, cancel."),
        ("remove event 7", "event has no remove in this version"),
        ("list xyzzy", "there is no command 'xyzzy' in 'list'. See: list --help"),
        ("action vm v strat", "there is no command 'strat' in 'action vm'. Did you mean start?"),
    ],
)
def test_what_the_engine_does_not_have_is_refused_by_name(
    fake: FakeGateway, script: Corral, line: str, why: str
) -> None:
    ran = script(line)
    assert ran.code == 1
    assert ran.err.startswith(f"corral: {why}")
    assert fake.requests == []
