"""What a guardrail says to people: estimate, limit and verdict, with units, samples and bounds."""

from modelrollout.api.contract import seconds
from modelrollout.api.spec import Guardrail, Query
from modelrollout.api.status import ArmEvidence, GuardrailStatus, Verdict
from modelrollout.judge.rule import Rule
from modelrollout.judge.thresholds import Threshold, ThresholdState, verdict
from modelrollout.judge.verdicts import Finding
from modelrollout.plan.draft import fitting


def of_counts(rail: Guardrail, finding: Finding, rule: Rule) -> GuardrailStatus:
    """An error or latency guardrail in words and numbers."""
    return GuardrailStatus(
        name=rail.name,
        verdict=Verdict(finding.verdict.value),
        message=_sentence(rail, finding, rule),
        estimate=_estimate(rail, finding, rule),
        limit=limit(rail),
        baseline=ArmEvidence(samples=finding.baseline_samples, rate=_short(finding.baseline_rate)),
        candidate=ArmEvidence(samples=finding.candidate_samples, rate=_short(finding.candidate_rate)),
        ratio=_short(finding.ratio),
        evidence=round(finding.evidence_percent),
        evidence_for="" if finding.toward.value == Verdict.INCONCLUSIVE else finding.toward.value,
        always_valid_p_value=_short(finding.always_valid_p_value),
    )


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
    assert rail.query is not None
    parts = [f"{word} {bound}" for word, bound in (("at most", rail.query.max), ("at least", rail.query.min)) if bound]
    return " and ".join(parts)


def _estimate(rail: Guardrail, finding: Finding, rule: Rule) -> str:
    if finding.candidate_rate is None:
        return "no requests yet"
    what = f" beyond {rule.edges_ms[finding.column]:g} ms" if rail.latency is not None else ""
    return f"{_percent(finding.candidate_rate)} vs {_percent(finding.baseline_rate)}{what}"


def _sentence(rail: Guardrail, finding: Finding, rule: Rule) -> str:
    if finding.verdict.value == Verdict.INCONCLUSIVE:
        return ""
    has_passed = finding.verdict.value == Verdict.PASS
    did, so = ("passed", "") if has_passed else ("failed", f"; {_blame(rail)} by the evidence of the whole attempt")
    wrong = f"slower than {rule.edges_ms[finding.column]:g} ms" if rail.latency is not None else "in error"
    candidate = f"{_percent(finding.candidate_rate)} of {finding.candidate_samples:,} candidate requests {wrong}"
    baseline = f"{_percent(finding.baseline_rate)} of {finding.baseline_samples:,} of the baseline"
    return f"{rail.name} {did}: {candidate} against {baseline} since the last gate{so} (limit {limit(rail)})"


def _blame(rail: Guardrail) -> str:
    """What a failure says. It needs no step beyond the limit, only that the candidate is worse and above the floor."""
    absolute = rail.error_rate.max if rail.error_rate is not None else rail.latency and rail.latency.max
    return "it is beyond the limit" if absolute else "it is worse than the baseline"


def _percent(rate: float | None) -> str:
    return "no data" if rate is None else f"{rate:.2%}".replace("%", " %")


def _short(value: float | None) -> float | None:
    """Four significant digits: enough for people, and the same on every machine."""
    return None if value is None else float(f"{value:.4g}")
