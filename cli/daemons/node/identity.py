"""Ties a host to the engine: lock on its state directory, enrolment, step log."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import structlog
import trio

from actors.kernel.ports import Ports
from node.link.dial import EngineAddress, enrol
from node.link.identity import Identity
from node.steps.log import FileStepLog
from node.steps.store import host_record
from protocol.errors import Conflict, Unauthenticated, Unavailable
from protocol.node.link import Enrol

log = structlog.get_logger()

retry_first_seconds = 0.5
retry_max_seconds = 15.0


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """One daemon per state directory. Raises `Conflict`."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(
                f"Another node daemon uses {state_dir}.", remedy="Stop it, or give this one a directory of its own."
            ) from error
        yield
    finally:
        os.close(descriptor)


async def enrolled(identity: Identity, engine: EngineAddress, token: str, name: str, address: str, ports: Ports) -> str:
    """The host's id; enrols first when there is none, as often as the engine does not answer. Raises `Refused`."""
    retry = retry_first_seconds
    while not identity.host_id:
        if not token:
            raise Unauthenticated("This host is not enrolled.", remedy="Add the host to Corral and set its token.")
        request = Enrol(
            token=token,
            csr_pem=identity.request(name),
            name=name,
            address=address or name,
            hardware_uuid=await trio.to_thread.run_sync(hardware_uuid),
        )
        try:
            await enrol(engine, identity, request, ports.clock)
        except Unavailable as error:
            log.warning("node.not_enrolled", reason=str(error))
            await ports.clock.sleep(retry)
            retry = min(2 * retry, retry_max_seconds)
    return identity.host_id


async def step_log_of(state_dir: Path, host_id: str) -> FileStepLog:
    """The step log in a state directory; what another host's daemon left there is forgotten."""
    step_log = await trio.to_thread.run_sync(FileStepLog, state_dir / "step_log")
    if step_log.store.host_id != host_id:
        await step_log.write(host_record(host_id))
    return step_log


def machine_name() -> str:
    return socket.gethostname()


def hardware_uuid() -> str:
    """What the firmware says this machine is; empty where it does not."""
    try:
        return Path("/sys/class/dmi/id/product_uuid").read_text().strip().lower()
    except OSError:
        return ""
