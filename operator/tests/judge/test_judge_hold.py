"""An absolute limit and an incident that hits both arms: no fault of the candidate."""

import numpy as np
import pytest
from modelrollout.judge import evidence, guardrails, rules, verdicts
from modelrollout.judge.guardrails import State
from modelrollout.judge.rule import Rule
from modelrollout.judge.verdicts import Judged, Verdict

EDGES = (50.0, 100.0, 250.0)
LIMITS = {
    "errors": rules.error_limit("errors", 0.015),
    "latency": rules.latency_limit("slo", 0.95, 100.0, EDGES),
    "share of good ones": rules.error_limit("accuracy", 0.1),
    "mean within a range": rules.badness_limit("reward", 0.2),
}
every_limit = pytest.mark.parametrize("rule", LIMITS.values(), ids=LIMITS)


def after(rule: Rule, candidate: float, baseline: float, looks: int = 40) -> State:
    """Looks at 500 and 1,500 requests with these shares of events."""
    state = guardrails.start(rule)
    block = evidence.counts(500, [500 * candidate] * rule.columns, 1500, [1500 * baseline] * rule.columns)
    for look in range(1, looks + 1):
        state = guardrails.advance(rule, state, block, 0.5 if look == 1 else 0.001, 0.001)
    return state


def verdict(rule: Rule, state: State) -> tuple[Verdict, bool]:
    (finding,) = verdicts.decide([Judged(rule.name, guardrails.read(rule, state), 1.0)]).findings
    return finding.verdict, finding.held


@every_limit
def test_a_candidate_beyond_the_limit_fails(rule: Rule) -> None:
    assert verdict(rule, after(rule, candidate=0.4, baseline=0.004)) == (Verdict.FAIL, False)


@every_limit
def test_an_incident_on_both_arms_fails_nobody(rule: Rule) -> None:
    state = after(rule, candidate=0.4, baseline=0.4)

    assert verdict(rule, state) == (Verdict.INCONCLUSIVE, True)
    assert guardrails.read(rule, state).log_e_fail.item() <= 0


def test_a_fail_that_was_found_before_the_incident_stays() -> None:
    rule = LIMITS["errors"]
    state = after(rule, candidate=0.4, baseline=0.004, looks=5)
    incident = evidence.counts(500, 200, 1500, 600)
    for _ in range(10):
        state = guardrails.advance(rule, state, incident, 0.001, 0.001)

    assert guardrails.read(rule, state).held.item()
    assert verdict(rule, state)[0] is Verdict.FAIL


def test_a_comparison_needs_no_hold() -> None:
    """An incident on both arms cancels in a comparison, so nothing about the baseline is remembered."""
    rule = rules.error_ratio("errors")

    assert guardrails.start(rule).environment.bets.size == 0
    assert not guardrails.read(rule, after(rule, 0.4, 0.4)).held.any()


def test_bursts_on_both_arms_roll_back_at_most_alpha() -> None:
    """True mean 1.5 % at a limit of 1.5 %, in shared waves of ten minutes: untempered, nearly every run fails."""
    rule, runs, looks = LIMITS["errors"], 200, 1440
    rng = np.random.default_rng(7)
    state, failed, noise = guardrails.start(rule, runs), np.zeros(runs, bool), np.zeros(runs)
    for look in range(1, looks + 1):
        noise = 0.95 * noise + np.sqrt(1 - 0.95**2) * 0.5 * rng.normal(size=runs)
        rate = np.clip(0.015 * np.exp(noise - 0.125), 0, 1)[:, None]
        n_c, n_b = rng.poisson(15, (runs, 1)), rng.poisson(285, (runs, 1))
        block = evidence.counts(n_c, rng.binomial(n_c, rate), n_b, rng.binomial(n_b, rate))
        state = guardrails.advance(rule, state, block, 0.75 if look == 1 else 0.25 / looks, 0.0)
        failed |= guardrails.read(rule, state).fail_max >= np.log(20)

    assert failed.mean() <= 0.05
