"""Lays out the guest's root file system in a folder; it does not know partitions or boot loaders."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from cli.daemons.tiny_image import packages
from cli.daemons.tiny_image.agent_bundle import copy_agent
from cli.daemons.tiny_image.commands import ImageBuildError, run_tool

OVERLAY = Path(__file__).with_name("guest_root")
FOLDERS = ("dev", "proc", "sys", "run", "tmp", "root", "etc", "mnt", "var/log", "var/lib/dpkg", "opt/corral")
PROGRAMS = frozenset({"usr/bin/pkill", "usr/bin/pgrep", "usr/sbin/agentctl", "usr/lib/tiny/run-agent"}) | frozenset(
    {"usr/lib/tiny/start", "usr/lib/tiny/stop", "usr/lib/tiny/hotplug", "usr/lib/tiny/dhcp", "etc/acpi/PWRF/00000080"}
)
UNUSED_STANDARD_LIBRARY = (
    "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "sqlite3", "test", "tkinter",
    "turtledemo", "unittest", "venv", "wsgiref", "xmlrpc", "config-*",
)  # fmt: skip
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/bug", "usr/lib/*/gconv", "usr/share/locale")


def make_root_tree(tree: Path, debs: Mapping[str, Path]) -> None:
    """Fills ``tree`` from the unpacked packages, the overlay and the agent, and compiles the agent's Python."""
    for deb in debs.values():
        packages.unpack(deb, tree)
    _merge_into_usr(tree)
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    _remove(tree, UNUSED)
    library = _standard_library(tree)
    _remove(library, UNUSED_STANDARD_LIBRARY)
    busybox = _install_busybox(tree)
    _install_overlay(tree)
    copy_agent(tree / "opt" / "corral")
    (tree / "usr/bin/python3").symlink_to(library.name)
    # The agent runs under a name of its own, so that killall and ps in the guest find it.
    (tree / "usr/bin/corral-agent").symlink_to(library.name)
    (tree / "var/lib/dpkg/status").write_text("".join(packages.status_entry(deb) for deb in debs.values()))
    _compile(tree, library)
    assert busybox.exists()


def busybox_of(tree: Path) -> Path:
    return tree / "bin" / "busybox"


def _merge_into_usr(tree: Path) -> None:
    """Makes /bin, /sbin and /lib links into /usr, as Debian installs; its packages still carry both."""
    for name in ("bin", "sbin", "lib", "lib64"):
        split, merged = tree / name, tree / "usr" / name
        merged.mkdir(parents=True, exist_ok=True)
        if split.is_dir() and not split.is_symlink():
            run_tool("cp", "-a", f"{split}/.", merged)
            shutil.rmtree(split)
        if not split.is_symlink():
            split.symlink_to(f"usr/{name}")


def _install_busybox(tree: Path) -> Path:
    busybox = busybox_of(tree)
    for applet in run_tool(busybox, "--list").decode().split():
        link = tree / "usr/bin" / applet
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
    (tree / "usr/sbin/init").symlink_to("../bin/busybox")
    return busybox


def _install_overlay(tree: Path) -> None:
    for source in sorted(OVERLAY.rglob("*")):
        if source.is_file():
            relative = source.relative_to(OVERLAY)
            target = tree / relative
            target.unlink(missing_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if str(relative) in PROGRAMS else 0o644)


def _standard_library(tree: Path) -> Path:
    found = [path for path in sorted((tree / "usr/lib").glob("python3.*")) if path.is_dir()]
    if len(found) != 1:
        raise ImageBuildError(f"expected one Python in the guest, found {[path.name for path in found]}")
    return found[0]


def _compile(tree: Path, library: Path) -> None:
    """Compiles with the guest's own Python, run by its own loader: the builder's may be of another version."""
    loader = next(iter(sorted((tree / "usr/lib").glob("*/ld-linux-x86-64.so.2"))), None)
    if loader is None:
        raise ImageBuildError("the guest's libc holds no loader for x86-64")
    run_tool(
        loader, "--library-path", loader.parent, tree / "usr/bin" / library.name, "-S", "-E", "-m", "compileall",
        "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", tree, "-p", "/", library, tree / "opt/corral",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


def _remove(top: Path, patterns: Iterable[str]) -> None:
    for pattern in patterns:
        for path in top.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)
