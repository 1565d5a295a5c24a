"""Certificates with a short life on a whole lab: renewed in time; a host's is good for renewal alone after its end."""

from __future__ import annotations

import os
import re
import signal
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import ovirtsdk4.types as types
import pytest
from cryptography import x509

from tests.real.lab.running_lab import RunningLab, until

pytestmark = [pytest.mark.real, pytest.mark.slow]
LIFE_SECONDS = 42.0
SERVER_LIFE_SECONDS = 60.0
SILENT_SECONDS = 12.0


@pytest.fixture(scope="module")
def short_lived(real_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """A lab of its own: its engine signs certificates that are to be renewed every 28 seconds."""
    lab = RunningLab(tmp_path_factory.mktemp("lab"), "--hosts", "0")
    (lab.directory / "engine.toml").write_text(
        f"node_certificate_seconds = {LIFE_SECONDS}\nsilent_after_seconds = {SILENT_SECONDS}\n"
        f"server_certificate_seconds = {SERVER_LIFE_SECONDS}\n"
    )
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


def test_a_host_renews_its_certificate_by_itself_and_an_expired_one_is_good_for_nothing_else(
    short_lived: RunningLab,
) -> None:
    lab = short_lived
    vm_id = lab.add_tiny("witness")
    lab.vm(vm_id).start()
    qemus = until("QEMU runs", 60, lambda: lab.qemus(vm_id))

    first, links = _certificate(lab), len(_links(lab))
    while (second := _certificate(lab)).not_valid_after_utc <= first.not_valid_after_utc:
        assert _seconds_left(first) > 0, "it was not renewed in time"
        assert _host_status(lab) == types.HostStatus.UP
        time.sleep(0.2)
    assert len(_links(lab)) == links, "renewed on the link that stood"
    until("the VM is up", 60, lambda: lab.is_up(vm_id))
    assert _host_status(lab) == types.HostStatus.UP
    assert lab.qemus(vm_id) == qemus

    node = lab.pid("node")
    os.kill(node, signal.SIGSTOP)  # not killed yet: the lab would start it again at once
    second, links = _certificate(lab), len(_links(lab))
    try:
        until("the host is missed", 4 * SILENT_SECONDS, lambda: _host_status(lab) == types.HostStatus.NON_RESPONSIVE)
        until("its certificate expires", LIFE_SECONDS, lambda: _seconds_left(second) < 0)
        assert _certificate(lab) == second
    finally:
        os.kill(node, signal.SIGKILL)
    until("the host is up again", 60, lambda: _host_status(lab) == types.HostStatus.UP)
    assert _links(lab)[links : links + 2] == ["True", "False"], "a link for the renewal, then a true one"
    assert _seconds_left(_certificate(lab)) > 0
    until("the VM is seen again", 30, lambda: lab.is_up(vm_id))
    assert lab.qemus(vm_id) == qemus, "the VM ran through all of it"


def test_the_servers_of_a_running_engine_show_new_certificates_in_time(short_lived: RunningLab) -> None:
    engine = short_lived.pid("engine")
    first = _shown(short_lived.port)
    for port in range(short_lived.port, short_lived.port + 3):  # API, live stream, nodes
        while (now := _shown(port)).not_valid_after_utc <= first.not_valid_after_utc:
            assert _seconds_left(now) > 0, "not in time"
            time.sleep(0.2)
    assert short_lived.pid("engine") == engine


def _shown(port: int) -> x509.Certificate:
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())


def _certificate(lab: RunningLab) -> x509.Certificate:
    return x509.load_pem_x509_certificate((Path(lab.directory) / "node" / "host.pem").read_bytes())


def _seconds_left(certificate: x509.Certificate) -> float:
    return (certificate.not_valid_after_utc - datetime.now(UTC)).total_seconds()


def _host_status(lab: RunningLab) -> types.HostStatus:
    (host,) = lab.connect().system_service().hosts_service().list(search="name=real")
    return host.status


def _links(lab: RunningLab) -> list[str]:
    """For each link that the node had, whether it was for renewal only."""
    log = (Path(lab.directory) / "log" / "node.log").read_text(errors="replace")
    return re.findall(r"link\.up.*renewal_only\W+(True|False|true|false)", log)
