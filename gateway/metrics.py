"""Counts what the gateway does, for Prometheus."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import prometheus_client as prometheus
import trio

from gateway.read_model.model import ReadModel


@attrs.define
class RequestOutcome:
    status: int = 500


class Metrics:
    """A registry of its own, so that several gateways can live in one process."""

    def __init__(self, model: ReadModel, ready: Callable[[], bool], subscribers: Callable[[], int]) -> None:
        self._registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "corral_gateway_requests", "Requests by method and status.", ["method", "status"], registry=self._registry
        )
        self._seconds = prometheus.Histogram(
            "corral_gateway_request_seconds", "Seconds from request to reply.", ["method"], registry=self._registry,
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
        )  # fmt: skip
        self._counted: dict[tuple[str, int], prometheus.Counter] = {}
        self._timed: dict[str, prometheus.Histogram] = {}
        self._gauge("corral_gateway_sequence", "Journal sequence of the read model.", lambda: model.sequence)
        self._gauge("corral_gateway_subscribers", "Live subscriptions.", subscribers)
        self._gauge("corral_engine_ready", "1 while the engine takes commands.", lambda: int(ready()))
        for kind in model.kinds():
            self._gauge(f"corral_entities_{kind}", f"Entities of kind {kind}.", functools.partial(model.count, kind))

    def _gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        prometheus.Gauge(name, text, registry=self._registry).set_function(read)

    @contextmanager
    def request(self, method: str) -> Iterator[RequestOutcome]:
        """Times one request; the caller sets the outcome's status."""
        method = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE") else "OTHER"
        outcome = RequestOutcome()
        started = trio.current_time()
        try:
            yield outcome
        finally:
            key = (method, outcome.status)
            if key not in self._counted:
                self._counted[key] = self._requests.labels(method, str(outcome.status))
            self._counted[key].inc()
            if method not in self._timed:
                self._timed[method] = self._seconds.labels(method)
            self._timed[method].observe(trio.current_time() - started)

    def text(self) -> bytes:
        return prometheus.generate_latest(self._registry)
