"""Latency rules: which bucket edges they choose, and how fast they see a slow-down of lognormal latencies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_worlds import BOUND, LOOK_SECONDS, steady, wilson_lower
from modelrollout.judge import edges, evidence, figures, guardrails, merging, restarts, rules
from modelrollout.judge.arrays import Floats
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.refusals import CountsRefused, HistoryTooShort, NoUsableEdge, RuleRefused
from modelrollout.judge.rule import Rule
from scipy.special import ndtr

SELDON = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
INF = float("inf")


def survival(at_ms: float, median_ms: float = 100.0, sigma: float = 0.5) -> float:
    """The share of lognormal latencies beyond at_ms."""
    return float(1 - ndtr(np.log(at_ms / median_ms) / sigma))


def history(total: float = 100_000, buckets: tuple[float, ...] = SELDON, median_ms: float = 100.0) -> Histogram:
    """What a baseline of lognormal latencies has left in these buckets."""
    return Histogram(buckets, tuple(round(total * (1 - survival(edge, median_ms))) for edge in buckets), total)


def test_the_first_edge_is_the_smallest_at_or_above_the_baselines_quantile() -> None:
    chosen = edges.around_quantile(history(), quantile=0.95, increase=0.2)

    assert [edge.at_ms for edge in chosen] == [250, 100, 500]


def test_the_design_ratio_is_near_what_a_slow_down_does_to_the_share_beyond_the_edge() -> None:
    main, below, _ = edges.around_quantile(history(), quantile=0.95, increase=0.2)

    assert main.ratio == pytest.approx(survival(250 / 1.2) / survival(250), rel=0.1)
    assert below.ratio == pytest.approx(survival(100 / 1.2) / survival(100), rel=0.1)


def test_an_edge_beyond_which_almost_nothing_was_seen_gets_the_coarse_ratio() -> None:
    past = Histogram((10.0, 25.0, 50.0), (600.0, 998.0, 1000.0))

    chosen = {edge.at_ms: edge.ratio for edge in edges.around_quantile(past, 0.95, 0.2)}

    assert chosen[25.0] == edges.COARSE_RATIO
    assert chosen[50.0] == edges.COARSE_RATIO
    assert chosen[10.0] != edges.COARSE_RATIO


def test_an_edge_that_the_margin_hardly_moves_is_left_out() -> None:
    past = Histogram((10.0, 100.0, 110.0, 200.0), (5.0, 900.0, 960.0, 990.0), 1000.0)

    chosen = edges.around_quantile(past, 0.5, 0.5)

    assert [edge.at_ms for edge in chosen] == [100, 110]  # below 10 ms lies almost nothing, so no slow-down shows there


REFUSED = {
    "too few requests": (history(total=99), 0.95, HistoryTooShort, "99 requests and p95 needs 100"),
    "too few for a high quantile": (history(total=400), 0.99, HistoryTooShort, "p99 needs 500"),
    "no requests at all": (history(total=0), 0.5, HistoryTooShort, "wait for more traffic"),
    "the quantile beyond the last edge": (history(median_ms=20_000), 0.95, NoUsableEdge, "last edge (10000 ms)"),
    "only an edge at infinity": (Histogram((INF,), (500.0,)), 0.95, NoUsableEdge, "add buckets above it"),
    "latencies all far below the edge": (
        Histogram((1000.0,), (940.0,), 1000.0),
        0.94,
        NoUsableEdge,
        "put an edge between",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_edges_are_refused_in_one_sentence(case: tuple[Histogram, float, type[Exception], str]) -> None:
    past, quantile, refusal, words = case

    with pytest.raises(refusal) as refused:
        edges.around_quantile(past, quantile, increase=0.01)

    assert words in str(refused.value)


def test_survival_is_exact_at_edges_and_falls_between_them() -> None:
    past = Histogram((10.0, 20.0, 40.0, INF), (500.0, 900.0, 1000.0, 1000.0))

    assert [past.survival(at) for at in (0, 10, 20, 40, 70)] == pytest.approx([1, 0.5, 0.1, 0, 0])
    assert past.survival(15) == pytest.approx(np.sqrt(0.5 * 0.1))
    assert past.survival(30) == 0  # nothing was seen beyond 40: the bucket says nothing inside


@steady
@given(at=st.lists(st.floats(0, 20_000), min_size=2, max_size=2))
def test_survival_never_rises(at: list[float]) -> None:
    low, high = sorted(at)

    assert 0 <= history().survival(high) <= history().survival(low) <= 1


BROKEN = {
    "counts that fall": lambda: Histogram((1.0, 2.0), (5.0, 4.0)),
    "edges that do not rise": lambda: Histogram((2.0, 2.0), (4.0, 5.0)),
    "an edge without a count": lambda: Histogram((1.0, 2.0), (4.0,)),
    "no edges": lambda: Histogram((), ()),
    "a count that is no number": lambda: Histogram((1.0, 2.0), (4.0, float("nan"))),
    "a total below the last count": lambda: Histogram((1.0, 2.0), (4.0, 5.0), 3.0),
}


@pytest.mark.parametrize("build", BROKEN.values(), ids=BROKEN)
def test_a_broken_histogram_is_refused(build: object) -> None:
    assert callable(build)
    with pytest.raises(CountsRefused):
        build()


def test_the_floor_fails_at_the_edge_above_it_and_passes_at_the_edge_below_it() -> None:
    rule = rules.latency_increase("p95", 0.95, 0.2, floor_ms=30, history=history())

    *_, floor_to_fail = merging.tests(rule.fail)
    *_, floor_to_pass = merging.tests(rule.passed)

    assert rule.edges_ms == (250, 100, 500, 50, 25)
    assert rule.edges_ms[floor_to_fail.column] == 50
    assert rule.edges_ms[floor_to_pass.column] == 25
    assert floor_to_fail.null == floor_to_pass.null == 0.05


def test_a_floor_on_an_edge_needs_one_column_for_both_sides() -> None:
    rule = rules.latency_increase("p95", 0.95, 0.2, floor_ms=10, history=history())

    assert rule.edges_ms == (250, 100, 500, 10)


def test_a_floor_below_the_first_edge_leaves_passing_to_the_comparison() -> None:
    rule = rules.latency_increase("p95", 0.95, 0.2, floor_ms=2, history=history())

    assert not any(test.likelihood is merging.Likelihood.PROPORTION for test in merging.tests(rule.passed))


def test_a_limit_between_edges_fails_above_and_passes_below() -> None:
    rule = rules.latency_limit("slo", 0.99, 300, SELDON)

    assert rule.edges_ms == (500, 250)
    assert [test.column for test in merging.tests(rule.fail)] == [0]
    assert [test.column for test in merging.tests(rule.passed)] == [1]


def test_a_limit_on_an_edge_needs_one_column() -> None:
    assert rules.latency_limit("slo", 0.99, 250, SELDON).edges_ms == (250,)


@pytest.mark.parametrize("limit_ms", [1, 20_000])
def test_a_limit_outside_the_edges_is_refused(limit_ms: float) -> None:
    with pytest.raises(NoUsableEdge, match="put one there"):
        rules.latency_limit("slo", 0.99, limit_ms, (*SELDON, INF))


@pytest.mark.parametrize(
    "build",
    [
        lambda: rules.latency_increase("p", 1.0, 0.2, 10, history()),
        lambda: rules.latency_increase("p", 0.95, 0.0, 10, history()),
        lambda: rules.latency_increase("p", 0.95, 0.2, -1, history()),
        lambda: rules.latency_limit("p", 0.0, 250, SELDON),
        lambda: rules.latency_limit("p", 0.95, 0, SELDON),
    ],
)
def test_numbers_without_sense_are_refused(build: object) -> None:
    assert callable(build)
    with pytest.raises(RuleRefused):
        build()


def play(rule: Rule, per_second: float, slower: float, looks: int, runs: int, seed: int) -> tuple[Floats, Floats]:
    """Minutes to Fail and to Pass for a candidate whose latencies are all `slower` times the baseline's; 5 % share."""
    rng = np.random.default_rng(seed)
    schedule = restarts.Schedule(2880, 1)
    state = guardrails.start(rule, runs)
    fail, passed = np.full(runs, np.nan), np.full(runs, np.nan)
    for look in range(1, looks + 1):
        n_c = rng.poisson(per_second * LOOK_SECONDS * 0.05, (runs, 1))
        n_b = rng.poisson(per_second * LOOK_SECONDS * 0.95, (runs, 1))
        block = evidence.counts(n_c, beyond(rule, n_c, slower, rng), n_b, beyond(rule, n_b, 1.0, rng))
        gamma = schedule.gamma(look, int(look == 1))
        state = guardrails.advance(rule, state, block, gamma, gamma)
        reading = guardrails.read(rule, state)
        fail[np.isnan(fail) & (reading.log_e_fail >= BOUND)] = look / 2
        passed[np.isnan(passed) & (reading.log_e_pass >= BOUND)] = look / 2
    return fail, passed


def beyond(rule: Rule, total: np.ndarray, slower: float, rng: np.random.Generator) -> np.ndarray:
    """How many of `total` requests took longer than each of the rule's edges: one draw, so the counts nest."""
    counts = np.empty((len(total), rule.columns))
    left, share = total[:, 0], 1.0
    for column in np.argsort(rule.edges_ms):
        at = survival(rule.edges_ms[column], median_ms=100 * slower)
        left, share = rng.binomial(left, at / share), at
        counts[:, column] = left
    return counts


P95 = rules.latency_increase("p95", 0.95, 0.2, floor_ms=10, history=history())


@pytest.mark.parametrize(("per_second", "minutes"), [(10, 9), (1, 84)])
def test_a_slow_down_of_a_fifth_fails_within_the_expected_time(per_second: float, minutes: float) -> None:
    fail, _ = play(P95, per_second, slower=1.2, looks=int(minutes * 6), runs=400, seed=13)

    assert np.median(np.nan_to_num(fail, nan=np.inf)) <= 1.15 * minutes


def test_an_equal_candidate_passes_and_is_failed_at_most_at_alpha() -> None:
    fail, passed = play(P95, per_second=10, slower=1.0, looks=720, runs=300, seed=14)

    assert np.median(np.nan_to_num(passed, nan=np.inf)) <= 35
    assert wilson_lower(int(np.sum(~np.isnan(fail))), 300) <= 0.05


def test_a_candidate_at_the_margin_is_passed_at_most_at_alpha() -> None:
    _, passed = play(P95, per_second=10, slower=1.2, looks=720, runs=300, seed=15)

    assert wilson_lower(int(np.sum(~np.isnan(passed))), 300) <= 0.05


def test_people_are_shown_the_edge_at_which_the_arms_differ() -> None:
    """80 ms more than the baseline shows beyond 50 ms and not beyond 100: the figures must say so."""
    rule = rules.latency_increase("latency", 0.95, 0.2, 0.0, history())
    state = guardrails.start(rule)
    events = [30.0 if edge == min(rule.edges_ms) else 0.0 for edge in rule.edges_ms]
    block = evidence.counts([31.0] * rule.columns, events, [480.0] * rule.columns, [0.0] * rule.columns)

    seen = figures.read(rule, guardrails.advance(rule, state, block, 0.5, 0.5))

    assert rule.edges_ms[seen.column] == min(rule.edges_ms)
    assert seen.candidate_rate == 30 / 31


def test_a_quantile_lies_between_the_edges_that_bound_it() -> None:
    rule = rules.latency_increase("latency", 0.95, 0.2, 0.0, history())
    slow, fast = ([4000.0 * survival(edge / scale) for edge in rule.edges_ms] for scale in (1.2, 1.0))
    total = [4000.0] * rule.columns
    state = guardrails.advance(rule, guardrails.start(rule), evidence.counts(total, slow, total, fast), 0.5, 0.5)

    candidate, baseline = figures.quantiles(rule, state, 0.95)

    truth = 100 * np.exp(1.645 * 0.5)  # ms
    assert baseline.low < truth <= baseline.high
    assert candidate.low < 1.2 * truth <= candidate.high
    assert {float(candidate.low), float(candidate.high)} <= {0.0, *rule.edges_ms, np.inf}
