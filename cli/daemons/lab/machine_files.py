"""The files that stand over this machine's own in the namespaces of a real host; it mounts nothing itself."""

from collections.abc import Mapping
from pathlib import Path

from cli.daemons.lab.layout import RealHostFolders

# What libvirt hard-wires besides its configuration, and the folder of the host that stands there.
LIBVIRT_FOLDERS = {
    "lib": "/var/lib/libvirt",
    "run": "/run/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
# Private copies, so that the account which libvirt wants exists only inside.
ACCOUNT_FILES = ("/etc/passwd", "/etc/group")
LIBVIRT_ACCOUNT_ID = 64055


def lay_out(host: RealHostFolders, neighbours: Mapping[str, str]) -> dict[Path, Path]:
    """Makes the host's own files and says where each is mounted. `neighbours`: the lab's host names and addresses.

    The folder that all hosts share is mounted onto itself, so that a single host can lose it.
    """
    mounts = {host.lab.shared: host.lab.shared}
    for name, target in LIBVIRT_FOLDERS.items():
        mounts[host.machine / name] = Path(target)
    for folder in (*mounts, *mounts.values(), host.storage):
        folder.mkdir(parents=True, exist_ok=True)
    account = f"libvirt-qemu:x:{LIBVIRT_ACCOUNT_ID}:{LIBVIRT_ACCOUNT_ID}::/var/lib/libvirt:/usr/sbin/nologin\n"
    groups = "".join(
        f"{name}:x:{LIBVIRT_ACCOUNT_ID + offset}:\n" for offset, name in enumerate(("libvirt-qemu", "libvirt", "kvm"))
    )
    # By address, never as 127.0.0.1: a migration to a host that resolves its own name so is refused by libvirt.
    names = "".join(f"{address} {name} {name.partition('.')[0]}\n" for name, address in neighbours.items())
    for path, lines in zip((*ACCOUNT_FILES, "/etc/hosts"), (account, groups, names), strict=True):
        copy = host.machine / Path(path).name
        _copy_with(Path(path), copy, lines)
        if Path(path).exists():
            mounts[copy] = Path(path)
    return mounts


def _copy_with(source: Path, target: Path, lines: str) -> None:
    """Copies a file and adds the lines whose first word (up to a colon or blank) it lacks."""
    text = source.read_text() if source.exists() else ""
    present = {_first_word(line) for line in text.splitlines()}
    added = "".join(line for line in lines.splitlines(keepends=True) if _first_word(line) not in present)
    target.write_text((text if text.endswith("\n") or not text else text + "\n") + added)


def _first_word(line: str) -> str:
    return line.replace(":", " ", 1).split(maxsplit=1)[0] if line.strip() else ""
