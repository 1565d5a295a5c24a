"""A machine within the machine: network, mount and UTS namespaces held open by one process; nothing of them is named.

It starts no libvirtd and knows no subnet; whatever runs inside is found again by its mount namespace.
"""

import contextlib
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.last_words import last_words
from cli.daemons.lab.tools import poll_until

HOLDER_READY_SECONDS = 10.0
KILL_SECONDS = 10.0
MARK = "/etc/libvirt"
"""Every machine has its own folder `etc` here. A name outside, such as that of `ip netns`, would outlive a killed lab."""

HOLDER_SCRIPT = """\
set -e
mount --make-rprivate /
mount -t sysfs sysfs /sys
{mounts}
hostname {host_name}
ip link set lo up
: > {ready}
exec sleep infinity
"""


@attrs.frozen
class Namespaces:
    """The namespaces of one machine whose files are in `root`; they last until the holder and everything inside ended."""

    root: Path
    holder: trio.Process

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` inside, with the same process id and the machine's own folder tree."""
        pid = self.holder.pid
        spaces = [
            f"--{kind}=/proc/{pid}/ns/{file}" for kind, file in (("net", "net"), ("mount", "mnt"), ("uts", "uts"))
        ]
        return ["nsenter", *spaces, f"--wd={self.root}", "--", *argv]


async def open_namespaces(root: Path, host_name: str, log: Path, mounts: Mapping[Path, Path]) -> Namespaces:
    """Makes the namespaces of a machine, its own files bound in: `mounts` says which one stands where.

    Raises LabError when the kernel refuses or the holder is not ready in time.
    """
    if os.geteuid() != 0:
        raise LabError("network and mount namespaces need root; use --no-real or run as root")
    ready = _made_ready(root)
    binds = [_bind(source, target) for source, target in {root / "etc": Path(MARK), **mounts}.items()]
    script = HOLDER_SCRIPT.format(mounts="\n".join(binds), host_name=host_name, ready=shlex.quote(str(ready)))
    with log.open("ab") as output:
        said_before = output.tell()
        holder = await trio.lowlevel.open_process(
            ["unshare", "--net", "--mount", "--uts", "--", "/bin/sh", "-c", script],
            stdin=None, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    with trio.move_on_after(HOLDER_READY_SECONDS):
        await poll_until(lambda: ready.exists() or holder.poll() is not None, every_seconds=0.02)
    if not ready.exists() or holder.poll() is not None:
        with contextlib.suppress(ProcessLookupError):
            holder.kill()
        await holder.wait()
        raise LabError(f"its namespaces cannot be created: {last_words(log, said_before)}")
    return Namespaces(root, holder)


async def kill_everything_inside(root: Path, *, spare: frozenset[int] = frozenset(), once: bool = False) -> int:
    """Ends every process in mount namespaces made for this machine, those of a lab that died included.

    ``once`` kills what there is and does not look again, for a machine whose services are started again meanwhile.
    Returns how many it met. Raises LabError when one outlives SIGKILL by KILL_SECONDS.
    """
    met: set[int] = set()
    with trio.move_on_after(KILL_SECONDS):
        while pids := [pid for pid in processes_inside(root) if pid not in spare]:
            met.update(pids)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if once:
                break
            await trio.sleep(0.05)
        return len(met)
    raise LabError(f"processes {pids} in {root} did not exit")


def processes_inside(root: Path) -> list[int]:
    """Processes that see the machine's folder at the mark."""
    own = os.stat("/proc/self/ns/mnt").st_ino
    wanted = os.stat(root / "etc") if (root / "etc").exists() else None
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or wanted is None:
            continue
        try:
            if (entry / "ns" / "mnt").stat().st_ino == own:
                continue
            seen = Path(f"{entry}/root{MARK}").stat()
            ended = (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            continue
        if not ended and (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found


def _made_ready(root: Path) -> Path:
    """The folders that the holder needs, and the file that it will make."""
    (root / "etc").mkdir(parents=True, exist_ok=True)
    # Packages bring it mostly; a mount needs a place, and an empty folder is all that this leaves.
    Path(MARK).mkdir(parents=True, exist_ok=True)
    ready = root / "namespaces.ready"
    ready.unlink(missing_ok=True)
    return ready


def _bind(source: Path, target: Path) -> str:
    return f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(target))}"
