"""P12: a real VM from the REST call to a running QEMU, against `virsh create` of the same XML on the same libvirt.

Both run in turn on a lab that the benchmark starts and stops itself.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench import Row

_rounds: Final = 5
_rounds_full: Final = 15
_poll_seconds: Final = 0.002
_patience_seconds: Final = 60.0
_what: Final = "start of a real VM, REST call to running, median pair"
_goal: Final = "<= 1.1x + 50 ms"


class RestConnection:
    """One connection that stays open, as a client's would."""

    def __init__(self, lab: dict[str, Any]) -> None:
        host, port = lab["url"].removeprefix("https://").rstrip("/").split(":")
        context = ssl.create_default_context(cafile=lab["ca_file"])
        self._connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=_patience_seconds)
        form = f"grant_type=password&scope=ovirt-app-api&username={lab['user']}&password={lab['password']}"
        kind = "application/x-www-form-urlencoded"
        self._token = ""
        self._token = self.send("POST", "/ovirt-engine/sso/oauth/token", form, kind)["access_token"]

    def send(self, method: str, path: str, body: str | None = None, kind: str = "application/json") -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text[:500]!r}"
        return dict(json.loads(text))


class LabLibvirt:
    """The lab's libvirt."""

    def __init__(self, uri: str, vm_id: str) -> None:
        import libvirt  # an extra: the benchmark says so where it is missing

        self._libvirt = libvirt
        libvirt.registerErrorHandler(lambda _, error: None, None)
        self._connection = libvirt.open(uri)
        self._uri = uri
        self.vm_id = vm_id

    def is_running(self) -> bool:
        return bool(self._state() == self._libvirt.VIR_DOMAIN_RUNNING)

    def is_gone(self) -> bool:
        return self._state() is None

    def _state(self) -> int | None:
        try:
            return int(self._connection.lookupByUUIDString(self.vm_id).state()[0])
        except self._libvirt.libvirtError as error:
            self._let_no_domain_pass(error)
            return None

    def _let_no_domain_pass(self, error: Any) -> None:
        if error.get_error_code() != self._libvirt.VIR_ERR_NO_DOMAIN:
            raise error

    def virsh(self, *words: str) -> str:
        done = subprocess.run(["virsh", "-q", "-c", self._uri, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"virsh {' '.join(words)}: {done.stderr}"
        return done.stdout

    def end(self) -> None:
        """The engine may be quicker: a QEMU that nobody asked it for is ended by it."""
        try:
            self._connection.lookupByUUIDString(self.vm_id).destroy()
        except self._libvirt.libvirtError as error:
            self._let_no_domain_pass(error)
        _until(self.is_gone)


def _until(ask: Any) -> None:
    deadline = time.perf_counter() + _patience_seconds
    while not ask():
        assert time.perf_counter() < deadline, "waited in vain"
        time.sleep(_poll_seconds)


def _round(api: RestConnection, libvirt: LabLibvirt, vm_path: str, xml: Path) -> tuple[float, float]:
    """Seconds of (floor, ours)."""
    began = time.perf_counter()
    api.send("POST", f"{vm_path}/start", "{}")
    _until(libvirt.is_running)
    ours = time.perf_counter() - began
    _until(lambda: api.send("GET", vm_path)["status"] in ("up", "powering_up"))
    xml.write_text(libvirt.virsh("dumpxml", "--security-info", libvirt.vm_id))
    api.send("POST", f"{vm_path}/stop", "{}")
    _until(libvirt.is_gone)
    _until(lambda: api.send("GET", vm_path)["status"] == "down")
    began = time.perf_counter()
    libvirt.virsh("create", str(xml))
    floor = time.perf_counter() - began
    libvirt.end()
    return floor, ours


def _measure(directory: Path, rounds: int) -> list[tuple[float, float]]:
    from tests.real.lab.running_lab import RunningLab  # it needs the SDK of the development extra

    lab = RunningLab(directory, "--hosts", "0", "--real")
    try:
        lab.start()
        vm_id = lab.add_tiny("bench")
        summary = lab.summary
        api, libvirt = RestConnection(summary), LabLibvirt(summary["libvirt_uri"], vm_id)
        path = f"/ovirt-engine/api/vms/{vm_id}"
        _round(api, libvirt, path, directory / "vm.xml")  # reads QEMU and its firmware into memory
        return [_round(api, libvirt, path, directory / "vm.xml") for _ in range(rounds)]
    finally:
        lab.stop()


def _why_not() -> str:
    """Why this machine cannot run it; empty when it can."""
    if os.geteuid() != 0:
        return "not root"
    for name in ("/usr/sbin/libvirtd", "/usr/bin/virsh"):
        if not Path(name).exists():
            return f"no {name}"
    try:
        import libvirt  # noqa: F401
    except ImportError:
        return "no libvirt-python"
    return ""


def run(full: bool) -> Row:
    reason = _why_not()
    if reason:
        return Row(id="P12", what=f"{_what}: not measured here: {reason}", unit="-", goal=_goal, floor=None, ours=None)
    directory = Path(tempfile.mkdtemp(prefix="corral-bench-"))
    try:
        measured = _measure(directory, _rounds_full if full else _rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    measured.sort(key=lambda pair: pair[1] / pair[0])
    floor, ours = measured[len(measured) // 2]
    return Row(
        id="P12", what=_what, unit="ms", goal=_goal, floor=floor * 1e3, ours=ours * 1e3,
        is_met=ours <= 1.1 * floor + 0.05,
    )  # fmt: skip
