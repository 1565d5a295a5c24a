"""A lab that ends leaves nothing, whatever its clients do; a second one on the same folder goes on with its data."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from pathlib import Path

import ovirtsdk4.types as types
import pytest

from tests.real.lab.running_lab import RunningLab, traces, until

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_sigterm_with_a_paused_client_leaves_nothing(real_machine: None, tmp_path: Path) -> None:
    before = traces(tmp_path / "lab")
    lab = RunningLab(tmp_path / "lab", "--hosts", "1")
    lab.start()
    try:
        vm_id = lab.add_tiny("last", nic=True)
        lab.vm(vm_id).start()
        until("QEMU runs", 60, lambda: lab.qemus(vm_id))
        paused = _client_that_stops_reading(lab)
        pid = int(lab.summary["pid"])
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        until("the lab is gone", 30, lambda: not Path(f"/proc/{pid}").exists() or _zombie(pid))
        assert time.monotonic() - began < 30
        assert lab.qemus(vm_id) == []
        until("nothing is left", 5, lambda: traces(tmp_path / "lab") == before)
        paused.close()

        lab.start()
        vm = lab.vm(vm_id).get()
        assert vm.name == "last", "its data is kept"
        until("the VM is down", 60, lambda: lab.vm(vm_id).get().status == types.VmStatus.DOWN)
        lab.vm(vm_id).start()
        until("it starts again", 60, lambda: lab.qemus(vm_id))
    finally:
        lab.stop()
    until("nothing is left", 5, lambda: traces(tmp_path / "lab") == before)


def _client_that_stops_reading(lab: RunningLab) -> ssl.SSLSocket:
    """A WebSocket client with a small window that subscribes to everything and never reads again."""
    summary = lab.summary
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", lab.port))
    client = ssl.create_default_context(cafile=summary["ca_file"]).wrap_socket(raw, server_hostname="127.0.0.1")
    import base64

    basic = base64.b64encode(f"{summary['user']}:{summary['password']}".encode()).decode()
    client.sendall(
        (
            "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Basic {basic}\r\n\r\n"
        ).encode()
    )
    assert b"101" in client.recv(4096)
    payload = json.dumps({"op": "subscribe", "samples": True}).encode()
    client.sendall(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
    return client


def _zombie(pid: int) -> bool:
    return "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
