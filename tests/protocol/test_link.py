"""Version 1 of the node link, byte by byte, and peers of other versions.

The frames are written out by hand from the messages' description, so that this test and the codec cannot be wrong
together.
"""

from __future__ import annotations

import datetime
from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.api import Ticket
from protocol.codec import decode, encode
from protocol.errors import Refusal
from protocol.live.frames import Subscribe
from protocol.message import Priority, WhenFull, message_type_of
from protocol.node import commands as node_commands
from protocol.node import link
from protocol.node import reports as node_reports
from protocol.node.commands import Body
from protocol.node.link import EngineHello, Enrol, Enrolled, LinkRefused, NodeHello, agree
from protocol.vm.commands import SetVmTicket
from tests.protocol.registering import registered

volume = {"storage_domain_id": "sd", "image_id": "img", "volume_id": "vol", "format": "qcow2"}
base = {**volume, "volume_id": "base"}
spec = {
    "vm_id": "v",
    "name": "one",
    "memory_bytes": 268435456,
    "disks": [{"disk_id": "img", "volume": volume, "bootable": True}],
    "nics": [{"nic_id": "n", "mac": "56:6f:00:00:00:01", "bridge": "br0"}],
}
observed = {
    "vm_id": "v",
    "status": "running",
    "started_step_id": "s",
    "qemu_pid": 42,
    "started_at": 1_900_000_000_000_001,
    "vnc_socket": "/run/v.vnc",
}
saved = {"vm_id": "v", "storage_domain_id": "sd"}

BODIES: dict[str, dict[str, Any]] = {
    "start_domain": {"spec": spec},
    "shutdown_domain": {"vm_id": "v", "reason": "because"},
    "destroy_domain": {"vm_id": "v"},
    "reboot_domain": {"vm_id": "v"},
    "reset_domain": {"vm_id": "v"},
    "pause_domain": {"vm_id": "v"},
    "resume_domain": {"vm_id": "v"},
    "freeze_domain": {"vm_id": "v"},
    "thaw_domain": {"vm_id": "v"},
    "save_domain": saved,
    "restore_domain": {"spec": spec, "storage_domain_id": "sd"},
    "remove_saved_state": saved,
    "set_ticket": {"vm_id": "v", "value": "secret", "expiry_seconds": 60},
    "connect_storage_domain": {"storage_domain_id": "sd", "path": "/srv/sd", "create": True},
    "create_volume": {"volume": volume, "size_bytes": 1048576, "preallocate": True, "backing": base},
    "copy_volume": {"source": base, "target": volume},
    "import_volume": {"source_path": "/img", "source_format": "raw", "target": volume},
    "resize_volume": {"volume": volume, "size_bytes": 2097152},
    "remove_image": {"storage_domain_id": "sd", "image_id": "img"},
}

FRAMES: dict[str, dict[str, Any]] = {
    "link.node_hello": {
        "host_id": "h",
        "version_min": 1,
        "version_max": 1,
        "node_version": "0.1",
        "highest_epoch": 3,
        "incarnation": "i",
    },
    "link.engine_hello": {"version": 1, "epoch": 4, "heartbeat_period_seconds": 5.0, "renewal_only": True},
    "link.enrol": {"token": "t", "csr_pem": "c", "name": "n", "address": "a", "hardware_uuid": "u"},
    "link.enrolled": {"host_id": "h", "certificate_pem": "c", "ca_pem": "a"},
    "link.refused": {"refusal": {"code": "stale_epoch", "reason": "no", "retryable": True}},
    "node.forget_steps": {"epoch": 4, "step_ids": ["a", "stopped/v/s"]},
    "node.report_now": {"epoch": 4},
    "node.engine_heartbeat": {"epoch": 4},
    "node.renew_certificate": {"certificate_pem": "c"},
    "node.console_open": {"epoch": 4, "stream_id": "x", "vm_id": "v"},
    "node.console_data": {"stream_id": "x", "data": b"\x00\xff", "closed": True, "reason": "end"},
    "node.domain_started": {"domain": observed},
    "node.volume_facts": {"volume": volume, "size_bytes": 1048576, "actual_bytes": 196608},
    "node.storage_facts": {
        "storage_domain_id": "sd",
        "available_bytes": 1,
        "used_bytes": 2,
        "writable": False,
        "problem": "full",
    },
    "node.step_progress": {"step_id": "s", "percent": 40},
    "node.domains": {"domains": [observed, {"vm_id": "w", "status": "paused", "reason": "io_error"}]},
    "node.domain_changed": {"domain": {"vm_id": "v", "status": "absent"}, "stopped": "destroyed", "detail": "bye"},
    "node.heartbeat": {"epoch": 4},
    "node.statistics": {
        "at": 1_900_000_000_000_000,
        "period_seconds": 5.0,
        "cpu_percent": 1.5,
        "memory_free_bytes": 1,
        "memory_used_bytes": 2,
        "load_average": 0.25,
        "cpu_user_percent": 1.0,
        "domains": [["v", 1, 2, 3, -1, 5, 6, 7, 8, 9]],
        "nics": [["v", "n", 1, 2, 3, 4, 5, 6]],
        "disks": [["v", "d", 1, 2, 3, 4]],
    },
    "node.guest_silent": {"vm_id": "v", "since": 1_900_000_000_000_000, "reason": "closed"},
    "node.certificate_requested": {"csr_pem": "c"},
}


def frame(tag: str, fields: dict[str, Any], version: int = 1) -> bytes:
    return bytes(msgpack.packb([tag, version, fields], use_bin_type=True))


def command(verb: str) -> bytes:
    body = [f"node.{verb}", 1, BODIES[verb]]
    return frame("node.command", {"epoch": 4, "step_id": "s", "body": body, "correlation_id": "c"})


@pytest.mark.parametrize("tag", FRAMES)
def test_frames_of_version_1(tag: str) -> None:
    golden = frame(tag, FRAMES[tag])
    assert encode(decode(golden)) == golden


@pytest.mark.parametrize("verb", BODIES)
def test_commands_of_version_1(verb: str) -> None:
    golden = command(verb)
    decoded = decode(golden)
    assert isinstance(decoded.body, Body)
    assert encode(decoded) == golden


def test_every_body_is_shown_here() -> None:
    bodies = [cls for cls in vars(node_commands).values() if isinstance(cls, type) and issubclass(cls, Body)]
    assert {message_type_of(cls).tag for cls in bodies if cls is not Body} == {f"node.{verb}" for verb in BODIES}


@pytest.mark.parametrize(
    "result",
    [
        ["node.done", 1, {}],
        ["node.domain_started", 1, {"domain": observed}],
        ["node.volume_facts", 1, FRAMES["node.volume_facts"]],
        ["refusal", 1, {"code": "host_failed", "reason": "no", "status": 500}],
    ],
    ids=lambda result: result[0],
)
def test_outcomes_of_version_1(result: list[Any]) -> None:
    golden = frame("node.step_done", {"step_id": "s", "result": result})
    decoded = decode(golden)
    assert encode(decoded) == golden
    assert (decoded.failed is not None) == (result[0] == "refusal")


def test_the_hello_in_hexadecimal() -> None:
    hello = EngineHello(version=1, epoch=4, heartbeat_period_seconds=5.0)
    assert encode(hello).hex() == (
        "93"  # a list of three
        "b16c696e6b2e656e67696e655f68656c6c6f"  # link.engine_hello
        "01"  # version 1 of the message
        "83"  # three fields
        "a776657273696f6e01"  # version: 1
        "a565706f636804"  # epoch: 4
        "b86865617274626561745f706572696f645f7365636f6e6473cb4014000000000000"  # heartbeat_period_seconds: 5.0
    )


def test_times_are_microseconds_since_1970() -> None:
    started = decode(frame("node.domain_started", FRAMES["node.domain_started"])).domain.started_at
    assert started == datetime.datetime(2030, 3, 17, 17, 46, 40, 1, tzinfo=datetime.UTC)


# --- priorities: what overtakes what -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cls",
    [
        node_commands.NodeCommand,
        node_reports.StepDone,
        node_reports.NodeHeartbeat,
        node_commands.EngineHeartbeat,
        node_reports.DomainChanged,
    ],
)
def test_control_is_never_behind_bulk(cls: type[Any]) -> None:
    assert message_type_of(cls).priority is Priority.CONTROL


def test_samples_are_bulk_and_replace_each_other() -> None:
    entry = message_type_of(node_reports.StatisticsBatch)
    assert (entry.priority, entry.when_full) == (Priority.BULK, WhenFull.CONFLATE)


def test_outcomes_are_never_replaced_by_each_other() -> None:
    assert message_type_of(node_reports.StepDone).when_full is not WhenFull.CONFLATE
    assert message_type_of(node_reports.DomainChanged).when_full is not WhenFull.CONFLATE


# --- peers of other versions --------------------------------------------------------------------------------------


def test_a_peer_that_also_speaks_version_2_is_met_at_version_1() -> None:
    """It says more in its hello and its frames than we know; both sides go on with what both know."""
    hello = frame("link.node_hello", {**FRAMES["link.node_hello"], "version_max": 2, "zone": {"rack": 7}}, version=2)
    heard = decode(hello)
    assert isinstance(heard, NodeHello)
    version = agree(heard.version_min, heard.version_max)
    assert version == 1
    answer = encode(EngineHello(version=version, epoch=1, heartbeat_period_seconds=5.0))
    assert msgpack.unpackb(answer)[2]["version"] == 1
    done = decode(frame("node.step_done", {"step_id": "s", "result": ["node.done", 2, {"warmth": 3}], "took": 1.5}, 2))
    assert done == node_reports.StepDone(step_id="s", result=node_reports.Done())


def test_a_newer_node_reads_an_older_engine() -> None:
    @attrs.frozen(kw_only=True)
    class Newer(Body):
        vm_id: str
        grace_seconds: float = 0.0

    with registered("node.test_newer", Newer, version=2):
        assert decode(frame("node.test_newer", {"vm_id": "v"})) == Newer(vm_id="v")


def test_ranges_that_do_not_meet() -> None:
    assert agree(2, 3) is None
    assert agree(0, 0) is None
    assert agree(1, 5, own_min=1, own_max=3) == 3
    assert agree(3, 5, own_min=1, own_max=3) == 3
    assert agree(4, 5, own_min=1, own_max=3) is None


@given(st.integers(), st.integers(), st.integers(1, 9), st.integers(1, 9))
def test_agreement_is_the_highest_version_of_both(peer_min: int, peer_max: int, one: int, other: int) -> None:
    own_min, own_max = sorted((one, other))
    both = [version for version in range(own_min, own_max + 1) if peer_min <= version <= peer_max]
    assert agree(peer_min, peer_max, own_min, own_max) == (max(both) if both else None)


def test_our_own_range_holds_version_1() -> None:
    assert link.version_min <= 1 <= link.version_max


# --- secrets ------------------------------------------------------------------------------------------------------


def test_secrets_do_not_show_in_logs() -> None:
    assert "t0ken" not in repr(Enrol(token="t0ken", csr_pem="c", name="n", address="a"))
    assert "s3cret" not in repr(node_commands.SetTicket(vm_id="v", value="s3cret"))
    command = node_commands.NodeCommand(epoch=1, step_id="s", body=node_commands.SetTicket(vm_id="v", value="s3cret"))
    assert "s3cret" not in repr(command)
    assert "s3cret" not in repr(SetVmTicket(id="v", ticket=Ticket(value="s3cret", expiry=60)))
    assert "t0ken" not in repr(Subscribe(token="t0ken"))


def test_a_refused_link_says_why() -> None:
    refusal = Refusal(code="version_mismatch", reason="The node speaks versions 2 to 3.", remedy="Upgrade.")
    assert decode(encode(LinkRefused(refusal=refusal))).refusal == refusal
    assert decode(encode(Enrolled(host_id="h", certificate_pem="c", ca_pem="a"))).host_id == "h"
