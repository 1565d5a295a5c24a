"""Runs benchmarks by name and prints their table: `python -m bench [NAME ...] [--full]`."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import re
import sys
import time
import traceback
from collections.abc import Iterator

import bench
from bench import Row

_file_name = re.compile(r"p(\d+)_(\w+)")


def found() -> list[str]:
    """The modules that hold benchmarks, by number."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if _file_name.fullmatch(module.name))


def chosen(names: list[str]) -> list[str]:
    """The modules meant by `names`: `p1`, `1`, `ask` or `p01_ask`. All for none; raises `SystemExit` for a stranger."""
    modules: list[str] = []
    for name in names:
        matching = [module for module in found() if _means(name, module)]
        if not matching:
            raise SystemExit(f"no benchmark {name!r}; there are {', '.join(found())}")
        modules += [module for module in matching if module not in modules]
    return modules or found()


def _means(name: str, module: str) -> bool:
    split = _file_name.fullmatch(module)
    assert split is not None
    number = re.fullmatch(r"p?0*(\d+)", name.lower())
    if number is not None:
        return int(number[1]) == int(split[1])
    return name.lower() in (module, split[2])


def figure(value: float | None) -> str:
    """A number in at most five characters or so."""
    if value is None:
        return "-"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def lines(row: Row) -> Iterator[str]:
    """A row as text, its growth below it."""
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}x"
    yield (
        f"{row.id:<5} {row.what:<58} {figure(row.floor):>8} {figure(row.ours):>8} {row.unit:<8} {ratio:>7}  "
        f"{row.goal:<27} {row.verdict}"
    )
    if row.growth:
        parts = [f"{g.times}x {figure(g.floor)} -> {figure(g.ours)}" for g in row.growth]
        yield f"      growth, floor -> ours: {',  '.join(parts)}"


def measured(module: str, full: bool) -> list[Row] | None:
    """The rows of one benchmark; None when it broke, which stops no other."""
    try:
        result = importlib.import_module(f"bench.{module}").run(full)
    except Exception:  # noqa: BLE001 - a benchmark may raise anything
        traceback.print_exc()
        return None
    return result if isinstance(result, list) else [result]


def main() -> int:
    """Returns 0 whatever the figures say: a slow machine is no failure; what a reader makes of them is. 1 when a
    benchmark broke."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios against a bare floor, measured here.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="p1, ask or p01_ask; all when none is given")
    parser.add_argument("--full", action="store_true", help="more rounds and larger sizes")
    arguments = parser.parse_args()
    modules = chosen(arguments.names)
    head = f"{'id':<5} {'what':<58} {'floor':>8} {'ours':>8} {'unit':<8} {'ratio':>7}  {'goal':<27} verdict"
    print(f"{head}\n{'-' * len(head)}", flush=True)
    broken = []
    began = time.monotonic()
    for name in modules:
        rows = measured(name, arguments.full)
        if rows is None:
            broken.append(name)
            print(f"{name}: BROKEN, see the error", flush=True)
        for row in rows or ():
            for line in lines(row):
                print(line, flush=True)
    print(f"{time.monotonic() - began:.0f} s on {os.cpu_count()} cores, Python {platform.python_version()}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
