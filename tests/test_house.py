"""The house itself: rooms, files, docstrings and what may import what."""

from __future__ import annotations

import ast
import configparser
import os
import pathlib
import re
import subprocess
import sys
import tokenize

import pytest

from tests.protocol.source import modules, rooms, root, texts

allowed = {*rooms, "tests", "bench", "docs", ".ci"}
lines_max = 400
_unfinished = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def ours() -> list[str]:
    """The files that git keeps, as paths from the root."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=False, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("no git here")
    return [path for path in done.stdout.split("\0") if path and (root / path).exists()]


def test_the_root_holds_the_rooms_alone() -> None:
    folders = {path.split("/")[0] for path in ours() if "/" in path}
    assert {folder for folder in folders if not folder.startswith(".")} <= allowed


def test_every_folder_with_tests_is_a_package() -> None:
    without = {
        str(pathlib.PurePath(path).parent)
        for path in ours()
        if path.startswith("tests/")
        and path.endswith(".py")
        and not (root / path).parent.joinpath("__init__.py").exists()
    }
    assert without == set()


def test_every_module_says_what_it_is_for() -> None:
    without = [module.path for module in modules() if not ast.get_docstring(module.tree)]
    assert [path for path in without if not path.endswith("__init__.py")] == []


def test_no_class_name_stands_twice() -> None:
    """One name, one thing: who reads `VmDecisionFacts` in a traceback or a log knows which class it is. No type variable
    bears a class's name either; `T` is anybody's."""
    found: dict[str, list[str]] = {}
    for module in modules((*rooms, "bench")):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(module.at(node))
        for call in module.calls("TypeVar"):
            for name in texts(call.args[0]) or ():
                found.setdefault(name, []).append(module.at(call))
    assert {name: places for name, places in found.items() if len(places) > 1 and name != "T"} == {}


def test_no_file_is_long() -> None:
    long = {module.path: module.text.count("\n") for module in modules() if module.text.count("\n") > lines_max}
    assert long == {}


def test_nothing_is_left_to_do() -> None:
    """What is missing is an issue or a line of the docs, not a comment."""
    here = "tests/test_house.py"
    left = []
    for path in ours():
        if path != here and path.endswith((".py", ".md", ".toml", ".sh", ".sql")):
            text = (root / path).read_text(encoding="utf-8")
            left += [f"{path}: {match[0]}" for match in _unfinished.finditer(text)]
    assert left == []


def test_no_error_is_swallowed_without_a_name() -> None:
    """`except: pass` and `except Exception: pass` hide bugs; name the error and say why it does not matter."""
    swallowed = []
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and _broad(node.type) and _does_nothing(node.body):
                swallowed.append(module.at(node))
    assert swallowed == []


def _broad(caught: ast.expr | None) -> bool:
    return caught is None or (isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException"))


def _does_nothing(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in body
    )


def test_no_code_sleeps_in_comments() -> None:
    """Commented-out code is dead; git remembers it."""
    dead = []
    looks_like_code = re.compile(
        r"#\s*(def |class |import |from \w+ import|return\b.*[()\[\]]|if .*:$|await |self\.\w+ = )"
    )
    for module in modules():
        with (root / module.path).open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT and looks_like_code.match(token.string) and _compiles(token.string):
                    dead.append(f"{module.path}:{token.start[0]}: {token.string}")
    assert dead == []


def _compiles(comment: str) -> bool:
    text = comment.lstrip("# ")
    try:
        ast.parse(text + (" pass" if text.endswith(":") else ""))
    except SyntaxError:
        return False
    return True


def test_nothing_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert [module.path for module in modules() if vague & {*pathlib.PurePath(module.path).with_suffix("").parts}] == []


def test_every_package_is_a_package() -> None:
    folders = {(root / module.path).parent for module in modules()}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_the_rooms_import_as_they_may(tmp_path: pathlib.Path) -> None:
    """The contracts of `.importlinter`."""
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())",
    ]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path)],
        cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " 0 broken" in done.stdout


def test_what_calls_itself_pure_is_held_to_it() -> None:
    """By the contract `pure` of `.importlinter`."""
    contracts = configparser.ConfigParser()
    contracts.read(root / ".importlinter")
    held = contracts["importlinter:contract:pure"]["source_modules"].split()
    claims = {
        module.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for module in modules()
        if re.search(r"\bPure\b(?! apart)", ast.get_docstring(module.tree) or "")
    }
    assert {claim for claim in claims if not any(_covers(source, claim) for source in held)} == set()


def _covers(source: str, module: str) -> bool:
    source = source.removesuffix(".**")
    return module == source or module.startswith(f"{source}.")
