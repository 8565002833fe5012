"""Forecast times against simulated ones: 200 seeded runs through the judge itself, a look every 30 s, alpha 5 %."""

from dataclasses import dataclass, replace
from math import inf, log
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from judge_worlds import steady
from modelrollout.judge import evidence, forecast, guardrails, passages, restarts, rules
from modelrollout.judge.arrays import Floats
from modelrollout.judge.evidence import Counts, Values
from modelrollout.judge.forecast import Terms, share_needed
from modelrollout.judge.growth import Traffic
from modelrollout.judge.guardrails import State
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.rule import Rule
from scipy.special import ndtr

LOOK = 30.0
RUNS = 200
SCHEDULE = restarts.Schedule(2880, 1)
EDGES = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0)


def slower_than(at_ms: float) -> float:
    """The share of lognormal latencies (median 0.1 s, sigma 0.5) beyond an edge."""
    return float(ndtr(-np.log(at_ms / 100) / 0.5))


LATENCIES = Histogram(EDGES, tuple(1e6 * (1 - slower_than(edge)) for edge in EDGES), 1e6)
ERRORS = rules.error_ratio("errors")
ALONE = rules.error_ratio("errors", floor=0)
LIMIT = rules.error_limit("errors", 0.02)
P95 = rules.latency_increase("p95", 0.95, 0.2, 10, LATENCIES)
P50 = rules.latency_increase("p50", 0.5, 0.2, 10, LATENCIES)
ACCURACY = rules.share_drop("accuracy")
REWARD = rules.mean_drop("reward")


def latency(rule: Rule, per_second: float, share: float) -> Traffic:
    return Traffic(per_second, share, tuple(slower_than(edge) for edge in rule.edges_ms))


def errors(per_second: float, share: float, rate: float) -> Traffic:
    return Traffic(per_second, share, (rate,))


@dataclass(frozen=True)
class Simulated:
    """Looks by which half, and nine of ten, of the runs had their verdict."""

    median: float
    most: float


def simulate(
    rule: Rule, traffic: Traffic, candidate: tuple[float, ...], side: str, most_looks: int, seed: int
) -> Simulated:
    """Judge until nine of ten runs have their verdict."""
    rng = np.random.default_rng(seed)
    state, found = guardrails.start(rule, RUNS), np.full(RUNS, inf)
    for look in range(1, most_looks + 1):
        state = one_look(rule, state, block(rng, traffic, candidate), look)
        furthest = state.fail_max if side == "fail" else state.pass_max
        found[np.isinf(found) & (furthest >= log(20))] = look
        if np.isfinite(found).mean() >= 0.9:
            break
    return Simulated(*(float(x) for x in np.quantile(found, [0.5, 0.9], method="inverted_cdf")))


def one_look(rule: Rule, state: State, counted: Counts, look: int) -> State:
    gamma = SCHEDULE.gamma(look, 1 if look == 1 else 0)
    return guardrails.advance(rule, state, counted, gamma, gamma, 1.0)


def block(rng: np.random.Generator, traffic: Traffic, candidate: tuple[float, ...], runs: int = RUNS) -> Counts:
    """What both arms did in one look: Poisson traffic, events (nested from edge to edge) or normal values."""
    arms = []
    for share, rates in (
        (traffic.candidate_share, candidate),
        (1 - traffic.candidate_share, traffic.baseline),
    ):
        total = rng.poisson(traffic.per_second * LOOK * share, (runs, 1)).astype(float)
        arms.append((total, events(rng, total, rates) if traffic.deviations is None else None, rates))
    (n_c, s_c, of_c), (n_b, s_b, of_b) = arms
    if s_c is not None and s_b is not None:
        return evidence.counts(n_c, s_c, n_b, s_b, traffic.candidate_share)
    assert traffic.deviations is not None
    spread = traffic.deviations[0]
    return evidence.values(
        values(rng, n_c, of_c[0], spread), values(rng, n_b, of_b[0], spread), traffic.candidate_share
    )


def events(rng: np.random.Generator, total: Floats, rates: tuple[float, ...]) -> Floats:
    found, left, of = np.zeros((len(total), len(rates))), total[:, 0], 1.0
    for column in sorted(range(len(rates)), key=lambda column: -rates[column]):
        left = rng.binomial(left.astype(int), rates[column] / of if of > 0 else 0.0).astype(float)
        found[:, column], of = left, rates[column]
    return found


def values(rng: np.random.Generator, total: Floats, mean: float, deviation: float) -> Values:
    sums = rng.normal(total * mean, deviation * np.sqrt(total))
    return Values(total, sums, np.maximum(total * (deviation**2 - mean**2) + 2 * mean * sums, 0.0))


CELLS = {
    "errors at the margin fail, 10 req/s at 25 %": (ALONE, errors(10, 0.25, 0.01), "fail"),
    "errors at the margin fail, 100 req/s at 5 %": (ALONE, errors(100, 0.05, 0.01), "fail"),
    "equal errors pass, 10 req/s at 25 %": (ALONE, errors(10, 0.25, 0.01), "pass"),
    "equal errors pass, 100 req/s at 5 %": (ERRORS, errors(100, 0.05, 0.01), "pass"),
    "no errors pass by the floor, 1 req/s at 25 %": (ERRORS, errors(1, 0.25, 0), "pass"),
    "no errors pass by the floor, 10 req/s at 5 %": (ERRORS, errors(10, 0.05, 0), "pass"),
    "few errors pass by the floor, 10 req/s at 5 %": (ERRORS, errors(10, 0.05, 0.001), "pass"),
    "few errors fail beyond the floor, 100 req/s at 5 %": (ERRORS, errors(100, 0.05, 0.001), "fail"),
    "errors within a limit pass, 10 req/s at 25 %": (LIMIT, errors(10, 0.25, 0.01), "pass"),
    "errors beyond a limit fail, 10 req/s at 25 %": (LIMIT, errors(10, 0.25, 0.01), "fail"),
    "a slow p95 fails at three edges, 10 req/s at 5 %": (P95, latency(P95, 10, 0.05), "fail"),
    "an equal p95 passes at three edges, 1 req/s at 5 %": (P95, latency(P95, 1, 0.05), "pass"),
    "a slow p50 fails, 1 req/s at 25 %": (P50, latency(P50, 1, 0.25), "fail"),
    "worse accuracy fails, 10 req/s at 25 %": (ACCURACY, errors(10, 0.25, 0.1), "fail"),
    "equal accuracy passes, 100 req/s at 5 %": (ACCURACY, errors(100, 0.05, 0.1), "pass"),
    "a lower reward fails, 10 req/s at 25 %": (REWARD, Traffic(10, 0.25, (3.0,), (2.0,)), "fail"),
    "an equal reward passes, 100 req/s at 5 %": (REWARD, Traffic(100, 0.05, (3.0,), (2.0,)), "pass"),
    "a reward above its limit passes, 100 req/s at 5 %": (
        rules.mean_limit("reward", 2.9),
        Traffic(100, 0.05, (3.0,), (2.0,)),
        "pass",
    ),
    "steady badness within its limit passes, 10 req/s at 5 %": (
        rules.badness_limit("badness", 0.2),
        Traffic(10, 0.05, (0.18,), (0.05,)),
        "pass",
    ),
    "clustered errors fail once per look, 100 req/s at 5 %": (
        rules.error_ratio("errors", clustered=True),
        errors(100, 0.05, 0.01),
        "fail",
    ),
    "clustered errors beyond a limit fail, 10 req/s at 25 %": (
        rules.error_limit("errors", 0.02, clustered=True),
        errors(10, 0.25, 0.01),
        "fail",
    ),
    "clustered errors beyond a limit fail, 1 req/s at 50 %": (
        rules.error_limit("errors", 0.02, clustered=True),
        errors(1, 0.5, 0.01),
        "fail",
    ),
    "clustered wrong answers fail, 10 req/s at 25 %": (
        rules.share_drop("accuracy", clustered=True),
        errors(10, 0.25, 0.1),
        "fail",
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_forecast_is_within_30_percent_of_simulated_times(name: str) -> None:
    rule, traffic, side = CELLS[name]
    candidate = forecast.harmful(rule, traffic) if side == "fail" else traffic.baseline

    said = forecast.forecast(rule, traffic, Terms())

    median, most = (
        (said.fail_median_seconds, said.fail_90_seconds)
        if side == "fail"
        else (said.pass_median_seconds, said.pass_90_seconds)
    )
    seen = simulate(rule, traffic, candidate, side, round(3 * most / LOOK), seed=5)
    assert seen.median > 4
    assert median / LOOK == pytest.approx(seen.median, rel=0.3)
    assert most / LOOK == pytest.approx(seen.most, rel=0.35)


def test_an_estimated_candidate_between_the_bets_is_forecast_too() -> None:
    traffic, candidate = errors(100, 0.05, 0.01), (0.02,)

    said = forecast.forecast(ALONE, traffic, Terms(), candidate)

    seen = simulate(ALONE, traffic, candidate, "fail", 100, seed=6)
    assert said.fail_median_seconds / LOOK == pytest.approx(seen.median, rel=0.3)
    assert said.pass_90_seconds == inf


def test_what_was_seen_already_shortens_the_time_that_is_left() -> None:
    traffic, looks = errors(10, 0.25, 0.01), 40
    rng, state = np.random.default_rng(7), guardrails.start(ALONE)
    for look in range(1, looks + 1):
        expected = evidence.counts(75, 0.75, 225, 2.25, 0.25)
        state = one_look(ALONE, state, expected, look)
    fresh = forecast.forecast(ALONE, traffic, Terms())

    left = forecast.forecast(ALONE, traffic, Terms(), state=state)

    found, many = np.full(RUNS, inf), in_every_run(state)
    for look in range(1, 400):
        many = one_look(ALONE, many, block(rng, traffic, traffic.baseline), looks + look)
        found[np.isinf(found) & (many.pass_max >= log(20))] = look
    assert left.pass_median_seconds / LOOK == pytest.approx(float(np.median(found)), rel=0.3)
    assert left.pass_median_seconds < fresh.pass_median_seconds


def in_every_run(state: State) -> State:
    """The state of one run, repeated."""
    records = {name: getattr(state, name) for name in ("fail", "passed", "environment", "seen", "scatter")}
    parts = {name: replace(record, **repeated(vars(record))) for name, record in records.items()}
    return replace(state, **parts, **repeated({"fail_max": state.fail_max, "pass_max": state.pass_max}))


def repeated(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: np.repeat(array, RUNS, axis=0) for name, array in arrays.items()}


def test_dispersion_makes_everything_slower_by_its_factor() -> None:
    traffic = errors(10, 0.05, 0.01)

    calm, noisy = (forecast.forecast(ERRORS, traffic, Terms(dispersion=phi)) for phi in (1.0, 3.0))

    assert noisy.fail_median_seconds / calm.fail_median_seconds == pytest.approx(3, rel=0.05)
    assert noisy.pass_90_seconds / calm.pass_90_seconds == pytest.approx(3, rel=0.05)


def test_a_smaller_part_of_alpha_needs_more_evidence() -> None:
    traffic = errors(10, 0.05, 0.01)

    whole, quarter = (forecast.forecast(ERRORS, traffic, Terms(weight_of_alpha=part)) for part in (1.0, 0.25))

    assert quarter.fail_median_seconds > 1.2 * whole.fail_median_seconds
    assert quarter.pass_median_seconds == whole.pass_median_seconds


@pytest.mark.parametrize(
    ("rule", "traffic"),
    [
        pytest.param(ALONE, errors(10, 0.05, 0), id="no events and no floor"),
        pytest.param(ERRORS, errors(10, 1.0, 0.01), id="no traffic on the baseline"),
        pytest.param(ERRORS, errors(0, 0.05, 0.01), id="no traffic"),
    ],
)
def test_what_cannot_be_known_takes_forever(rule: Rule, traffic: Traffic) -> None:
    said = forecast.forecast(rule, traffic, Terms())

    assert said.fail_90_seconds == inf
    assert said.pass_90_seconds == inf


def test_at_full_weight_the_floor_still_passes_what_hardly_errs() -> None:
    said = forecast.forecast(ERRORS, errors(10, 1.0, 0.0), Terms())

    assert said.pass_90_seconds < 300
    assert said.fail_90_seconds == inf


def test_a_limit_that_the_baseline_breaks_too_neither_fails_nor_passes() -> None:
    said = forecast.forecast(LIMIT, errors(100, 0.05, 0.05), Terms(), (0.05,))

    assert (said.fail_90_seconds, said.pass_90_seconds) == (inf, inf)


def test_the_smallest_share_that_passes_in_time_is_found() -> None:
    traffic, deadline = errors(100, 0.01, 0.01), 1800.0

    share = share_needed(ERRORS, traffic, Terms(), deadline)

    assert share is not None
    enough, less = (
        forecast.forecast(ERRORS, replace(traffic, candidate_share=part), Terms()) for part in (share, share - 0.01)
    )
    assert enough.pass_90_seconds <= deadline < less.pass_90_seconds
    assert share_needed(ERRORS, errors(1, 0.05, 0.01), Terms(), deadline) is None


def test_paths_meet_the_bound_when_so_many_walks_have() -> None:
    """Walks of drift 1 and variance 1 per look on their way to 4."""
    first = np.random.default_rng(8).wald(mean=4.0, scale=16.0, size=100_000)

    for chance in (passages.MEDIAN, passages.MOST):
        at = float(np.quantile(first, chance))
        z = float(passages.deviations(np.array([4.0]), chance)[0])
        assert at + z * np.sqrt(at) == pytest.approx(4, abs=0.05)


CLUSTERED = (rules.error_ratio("errors", clustered=True), rules.error_limit("errors", 0.02, clustered=True))


@steady
@given(
    rule=st.sampled_from([ERRORS, LIMIT, ACCURACY, *CLUSTERED, REWARD]),
    per_second=st.sampled_from([0.0, 1e-4, 1.0, 1e3, 1e5]),
    share=st.sampled_from([0.0, 0.01, 0.5, 1.0]),
    rate=st.sampled_from([0.0, 1e-9, 0.01, 0.5, 1.0]),
    deviation=st.sampled_from([0.0, 1e-9, 1.0, 1e6]),
    dispersion=st.sampled_from([1.0, 7.3, 1e4]),
)
@example(CLUSTERED[1], 1e5, 1.0, 1.0, 0.0, 1e4)
def test_no_traffic_is_too_strange_for_a_forecast(
    rule: Rule, per_second: float, share: float, rate: float, deviation: float, dispersion: float
) -> None:
    traffic = Traffic(per_second, share, (rate,), (deviation,) if rule.has_values else None)

    said = forecast.forecast(rule, traffic, Terms(dispersion=dispersion))

    assert 0 < said.fail_median_seconds <= said.fail_90_seconds
    assert 0 < said.pass_median_seconds <= said.pass_90_seconds
