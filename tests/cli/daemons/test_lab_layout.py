"""Each real host of a lab has names and folders of its own; the first keeps those of a lab with one."""

from pathlib import Path

import pytest

from cli.daemons.configuration import read
from cli.daemons.lab.claims import REAL_HOST_MEMORY_MIB, available_memory_mib, real_hosts_that_fit
from cli.daemons.lab.contract import enrolled_as, is_enrolled, write_node_configuration
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import SOCKET_PATH_BYTES_MAX, LabFolder, open_folder
from cli.daemons.lab.private_libvirt import host_uuid
from cli.daemons.node.config import NodeConfig


def test_the_first_host_and_the_second(tmp_path: Path) -> None:
    folder = LabFolder(tmp_path)
    first, second = folder.real_host(), folder.real_host(2)
    assert [first.name, second.name] == ["real", "real-2"]
    assert [path.name for path in (first.machine, first.node, first.storage)] == ["host", "node", "storage"]
    assert [path.name for path in (second.machine, second.node, second.storage)] == ["host-2", "node-2", "storage-2"]
    assert (first.process("node"), second.process("node")) == ("node", "node-2")
    assert second.libvirt_uri == f"qemu+unix:///system?socket={tmp_path}/host-2/run/libvirt-sock"
    assert second.host_name == f"real-2.lab-{folder.tag}"


@pytest.mark.parametrize(
    ("name", "number"), [("real", 1), ("real-2", 2), ("real-12", 12), ("real-1", None), ("real-02", None),
                         ("sim-0001", None), ("really", None)],
)  # fmt: skip
def test_a_host_is_found_by_its_name(tmp_path: Path, name: str, number: int | None) -> None:
    found = LabFolder(tmp_path).real_host_named(name)
    assert (found.number if found else None) == number
    assert found is None or found.name == name


def test_hosts_of_an_earlier_lab_are_known(tmp_path: Path) -> None:
    for name in ("host", "host-2", "host-11", "hosts", "node-3"):
        (tmp_path / name).mkdir()
    assert [host.name for host in LabFolder(tmp_path).known_real_hosts()] == ["real", "real-2", "real-11"]


def test_the_socket_of_the_last_host_counts(tmp_path: Path) -> None:
    room = SOCKET_PATH_BYTES_MAX - len(f"{tmp_path}//host/run/libvirt-sock")
    deep = tmp_path / ("d" * room)
    assert open_folder(deep).path == deep
    with pytest.raises(LabError, match="2 bytes too long"):
        open_folder(deep, real_hosts=2)


def test_each_host_has_its_own_uuid_accounts_and_node(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    one, two = folder.real_host(), folder.real_host(2)
    for host in (one, two):
        (host.machine / "etc").mkdir(parents=True)
    assert host_uuid(one) != host_uuid(two)
    assert host_uuid(two) == host_uuid(two)

    settings = read(
        write_node_configuration(two, engine="wss://10.200.42.1:1", ca_file="ca", token="t", address="10.200.42.3"),
        NodeConfig,
    )
    assert (settings.name, settings.state_dir, settings.storage_dir) == ("real-2", two.node, two.storage)

    assert not is_enrolled(two.node)
    (two.node / "host.pem").write_text("no certificate")
    assert is_enrolled(two.node)
    assert enrolled_as([one.node, two.node]) == set()


def test_memory_decides_how_many_hosts_there_can_be() -> None:
    assert [real_hosts_that_fit(mib) for mib in (0, REAL_HOST_MEMORY_MIB - 1, 3 * REAL_HOST_MEMORY_MIB)] == [0, 0, 3]
    assert available_memory_mib() > 0
