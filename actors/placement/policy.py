"""A scheduling policy: filters, and weights with factors; choosing by it, and explaining the choice.

The lower total wins, total = sum of factor x score; hosts with equal totals are taken by name.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from actors.placement.columns import HostColumns
from actors.placement.filters import cluster, cpu, memory, pin, storage_access, up
from actors.placement.messages import HostScore, Place
from actors.placement.weights import even_cpu, even_memory, even_vm_count


class HostFilter(Protocol):
    """What a module of `filters` is."""

    @property
    def name(self) -> str: ...

    def refusals(self, request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]: ...


class Weight(Protocol):
    """What a module of `weights` is."""

    @property
    def name(self) -> str: ...

    def scores(self, request: Place, hosts: HostColumns, rows: Sequence[int]) -> list[float]: ...


@attrs.frozen
class Policy:
    """Filters run in order, each on what the ones before left; a weight with factor 0 is not asked."""

    name: str
    filters: tuple[HostFilter, ...]
    weights: tuple[tuple[Weight, float], ...]


all_filters: Final[tuple[HostFilter, ...]] = (up, cluster, pin, storage_access, cpu, memory)

evenly_distributed: Final = Policy(
    "evenly_distributed", all_filters, ((even_cpu, 1.0), (even_memory, 1.0), (even_vm_count, 0.1))
)


@attrs.frozen
class Choice:
    """The row chosen (None: no host fits) and all that led to it. `explanation` makes it readable when asked."""

    row: int | None
    hosts: HostColumns
    rows: list[int]
    refused: dict[int, str]
    scored: list[int]
    columns: tuple[tuple[str, list[float]], ...]
    totals: list[float]

    def explanation(self, hosts_max: int | None = None) -> tuple[HostScore, ...]:
        """A line for each host: those that fit, best first, then those that fell. At most `hosts_max` lines."""
        places = range(len(self.scored))  # by name
        if hosts_max is None:
            best = sorted(places, key=self.totals.__getitem__)
        else:
            best = heapq.nsmallest(hosts_max, places, key=self.totals.__getitem__)
        lines = [self._score(place) for place in best]
        fallen = [row for row in self.rows if row in self.refused]
        if hosts_max is not None:
            fallen = fallen[: hosts_max - len(lines)]
        lines += [
            HostScore(host_id=self.hosts.ids[row], host_name=self.hosts.names[row], refused=self.refused[row])
            for row in fallen
        ]
        return tuple(lines)

    def reasons(self) -> tuple[str, ...]:
        """`name: why` for each host that fell."""
        return tuple(f"{self.hosts.names[row]}: {self.refused[row]}" for row in self.rows if row in self.refused)

    def _score(self, place: int) -> HostScore:
        row = self.scored[place]
        return HostScore(
            host_id=self.hosts.ids[row],
            host_name=self.hosts.names[row],
            scores=tuple((name, round(column[place], 3)) for name, column in self.columns),
            total=self.totals[place],
        )


def choose(policy: Policy, request: Place, hosts: HostColumns) -> Choice:
    """Runs the filters, then the weights, over all known hosts. The same input gives the same choice."""
    rows = hosts.rows()
    refused: dict[int, str] = {}
    left = rows
    for rule in policy.filters:
        fell = rule.refusals(request, hosts, left)
        if fell:
            refused.update((row, f"{rule.name}: {reason}") for row, reason in fell.items())
            left = [row for row in left if row not in fell]
        if not left:
            return Choice(None, hosts, rows, refused, [], (), [])
    columns = tuple(
        (weight.name, [factor * score for score in weight.scores(request, hosts, left)])
        for weight, factor in policy.weights
        if factor
    )
    totals = [round(sum(scores), 6) for scores in zip(*(column for _, column in columns), strict=True)]
    totals = totals or [0.0] * len(left)
    best = min(totals)
    names, ids = hosts.names, hosts.ids
    chosen = min(
        (row for row, total in zip(left, totals, strict=True) if total == best), key=lambda r: (names[r], ids[r])
    )
    return Choice(chosen, hosts, rows, refused, left, columns, totals)
