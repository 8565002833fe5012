"""What is wrong with a harmful candidate: as options say it, or the usual harm for each guardrail."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.api.contract import Unit, fraction, margin
from modelrollout.api.spec import Guardrail
from modelrollout.plan import rails
from modelrollout.simulate import asking
from modelrollout.simulate.asking import Unclear
from modelrollout.simulate.qualities import Errors, Quality, Values


@dataclass(frozen=True)
class Harm:
    """A harmful candidate: what is wrong with it in words, and its factor per quality."""

    words: str
    factors: Mapping[str, float]


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
        cure = f"above --baseline-errors ({100 * quality.rate:.4g}%)"
        _must_be_worse("--candidate-errors", options.candidate_errors, worse > quality.rate, cure)
        return Harm(f"errors {options.candidate_errors}", {rail.name: worse / quality.rate})
    if rail.ratio is not None and options.candidate_quality and isinstance(quality, Errors):
        worse = 1 - asking.share("--candidate-quality", options.candidate_quality)
        cure = f"below --baseline-quality ({100 * (1 - quality.rate):.4g}%)"
        _must_be_worse("--candidate-quality", options.candidate_quality, worse > quality.rate, cure)
        return Harm(f"quality {options.candidate_quality}", {rail.name: worse / quality.rate})
    if rail.latency is not None and options.candidate_slower:
        slower = asking.increase("--candidate-slower", options.candidate_slower)
        return Harm(f"answers {options.candidate_slower} slower", {rail.name: 1 + slower})
    if rail.mean is not None and options.candidate_mean:
        return Harm(f"a mean of {options.candidate_mean}", {rail.name: _mean_factor(quality, options)})
    return None


def _usual_harm(rail: Guardrail, quality: Quality) -> Harm:
    if rail.ratio is not None and isinstance(quality, Errors):
        return Harm("quality 2 pp lower", {rail.name: (quality.rate + 0.02) / quality.rate})
    if rail.latency is not None:
        return Harm("answers 20 % slower", {rail.name: 1.2})
    if isinstance(quality, Values):
        return _usual_shift(rail, quality)
    if rail.mean is not None:
        less = rails.less_is_better(rail.mean)
        return Harm(f"a mean 5 % {'higher' if less else 'lower'}", {rail.name: 1.05 if less else 0.95})
    assert rail.error_rate is not None
    assert isinstance(quality, Errors)
    least = fraction(rail.error_rate.max or rail.error_rate.floor)
    if quality.rate >= least:
        return Harm("twice the errors", {rail.name: 2.0})
    return Harm(f"errors {200 * least:g} %", {rail.name: 2 * least / quality.rate})  # fewer are never harm


def _mean_factor(quality: Quality, options: argparse.Namespace) -> float:
    """The factor that gives the candidate the mean that was asked for."""
    name, value = "--candidate-mean", options.candidate_mean
    if isinstance(quality, Values):
        mean = asking.number(name, value, "0.95")
        return 1 + (mean - quality.mean) / quality.deviation
    return asking.positive(name, value, "0.95") / float(asking.written(options, "--baseline-mean"))


def _usual_shift(rail: Guardrail, quality: Values) -> Harm:
    """Twice what the guardrail allows; of a fixed limit, as far beyond it as the baseline is within."""
    assert rail.mean is not None
    limit = rail.mean.limit
    if limit.name in {"min", "max"}:
        allowed = abs(quality.mean - float(limit.written))
    else:
        written = margin(limit.written)
        of = {Unit.SD: quality.deviation, Unit.SHARE: abs(quality.mean), Unit.PLAIN: 1.0}[written.unit]
        allowed = written.value * of
    shift = 2 * allowed * (1 if rails.less_is_better(rail.mean) else -1)
    return Harm(f"a mean of {quality.mean + shift:.3g}", {rail.name: 1 + shift / quality.deviation})


def _must_be_worse(name: str, value: str, is_worse: bool, cure: str) -> None:
    if not is_worse:
        raise Unclear(f"{name} is '{value}': that is no harm, give a share {cure}")
