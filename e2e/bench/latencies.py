"""How long answers took: as clients see it, and in the histograms of Envoy and of the models' runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e.bench import probe
from e2e.bench.figures import Figure
from e2e.bench.probe import Window
from e2e.traffic import Answer, Seen

GOAL_MS = 5.0
QUANTILES = (0.5, 0.95, 0.99)


def at_leisure(models: Sequence[str], seen: Seen, envoy: Window, mlserver: Window) -> tuple[Figure, ...]:
    """What clients saw between two readings of Envoy and of MLServer, and what these two have counted."""
    said = f"{len(seen.answers):,} requests, {len(seen.failed)} failed"
    p50, p95, p99 = quantiles(seen.answers)
    return (
        Figure("all models, as clients see it: p50", p50, "ms"),
        Figure("all models, as clients see it: p95", p95, "ms", GOAL_MS, said),
        Figure("all models, as clients see it: p99", p99, "ms"),
        *(_client_p95(model, seen) for model in models),
        *(_envoy_p95(model, envoy) for model in models),
        *(_runtime_p95(model, mlserver) for model in models),
    )


def _client_p95(model: str, seen: Seen) -> Figure:
    p50, p95, p99 = quantiles([answer for answer in seen.answers if answer.arm == model])
    return Figure(f"{model}, as clients see it: p95", p95, "ms", GOAL_MS, beside(p50, p99))


def _envoy_p95(model: str, window: Window) -> Figure:
    """Envoy counts whole milliseconds in wide buckets."""
    counted = window.buckets("envoy_cluster_upstream_rq_time", envoy_cluster_name=f"{model}_1_http")
    p50, p95, p99 = (probe.interpolated(counted, quantile) for quantile in QUANTILES)
    edges = [edge for edge in counted if p95 is None or edge < p95][-1:]
    bucket = f"; its bucket begins at {edges[0]:g} ms" if edges else ""
    return Figure(f"{model}, in Envoy's histogram: p95", p95, "ms", note=beside(p50, p99) + bucket)


def _runtime_p95(model: str, window: Window) -> Figure:
    p50, p95, p99 = (_ms(window.quantile("direction_predict_seconds", quantile, model=model)) for quantile in QUANTILES)
    return Figure(f"{model}, in the runtime's histogram: p95", p95, "ms", note=beside(p50, p99))


def of_batch(model: str, size: int, seen: Seen) -> Figure:
    p50, p95, _ = quantiles([answer for answer in seen.answers if answer.arm == model])
    return Figure(f"{model}, {size} windows: p95", p95, "ms", note=f"p50 {_text(p50)} ms")


def quantiles(answers: Sequence[Answer]) -> tuple[float | None, ...]:
    """p50, p95 and p99 of the answers' times in ms; None without answers."""
    if not answers:
        return (None,) * len(QUANTILES)
    return tuple(1000 * float(each) for each in np.quantile([answer.seconds for answer in answers], QUANTILES))


def beside(p50: float | None, p99: float | None) -> str:
    """The other quantiles, for the note on a p95."""
    return f"p50 {_text(p50)}, p99 {_text(p99)} ms"


def _text(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.3g}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
