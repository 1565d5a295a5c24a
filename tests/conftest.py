"""For all tests: how Hypothesis runs. No test has a time limit: what is slow today may be a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("corral", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("corral")
