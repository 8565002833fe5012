"""What is true of the baseline behind each guardrail: as options say it, as it was seen, or by default."""

import argparse
from math import exp, log, sqrt

from modelrollout.api.spec import Guardrail
from modelrollout.simulate import asking
from modelrollout.simulate.qualities import ENVOY_EDGES_MS, Errors, Latency, Quality, Recorded, Rewards, Values
from modelrollout.simulate.seen import Seen, quantile_ms

SESSIONS = 20


def quality(rail: Guardrail, options: argparse.Namespace, seen: Seen | None = None) -> Quality:
    """The truth of the baseline behind this guardrail: what an option says, else what was seen, else the default."""
    found = None if seen is None else _seen(rail, options, seen)
    return _written(rail, options) if found is None else found


def assumed(rail: Guardrail, options: argparse.Namespace, seen: Seen) -> str | None:
    """A sentence about a default that holds because Prometheus did not know better; None without any."""
    if _is_said(rail, options) or _seen(rail, options, seen) is not None:
        return None
    first, *_ = _options(rail)
    what = "latency histogram" if rail.latency is not None else "outcomes"
    return f"Prometheus shows no {what} for guardrail {rail.name}, so {asking.DEFAULTS[first]} is assumed: set {first}"


def _seen(rail: Guardrail, options: argparse.Namespace, seen: Seen) -> Quality | None:
    """The truth as Prometheus saw it, unless an option says it or nothing was seen."""
    if _is_said(rail, options):
        return None
    if rail.error_rate is not None:
        return Errors(seen.errors(rail), sessions=_sessions(options))
    if rail.latency is not None:
        return None if seen.latency is None else Recorded(seen.latency)
    if rail.ratio is not None:
        bad = seen.bad(rail.name)
        return None if bad is None else Errors(bad, sessions=_sessions(options), part=seen.part(rail.name))
    value = seen.value(rail.name)
    return None if value is None else Values(*value, part=seen.part(rail.name))


def _options(rail: Guardrail) -> tuple[str, ...]:
    """The options that say what is true of the baseline behind this guardrail."""
    if rail.error_rate is not None:
        return ("--baseline-errors",)
    if rail.ratio is not None:
        return ("--baseline-quality",)
    if rail.latency is not None:
        return ("--baseline-latency", "--latency-spread")
    return ("--baseline-mean", "--deviation")


def _is_said(rail: Guardrail, options: argparse.Namespace) -> bool:
    return any(asking.given(options, name) is not None for name in _options(rail))


def _sessions(options: argparse.Namespace) -> int:
    return SESSIONS if "sessions" in (options.trouble or []) else 1


def _written(rail: Guardrail, options: argparse.Namespace) -> Quality:
    """The truth as options say it, or their defaults."""
    first, *second = _options(rail)
    value = asking.written(options, first)
    if rail.error_rate is not None:
        return Errors(asking.share(first, value), sessions=_sessions(options))
    if rail.ratio is not None:
        return Errors(1 - asking.share(first, value), sessions=_sessions(options))
    spread = asking.positive(second[0], asking.written(options, second[0]), "0.5")
    if rail.latency is not None:
        return Latency(asking.duration(first, value) * 1000, spread, ENVOY_EDGES_MS)
    mean = asking.positive(first, value, "1")
    relative = sqrt(log(1 + (spread / mean) ** 2))
    return Rewards(relative, float("inf"), mean / exp(relative**2 / 2))


def told(rail: Guardrail, quality: Quality) -> str:
    """The guardrail and what is true of the baseline, in words."""
    if isinstance(quality, Latency):
        return f"{rail.name} (baseline: median {quality.median_ms:g} ms, spread {quality.spread:g})"
    if isinstance(quality, Recorded):
        return f"{rail.name} (baseline: as recorded, median {quantile_ms(quality.past, 0.5):.3g} ms)"
    if isinstance(quality, Values):
        what = f"mean {quality.mean:.3g}, deviation {quality.deviation:.3g}"
        return f"{rail.name} (baseline: {what}{_of_requests(quality.part)})"
    if isinstance(quality, Rewards):
        return f"{rail.name} (baseline: mean {quality.scale * exp(quality.spread**2 / 2):g})"
    if isinstance(quality, Errors) and rail.ratio is not None:
        return f"{rail.name} (baseline: {100 * (1 - quality.rate):.4g} % good{_of_requests(quality.part)})"
    assert isinstance(quality, Errors)
    return f"{rail.name} (baseline: errors {100 * quality.rate:.3g} %)"


def _of_requests(part: float) -> str:
    return f", known of {100 * part:.3g} % of the requests" if part < 1 else ""
