"""Prometheus metrics; names follow its conventions (seconds, ``_total``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from ...rag import QueryResult

__all__ = [
    "CONTENT_TYPE",
    "add_gauges",
    "observe_query",
    "observe_request",
    "observe_result",
    "remove_gauges",
    "text",
]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REGISTRY = CollectorRegistry()
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_REQUESTS = Counter(
    "tersus_requests", "Requests by method, route and status.", ("method", "route", "status"),
    registry=_REGISTRY,
)  # fmt: skip
_SECONDS = Histogram(
    "tersus_request_seconds", "Seconds until a request was answered whole.", ("method", "route"),
    buckets=_BUCKETS, registry=_REGISTRY,
)  # fmt: skip
_OUTCOMES = Counter(
    "tersus_queries", "Rows of the ledger by kind and outcome.", ("kind", "outcome"), registry=_REGISTRY
)
_TOKENS = Counter(
    "tersus_tokens", "Tokens of context before and after compression.", ("kind", "when"), registry=_REGISTRY
)
_STEPS = Histogram(
    "tersus_step_seconds", "Seconds of a query's steps.", ("step",), buckets=_BUCKETS, registry=_REGISTRY
)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request. ``route`` is the pattern, never the path: labels must stay few."""
    method = method if method in _METHODS else "OTHER"
    _REQUESTS.labels(method, route, str(status)).inc()
    _SECONDS.labels(method, route).observe(seconds)


def observe_query(kind: str, outcome: str, before: int, after: int, seconds: dict[str, float | None]) -> None:
    """Count one row of the ledger: tokens, and seconds by step."""
    _OUTCOMES.labels(kind, outcome).inc()
    _TOKENS.labels(kind, "before").inc(before)
    _TOKENS.labels(kind, "after").inc(after)
    for step, taken in seconds.items():
        if taken is not None:
            _STEPS.labels(step).observe(taken)


def observe_result(kind: str, result: QueryResult) -> None:
    """`observe_query` of what the pipeline returned."""
    seconds = asdict(result.seconds)
    observe_query(kind, result.outcome, result.tokens_before, result.tokens_after, seconds)


def add_gauges(read: Callable[[], dict[str, float]]) -> Collector:
    """Show ``read()``'s figures, named ``tersus_<name>``, whenever metrics are asked for."""

    class Gauges(Collector):
        def collect(self) -> Iterable[GaugeMetricFamily]:
            for name, value in read().items():
                yield GaugeMetricFamily(f"tersus_{name}", name.replace("_", " "), value=value)

    gauges = Gauges()
    _REGISTRY.register(gauges)
    return gauges


def remove_gauges(gauges: Collector) -> None:
    """Undo `add_gauges`."""
    _REGISTRY.unregister(gauges)


def text() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(_REGISTRY)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
