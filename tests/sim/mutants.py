"""Production code broken on purpose, a little at a time: each break names the invariant that must find it.

A check that no break can fail checks nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import attrs

from tests.sim import broken
from tests.sim.rates import Rates
from tests.sim.scenario import run_seed

seeds_max = 120
steps_max = 6_000


@attrs.frozen(kw_only=True)
class Mutant:
    """`patches` are (module or class, attribute, made from the original). `found_by`: any of these checks will do."""

    name: str
    found_by: tuple[str, ...]
    patches: tuple[tuple[Any, str, Callable[[Any], Any]], ...]
    rates: dict[str, float] = attrs.field(factory=dict)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for target, attribute, make in self.patches:
                original = target.__dict__[attribute] if isinstance(target, type) else getattr(target, attribute)
                stack.enter_context(mock.patch.object(target, attribute, make(original)))
            yield

    def adjust(self, rates: Rates) -> None:
        for name, value in self.rates.items():
            setattr(rates, name, value)


MUTANTS = tuple(Mutant(**fields) for fields in broken.BREAKS)


@attrs.frozen
class Caught:
    """How a mutant fared: the seed that found it, 0 for none, and what it broke."""

    name: str
    seed: int
    tried: int
    by: str


def hunt(name: str) -> Caught:
    """Runs seeds with the break in place until one of its checks finds it."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    others: set[str] = set()
    with mutant.applied():
        for seed in itertools.islice(itertools.count(1), seeds_max):
            result = run_seed(seed, steps_max=steps_max, adjust=mutant.adjust)
            names = [violation.name for violation in result.violations]
            found = [n for n in names if n in mutant.found_by]
            if found:
                return Caught(name, seed, seed, found[0])
            others.update(names)
    return Caught(name, 0, seeds_max, ", ".join(sorted(others)))


def run_all(only: str, processes: int) -> int:
    """Hunts every mutant whose name has `only` in it; the last line sums up."""
    names = [mutant.name for mutant in MUTANTS if only in mutant.name]
    caught = 0
    with multiprocessing.get_context("spawn").Pool(max(1, processes)) as pool:
        for result in pool.imap(hunt, names):
            caught += bool(result.seed)
            found = f"by {result.by} with seed {result.seed}" if result.seed else f"ESCAPED; other checks: {result.by}"
            print(f"{result.name:60s} {found}", flush=True)
    print(f"mutants caught {caught} of {len(names)}")
    return 0 if caught == len(names) else 1
