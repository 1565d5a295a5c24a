"""Seeds that once found a bug, and what it was. `test_sim.py` runs them all. It must not hold seeds that found nothing."""

from __future__ import annotations

REGRESSIONS: dict[int, str] = {}
