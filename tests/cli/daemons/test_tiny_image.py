"""The agent's bundle and the image's name follow the sources; booting it is tested with the lab's real host."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from cli.daemons.tiny_image import agent_bundle, cached_image_path
from cli.daemons.tiny_image.commands import ImageBuildError, run_tool

# The module, which the package hides behind its function of the same name.
build = importlib.import_module("cli.daemons.tiny_image.build")


def test_the_bundle_imports_on_its_own(tmp_path: Path) -> None:
    agent_bundle.copy_agent(tmp_path)
    question = "import guest, protocol, actors.kernel, trio, cattrs, msgpack; print(guest.__file__, trio.__file__)"
    words = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {question}"]
    answer = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert answer.count(str(tmp_path)) == 2


def test_the_engine_stays_out_of_the_guest(tmp_path: Path) -> None:
    names = {str(relative) for _, relative in agent_bundle.room_files()}
    assert "guest/__init__.py" in names
    assert not [
        name for name in names if name.startswith(("gateway", "node", "cli", "actors/vm", "supervisors/engine"))
    ]


def test_requirements_are_followed_without_extras() -> None:
    names = {distribution.name.lower() for distribution in agent_bundle.distributions()}
    assert {"trio", "attrs", "cattrs", "msgpack", "outcome", "sniffio", "sortedcontainers", "idna"} <= names
    assert "pytest" not in names


def test_a_change_of_the_agent_changes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cached_image_path(tmp_path)
    extra = tmp_path / "more.py"
    extra.write_text("answer = 42\n")
    files = [*agent_bundle.room_files(), (extra, Path("guest/more.py"))]
    monkeypatch.setattr(build, "room_files", lambda: iter(files))
    assert cached_image_path(tmp_path) != before


def test_a_missing_or_failing_tool_says_what_to_do() -> None:
    with pytest.raises(ImageBuildError, match="no-such-tool is not installed"):
        run_tool("no-such-tool")
    with pytest.raises(ImageBuildError, match="exit code 3: it broke"):
        run_tool("sh", "-c", "echo it broke >&2; exit 3")
