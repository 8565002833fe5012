"""What is true in a study: the baseline behind each guardrail, and what is wrong with a harmful candidate."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt

from modelrollout.api.spec import Guardrail
from modelrollout.plan import rails
from modelrollout.simulate import asking
from modelrollout.simulate.asking import Unclear
from modelrollout.simulate.qualities import ENVOY_EDGES_MS, Errors, Latency, Quality, Rewards

SESSIONS = 20


@dataclass(frozen=True)
class Harm:
    """A harmful candidate: what is wrong with it in words, and its factor per quality."""

    words: str
    factors: Mapping[str, float]


def quality(rail: Guardrail, options: argparse.Namespace) -> Quality:
    """The truth of the baseline behind this guardrail."""
    sessions = SESSIONS if "sessions" in (options.trouble or []) else 1
    if rail.error_rate is not None:
        return Errors(asking.share("--baseline-errors", options.baseline_errors), sessions=sessions)
    if rail.ratio is not None:
        return Errors(1 - asking.share("--baseline-quality", options.baseline_quality), sessions=sessions)
    if rail.latency is not None:
        median = asking.duration("--baseline-latency", options.baseline_latency) * 1000
        return Latency(median, asking.positive("--latency-spread", options.latency_spread, "0.5"), ENVOY_EDGES_MS)
    mean = asking.positive("--baseline-mean", options.baseline_mean, "1")
    spread = sqrt(log(1 + (asking.positive("--deviation", options.deviation, "0.5") / mean) ** 2))
    return Rewards(spread, float("inf"), mean / exp(spread**2 / 2))


def harms(simulated: list[Guardrail], measured: Mapping[str, Quality], options: argparse.Namespace) -> tuple[Harm, ...]:
    """One harmful candidate with everything that was asked for; without, one per guardrail with a usual harm."""
    asked = {rail.name: _asked_harm(rail, measured[rail.name], options) for rail in simulated}
    wanted = [harm for harm in asked.values() if harm is not None]
    if not wanted:
        return tuple(_usual_harm(rail, measured[rail.name]) for rail in simulated)
    factors = {name: factor for harm in wanted for name, factor in harm.factors.items()}
    return (Harm(" and ".join(dict.fromkeys(harm.words for harm in wanted)), factors),)


def _asked_harm(rail: Guardrail, quality: Quality, options: argparse.Namespace) -> Harm | None:
    if rail.error_rate is not None and options.candidate_errors and isinstance(quality, Errors):
        worse = asking.share("--candidate-errors", options.candidate_errors)
        _must_be_worse("--candidate-errors", options.candidate_errors, worse > quality.rate, "above --baseline-errors")
        return Harm(f"errors {options.candidate_errors}", {rail.name: worse / quality.rate})
    if rail.ratio is not None and options.candidate_quality and isinstance(quality, Errors):
        worse = 1 - asking.share("--candidate-quality", options.candidate_quality)
        _must_be_worse(
            "--candidate-quality", options.candidate_quality, worse > quality.rate, "below --baseline-quality"
        )
        return Harm(f"quality {options.candidate_quality}", {rail.name: worse / quality.rate})
    if rail.latency is not None and options.candidate_slower:
        slower = asking.increase("--candidate-slower", options.candidate_slower)
        return Harm(f"answers {options.candidate_slower} slower", {rail.name: 1 + slower})
    if rail.mean is not None and options.candidate_mean:
        mean = asking.positive("--candidate-mean", options.candidate_mean, "0.95")
        return Harm(f"a mean of {options.candidate_mean}", {rail.name: mean / float(options.baseline_mean)})
    return None


def _usual_harm(rail: Guardrail, quality: Quality) -> Harm:
    if rail.ratio is not None and isinstance(quality, Errors):
        return Harm("quality 2 pp lower", {rail.name: (quality.rate + 0.02) / quality.rate})
    if rail.latency is not None:
        return Harm("answers 20 % slower", {rail.name: 1.2})
    if rail.mean is not None:
        less = rails.less_is_better(rail.mean)
        return Harm(f"a mean 5 % {'higher' if less else 'lower'}", {rail.name: 1.05 if less else 0.95})
    return Harm("twice the errors", {rail.name: 2.0})


def _must_be_worse(name: str, value: str, is_worse: bool, cure: str) -> None:
    if not is_worse:
        raise Unclear(f"{name} is '{value}': that is no harm, give a share {cure}")


def told(rail: Guardrail, quality: Quality) -> str:
    """The guardrail and what is true of the baseline, in words."""
    if isinstance(quality, Latency):
        return f"{rail.name} (baseline: median {quality.median_ms:g} ms, spread {quality.spread:g})"
    if isinstance(quality, Rewards):
        return f"{rail.name} (baseline: mean {quality.scale * exp(quality.spread**2 / 2):g})"
    if isinstance(quality, Errors) and rail.ratio is not None:
        return f"{rail.name} (baseline: {100 * (1 - quality.rate):g} % good)"
    assert isinstance(quality, Errors)
    return f"{rail.name} (baseline: errors {100 * quality.rate:g} %)"
