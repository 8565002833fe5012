"""What a guardrail says to people: estimate, limit and verdict, with units, samples and bounds."""

from math import isinf

from modelrollout.api.contract import seconds
from modelrollout.api.spec import Guardrail, Query
from modelrollout.api.status import ArmEvidence, GuardrailStatus, Verdict
from modelrollout.judge.estimates import Measure
from modelrollout.judge.figures import Figures
from modelrollout.judge.intervals import Interval
from modelrollout.judge.rule import Rule
from modelrollout.judge.thresholds import Threshold, ThresholdState, verdict
from modelrollout.judge.verdicts import Finding
from modelrollout.plan import rails
from modelrollout.plan.draft import fitting


def of_counts(rail: Guardrail, finding: Finding, rule: Rule, seen: Figures) -> GuardrailStatus:
    """A guardrail that counts, in words and numbers."""
    turn = rails.turn(rail)
    low, high = _interval(rail, rule, seen)
    return GuardrailStatus(
        name=rail.name,
        verdict=Verdict(finding.verdict.value),
        message=_sentence(rail, finding, rule, seen),
        estimate=_estimate(rail, rule, seen),
        interval=_between(rail, rule, low, high),
        interval_low=_short(low),
        interval_high=_short(high),
        dispersion=_short(seen.dispersion),
        limit=limit(rail),
        baseline=ArmEvidence(samples=seen.baseline_samples, rate=_short(turn.level(seen.baseline_rate))),
        candidate=ArmEvidence(samples=seen.candidate_samples, rate=_short(turn.level(seen.candidate_rate))),
        ratio=_short(seen.ratio) if rule.measure is Measure.RATIO else None,
        evidence=round(finding.evidence_percent),
        evidence_for="" if finding.toward.value == Verdict.INCONCLUSIVE else finding.toward.value,
        always_valid_p_value=_short(finding.always_valid_p_value),
    )


def with_quantiles(said: GuardrailStatus, quantile: float, candidate: Interval, baseline: Interval) -> GuardrailStatus:
    """The same latency guardrail with what people call latency: between which edges each arm's quantile lies."""
    if said.candidate.samples == 0:
        return said
    where = f"p{quantile * 100:g} {_milliseconds(candidate)} vs {_milliseconds(baseline)}"
    return said.model_copy(update={"estimate": f"{where}; {said.estimate}"})


def waiting(said: GuardrailStatus, rail: Guardrail) -> GuardrailStatus:
    """The same guardrail while labels can still be of predictions from before the attempt."""
    counted = rail.ratio or rail.mean
    assert counted is not None
    sentence = f"{rail.name} begins {counted.label_delay} after the attempt: earlier labels are of the time before it"
    return said.model_copy(update={"message": sentence})


def of_query(rail: Guardrail, query: Query, rule: Threshold, state: ThresholdState) -> GuardrailStatus:
    """A free query in words and numbers. Its stored value is how far it is beyond the limit."""
    said, beyond = verdict(rule, state), state.value
    within = beyond is None or beyond <= 0
    distance = "" if beyond is None else f"{abs(beyond):g} {'within' if within else 'beyond'} the limit"
    return GuardrailStatus(
        name=rail.name,
        verdict=Verdict(said.value),
        message=f"{rail.name} was {distance} for {query.for_}" if said.value == Verdict.FAIL else "",
        estimate=distance,
        limit=limit(rail),
        evidence=min(100, round(100 * state.breached_seconds / max(seconds(query.for_), 1e-9))) if not within else 0,
        evidence_for="" if within else Verdict.FAIL,
    )


def without_data(said: GuardrailStatus, why: str) -> GuardrailStatus:
    """The same guardrail when this look told nothing of it."""
    return said.model_copy(update={"verdict": Verdict.NO_DATA, "message": fitting(f"{said.name}: {why}")})


def limit(rail: Guardrail) -> str:
    """What is allowed, with units."""
    if rail.error_rate is not None:
        rate = rail.error_rate
        return f"at most {rate.max}" if rate.max else f"x{rate.max_ratio or 1.5:g}, floor {rate.floor}"
    if rail.latency is not None:
        latency = rail.latency
        name = f"p{latency.quantile * 100:g}"
        if latency.max:
            return f"{name} at most {latency.max}"
        return f"{name} +{latency.max_increase or '20%'}, floor {latency.floor}"
    if rail.ratio is not None:
        return _counted_limit(rail.ratio.limit.name, rail.ratio.limit.written) + (
            f", floor {rail.ratio.floor or '0.5%'}" if rail.ratio.limit.name == "maxRatio" else ""
        )
    if rail.mean is not None:
        return _counted_limit(rail.mean.limit.name, rail.mean.limit.written)
    assert rail.query is not None
    parts = [f"{word} {bound}" for word, bound in (("at most", rail.query.max), ("at least", rail.query.min)) if bound]
    return " and ".join(parts)


def _counted_limit(name: str, written: str) -> str:
    return {
        "maxDrop": f"-{written}",
        "maxIncrease": f"+{written}",
        "maxRatio": f"x{written}",
        "min": f"at least {written}",
        "max": f"at most {written}",
    }[name]


def _estimate(rail: Guardrail, rule: Rule, seen: Figures) -> str:
    if seen.candidate_rate is None:
        return "nothing counted yet"
    what = f" beyond {rule.edges_ms[seen.column]:g} ms" if rail.latency is not None else ""
    return f"{_level(rail, seen.candidate_rate)} vs {_level(rail, seen.baseline_rate)}{what}"


def _sentence(rail: Guardrail, finding: Finding, rule: Rule, seen: Figures) -> str:
    if finding.held and finding.verdict.value != Verdict.FAIL:
        return f"{rail.name} is beyond its limit on the baseline too: that is no fault of the candidate"
    if finding.verdict.value == Verdict.INCONCLUSIVE:
        return ""
    has_passed = finding.verdict.value == Verdict.PASS
    did, so = ("passed", "") if has_passed else ("failed", f"; {_blame(rule)} by the evidence of the whole attempt")
    candidate = f"{_of(rail, seen.candidate_rate, seen.candidate_samples, 'candidate')}{_wrong(rail, rule, seen)}"
    baseline = f"{_of(rail, seen.baseline_rate, seen.baseline_samples, 'baseline')}"
    return f"{rail.name} {did}: {candidate} against {baseline} since the last gate{so} (limit {limit(rail)})"


def _of(rail: Guardrail, rate: float | None, samples: int, arm: str) -> str:
    """How one arm did, with its sample."""
    if rail.mean is not None:
        return f"a mean of {_level(rail, rate)} over {samples:,} values of the {arm}"
    if arm == "baseline":
        return f"{_level(rail, rate)} of {samples:,} of the baseline"
    return f"{_level(rail, rate)} of {samples:,} candidate {'requests' if rail.ratio is None else 'counts'}"


def _wrong(rail: Guardrail, rule: Rule, seen: Figures) -> str:
    if rail.latency is not None:
        return f" slower than {rule.edges_ms[seen.column]:g} ms"
    if rail.error_rate is not None:
        return " in error"
    return "" if rail.mean is not None else " bad" if rails.turn(rail) == rails.AS_IT_IS else " good"


def _blame(rule: Rule) -> str:
    """What a failure says. It needs no step beyond the limit, only that the candidate is worse and above the floor."""
    return "it is beyond the limit" if rule.is_absolute else "it is worse than the baseline"


def _interval(rail: Guardrail, rule: Rule, seen: Figures) -> tuple[float | None, float | None]:
    """The interval in the numbers that people know, low end first."""
    if rule.measure is Measure.RATIO:
        return seen.low, seen.high
    turn = rails.turn(rail)
    turned = turn.difference if rule.measure is Measure.DIFFERENCE else turn.level
    ends = turned(seen.low), turned(seen.high)
    return ends if turn.scale > 0 else ends[::-1]


def _between(rail: Guardrail, rule: Rule, low: float | None, high: float | None) -> str:
    """The interval as people read it: of ratios, of differences in percentage points, or of levels."""
    if rule.measure is Measure.RATIO:
        return _ends(low or None, high, "x", "")  # a ratio of at least 0 says nothing
    if rail.mean is not None:
        return _ends(low, high, "", "")
    unit = " pp" if rule.measure is Measure.DIFFERENCE else " %"
    return _ends(None if low is None else 100 * low, None if high is None else 100 * high, "", unit)


def _ends(low: float | None, high: float | None, before: str, after: str) -> str:
    """Three significant digits; an end that nothing bounds yet is left out."""
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {before}{high:.3g}{after}"
    if high is None:
        return f"at least {before}{low:.3g}{after}"
    return f"{before}[{low:.3g}, {high:.3g}]{after}"


def _milliseconds(found: Interval) -> str:
    low, high = float(found.low), float(found.high)
    if isinf(high):
        return f"above {low:g} ms" if low > 0 else "unknown"
    return f"{low:g}-{high:g} ms" if low > 0 else f"up to {high:g} ms"


def _level(rail: Guardrail, judged: float | None) -> str:
    value = rails.turn(rail).level(judged)
    if rail.mean is None:
        return _percent(value)
    return "no data" if value is None else f"{value:.4g}"


def _percent(rate: float | None) -> str:
    return "no data" if rate is None else f"{rate:.2%}".replace("%", " %")


def _short(value: float | None) -> float | None:
    """Four significant digits: enough for people, and the same on every machine."""
    return None if value is None else float(f"{value:.4g}")
