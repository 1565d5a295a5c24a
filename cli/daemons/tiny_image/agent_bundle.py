"""Copies the guest agent and what it imports into the root tree; it neither starts nor configures it."""

import ast
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from cli.daemons.tiny_image.commands import ImageBuildError

CHECKOUT = Path(__file__).resolve().parents[3]
# The rooms that the agent may import; of supervisors the generic part, not the engine's tree.
ROOMS = ("guest", "protocol", "actors/__init__.py", "actors/kernel", "supervisors")
NOT_IN_GUEST = frozenset({"engine_tree.py"})


def room_files() -> Iterator[tuple[Path, Path]]:
    """Each source file of the agent: where it is and where it goes, relative to the bundle."""
    for room in ROOMS:
        top = CHECKOUT / room
        files = sorted(top.rglob("*.py")) if top.is_dir() else [top] if top.exists() else []
        for path in files:
            if path.name not in NOT_IN_GUEST and "__pycache__" not in path.parts:
                yield path, path.relative_to(CHECKOUT)


def requirements() -> list[str]:
    """The distributions that the rooms import from, read off their import statements."""
    ours = {Path(room).parts[0] for room in ROOMS}
    imported: set[str] = set()
    for path, _ in room_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module)
    foreign = {name.partition(".")[0] for name in imported} - ours - sys.stdlib_module_names
    known = metadata.packages_distributions()
    missing = sorted(foreign - known.keys())
    if missing:
        raise ImageBuildError(f"{', '.join(missing)} is not installed here; run ./dev setup")
    return sorted({name for module in foreign for name in known[module]})


def distributions() -> list[metadata.Distribution]:
    """The installed distributions that the agent needs, dependencies included, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = requirements()
    while waiting:
        name = waiting.pop()
        if _canonical(name) in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # A dependency of another platform or an older Python.
        found[_canonical(name)] = distribution
        waiting += _unconditional(distribution.requires or ())
    return [found[name] for name in sorted(found)]


def copy_agent(bundle: Path) -> None:
    """Fills ``bundle``, a folder for PYTHONPATH."""
    for source, relative in room_files():
        _copy(source, bundle / relative)
    for distribution in distributions():
        for file in distribution.files or ():
            top = file.parts[0]
            if top == ".." or top.endswith(".pth") or "__pycache__" in file.parts or "_tests" in file.parts:
                continue
            _copy(Path(str(distribution.locate_file(file))), bundle / file)


def _unconditional(requirements: Iterable[str]) -> list[str]:
    """Names without the extras; a marker for another platform is harmless, since such a name is not installed."""
    names = []
    for requirement in requirements:
        head, _, marker = requirement.partition(";")
        match = re.match(r"[A-Za-z0-9._-]+", head.strip())
        if match and "extra" not in marker:
            names.append(match.group())
    return names


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
