"""P15: how long `corral` takes to answer `--help` and a completion, against a program of one click command."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import Grown, Row, side_by_side

_ROOT = Path(__file__).resolve().parent.parent
_BARE = """
import click
@click.group()
def bare() -> None: "A program."
@bare.command()
@click.argument("name")
def start(name: str) -> None: "Starts."
@bare.command()
def stop() -> None: "Stops."
bare(prog_name="bare")
"""
_OURS = "import sys; from cli.main import main; sys.exit(main())"
_CASES = {
    "--help": (["--help"], {}, ["--help"], {}),
    "vm start --help": (["start", "--help"], {}, ["vm", "start", "--help"], {}),
    "completion of `vm st`": (
        [], {"_BARE_COMPLETE": "bash_complete", "COMP_WORDS": "bare st", "COMP_CWORD": "1"},
        [], {"_CORRAL_COMPLETE": "bash_complete", "COMP_WORDS": "corral vm st", "COMP_CWORD": "2"},
    ),
}  # fmt: skip


def run(full: bool) -> list[Row]:
    return rows(41 if full else 15)


def rows(rounds: int) -> list[Row]:
    """Milliseconds of whole processes, interpreter included."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "CORRAL_CACHE_DIR": cache, "PYTHONPATH": str(_ROOT), "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs have their bytecode beside them
        for _, _, words, more in _CASES.values():
            _timed(_OURS, words, {**environment, **more})
        return [_row(name, rounds, environment) for name in _CASES]


def _row(name: str, rounds: int, environment: dict[str, str]) -> Row:
    bare_words, bare_more, our_words, our_more = _CASES[name]
    floor, ours = side_by_side(
        lambda: _timed(_BARE, bare_words, {**environment, **bare_more}),
        lambda: _timed(_OURS, our_words, {**environment, **our_more}),
        rounds,
    )
    goal = 1.2 if name.startswith("completion") else 1.3
    return Row(
        id="P15", what=f"corral {name}", unit="ms", floor=floor, ours=ours, goal=f"<= {goal:g}x", is_met=ours <= goal * floor,
        growth=(Grown(times=1, floor=floor, ours=ours),),
    )  # fmt: skip


def _timed(program: str, words: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words], env=environment, stdout=subprocess.PIPE, cwd=_ROOT, check=False
    )
    took = (time.perf_counter() - began) * 1000
    if not done.stdout:
        raise RuntimeError(f"{words} printed nothing")
    return took
