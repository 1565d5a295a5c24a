"""A machine within the machine: network, mount and UTS namespaces held open by one process; nothing of them is named.

It starts no libvirtd and knows no subnet; whatever runs inside is found again by its mount namespace.
"""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LIBVIRT_FOLDERS, REAL_HOST_NAME, LabFolder
from cli.daemons.lab.tools import poll_until

HOLDER_READY_SECONDS = 10.0
KILL_SECONDS = 10.0
# Private copies stand over the machine's own files, so that the account which libvirt wants exists only inside.
PRIVATE_FILES = ("/etc/passwd", "/etc/group", "/etc/hosts")
LIBVIRT_ACCOUNT_ID = 64055

HOLDER_SCRIPT = """\
set -e
mount --make-rprivate /
mount -t sysfs sysfs /sys
{mounts}
hostname {hostname}
ip link set lo up
: > {ready}
exec sleep infinity
"""


@attrs.frozen
class HostNamespaces:
    """The namespaces of one lab's real host; they last until the holder and everything inside has ended."""

    folder: LabFolder
    holder: trio.Process

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` inside, with the same process id and the machine's own folder tree."""
        pid = self.holder.pid
        spaces = [
            f"--{kind}=/proc/{pid}/ns/{file}" for kind, file in (("net", "net"), ("mount", "mnt"), ("uts", "uts"))
        ]
        return ["nsenter", *spaces, f"--wd={self.folder.path}", "--", *argv]


async def open_namespaces(folder: LabFolder) -> HostNamespaces:
    """Makes the namespaces with the lab's own libvirt folders, accounts and host name in place.

    Raises LabError when the kernel refuses or the holder is not ready in time.
    """
    if os.geteuid() != 0:
        raise LabError("a real host needs root, for network and mount namespaces; use --no-real or run as root")
    ready = folder.host / "namespaces.ready"
    _prepare_folders(folder)
    ready.unlink(missing_ok=True)
    script = HOLDER_SCRIPT.format(
        mounts="\n".join(_mounts(folder)), hostname=f"{REAL_HOST_NAME}.lab-{folder.tag}", ready=_quoted(ready)
    )
    with folder.log("namespaces").open("ab") as log:
        holder = await trio.lowlevel.open_process(
            ["unshare", "--net", "--mount", "--uts", "--", "/bin/sh", "-c", script],
            stdin=None, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    with trio.move_on_after(HOLDER_READY_SECONDS):
        await poll_until(lambda: ready.exists() or holder.poll() is not None, every_seconds=0.02)
    if not ready.exists() or holder.poll() is not None:
        with contextlib.suppress(ProcessLookupError):
            holder.kill()
        last_words = folder.log("namespaces").read_text(errors="replace").strip()[-300:]
        raise LabError(f"the namespaces of the real host could not be made: {last_words or 'no reason given'}")
    return HostNamespaces(folder, holder)


async def kill_everything_inside(folder: LabFolder, *, spare: frozenset[int] = frozenset(), once: bool = False) -> int:
    """Ends every process in mount namespaces made for this folder, those of a lab that died included.

    ``once`` kills what there is and does not look again, for a machine whose services are started again meanwhile.
    Returns how many it met. Raises LabError when one outlives SIGKILL by KILL_SECONDS.
    """
    met: set[int] = set()
    with trio.move_on_after(KILL_SECONDS):
        while pids := [pid for pid in processes_inside(folder) if pid not in spare]:
            met.update(pids)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if once:
                break
            await trio.sleep(0.05)
        return len(met)
    raise LabError(f"processes {pids} of the real host do not end")


def processes_inside(folder: LabFolder) -> list[int]:
    """Processes that see the lab's folder where libvirt keeps its configuration."""
    own = os.stat("/proc/self/ns/mnt").st_ino
    wanted = os.stat(folder.host / "etc") if (folder.host / "etc").exists() else None
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or wanted is None:
            continue
        try:
            if (entry / "ns" / "mnt").stat().st_ino == own:
                continue
            seen = (entry / "root" / "etc" / "libvirt").stat()
            ended = (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            continue
        if not ended and (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found


def _prepare_folders(folder: LabFolder) -> None:
    for name in LIBVIRT_FOLDERS:
        (folder.host / name).mkdir(parents=True, exist_ok=True)
    for target in LIBVIRT_FOLDERS.values():
        # Packages bring most of these; a mount needs a place, and an empty folder is all that this leaves.
        Path(target).mkdir(parents=True, exist_ok=True)
    account = f"libvirt-qemu:x:{LIBVIRT_ACCOUNT_ID}:{LIBVIRT_ACCOUNT_ID}::/var/lib/libvirt:/usr/sbin/nologin\n"
    groups = "".join(
        f"{name}:x:{LIBVIRT_ACCOUNT_ID + offset}:\n" for offset, name in enumerate(("libvirt-qemu", "libvirt", "kvm"))
    )
    host_names = f"127.0.0.1 localhost {REAL_HOST_NAME} {REAL_HOST_NAME}.lab-{folder.tag}\n"
    _copy_with(Path("/etc/passwd"), folder.host / "passwd", account)
    _copy_with(Path("/etc/group"), folder.host / "group", groups)
    _copy_with(Path("/etc/hosts"), folder.host / "hosts", host_names)


def _copy_with(source: Path, target: Path, lines: str) -> None:
    """Copies an account file and adds the lines whose names it lacks."""
    text = source.read_text() if source.exists() else ""
    present = {line.split(":", 1)[0] for line in text.splitlines()}
    added = "".join(line for line in lines.splitlines(keepends=True) if line.split(":", 1)[0] not in present)
    target.write_text((text if text.endswith("\n") or not text else text + "\n") + added)


def _mounts(folder: LabFolder) -> list[str]:
    lines = [f"mount --bind {_quoted(folder.host / name)} {target}" for name, target in LIBVIRT_FOLDERS.items()]
    for path in PRIVATE_FILES:
        if Path(path).exists():
            lines.append(f"mount --bind {_quoted(folder.host / Path(path).name)} {path}")
    return lines


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"
