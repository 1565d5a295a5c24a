"""Fetches and unpacks the Debian packages of the image with apt's own client; it installs nothing on this machine."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cli.daemons.tiny_image.commands import ImageBuildError, run_tool

KERNEL_METAPACKAGE = "linux-image-cloud-amd64"
PYTHON_METAPACKAGE = "python3-minimal"

# Names in the order of preference: Debian 13 renamed some libraries for 64-bit time.
USERLAND: tuple[tuple[str, ...], ...] = (
    ("base-files",),
    ("busybox-static",),
    ("libc6",),
    ("libgcc-s1",),
    ("libssl3t64", "libssl3"),
    ("libffi8",),
    ("libexpat1",),
    ("zlib1g",),
    ("libbz2-1.0",),
    ("liblzma5",),
    ("libzstd1",),
    ("libuuid1",),
)


def kernel_package() -> str:
    """The package that really holds the kernel, behind Debian's metapackage."""
    return _dependency(KERNEL_METAPACKAGE, r"linux-image-\d\S+")


def python_packages() -> tuple[str, ...]:
    """The packages of Debian's default Python, standard library and ssl included."""
    minimal = _dependency(PYTHON_METAPACKAGE, r"python3\.\d+-minimal")
    version = minimal.removesuffix("-minimal")
    return (minimal, f"lib{minimal}", f"lib{version}-stdlib")


def userland_packages() -> tuple[str, ...]:
    """The first name of each line of USERLAND that this Debian knows."""
    names = [name for choices in USERLAND for name in choices]
    known = _with_candidate(names)
    chosen = []
    for choices in USERLAND:
        name = next((choice for choice in choices if choice in known), None)
        if name is None:
            raise ImageBuildError(f"apt knows no package {' or '.join(choices)}; run apt-get update")
        chosen.append(name)
    return tuple(chosen)


def download(names: Iterable[str], into: Path) -> dict[str, Path]:
    """Downloads the candidate version of each package and returns its file by package name."""
    into.mkdir(parents=True, exist_ok=True)
    wanted = list(names)
    # apt drops to the user _apt for downloads and warns when that user cannot write here.
    run_tool("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *wanted, cwd=into)
    files = {deb.name.split("_", 1)[0]: deb for deb in into.glob("*.deb")}
    missing = [name for name in wanted if name not in files]
    if missing:
        raise ImageBuildError(f"apt-get downloaded nothing for {', '.join(missing)}")
    return {name: files[name] for name in wanted}


def unpack(deb: Path, into: Path) -> None:
    run_tool("dpkg", "-x", deb, into)


def status_entry(deb: Path) -> str:
    """What dpkg would keep about the package, for the guest's list of applications."""
    fields = run_tool("dpkg-deb", "-f", deb, "Package", "Version", "Architecture", "Maintainer", "Description")
    first, rest = fields.decode().split("\n", 1)
    return f"{first}\nStatus: install ok installed\n{rest.rstrip()}\n\n"


def _dependency(metapackage: str, pattern: str) -> str:
    listing = run_tool("apt-cache", "depends", metapackage, env=_plain_locale()).decode()
    found = re.search(rf"Depends: ({pattern})", listing)
    if found is None:
        raise ImageBuildError(f"apt knows no {metapackage}; run apt-get update")
    return found.group(1)


def _with_candidate(names: Iterable[str]) -> frozenset[str]:
    listing = run_tool("apt-cache", "policy", *names, env=_plain_locale()).decode()
    blocks = re.findall(r"^(\S+):\n.*\n  Candidate: (\S+)", listing, re.MULTILINE)
    return frozenset(name for name, candidate in blocks if candidate != "(none)")


def _plain_locale() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
