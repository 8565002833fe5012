"""The figures of a traffic run, against numbers counted by hand and against a library's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from e2e.traffic import figures
from e2e.traffic.records import NO_ANSWER, Answer, Outcome

START = 1_763_700_000.0
unhurried = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def answer(at: float, arm: str = "baseline", code: int = 200, seconds: float = 0.01, **more: object) -> Answer:
    return Answer(START + at, arm, code, seconds, **more)  # type: ignore[arg-type]


def outcome(
    at: float, arm: str = "baseline", *, correct: bool = True, profit: float = 1.0, regime: str = ""
) -> Outcome:
    return Outcome(START + at, START + at + 5, arm, "1", regime, correct, profit)


@pytest.mark.parametrize(("correct", "labelled"), [(0, 1), (1, 1), (0, 20), (7, 20), (20, 20), (5_900, 10_000)])
def test_the_interval_of_an_accuracy_is_wilsons(correct: int, labelled: int) -> None:
    low, high = figures.wilson(correct, labelled)

    theirs = stats.binomtest(correct, labelled).proportion_ci(0.95, method="wilson")
    assert (float(low), float(high)) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_nothing_is_known_of_an_accuracy_without_labels() -> None:
    low, high = figures.wilson([0, 9], [0, 10])

    assert (low[0], high[0]) == (0.0, 1.0)
    assert 0 < low[1] < 0.9 < high[1] < 1


@unhurried
@given(st.floats(0, 3e7), st.integers(1, 100))
def test_time_bins_are_few_and_equally_wide_and_hold_all(span: float, most: int) -> None:
    edges = figures.edges(START, START + span, most)

    widths = np.diff(edges)
    assert edges[0] == START
    assert START + span < edges[-1]
    assert len(widths) <= most + 1
    assert widths == pytest.approx(widths[0])
    assert widths[0] >= 1


@unhurried
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=200), st.integers(1, 20), st.integers(1, 50))
def test_equal_parts_hold_all_and_enough_of_them(times: list[float], most: int, least: int) -> None:
    ordered = np.sort(np.array(times))

    edges = figures.equal_parts(ordered, most, least)

    counts = np.histogram(ordered, edges)[0]
    assert counts.sum() == len(times)
    assert len(counts) <= most
    if len(set(times)) == len(times) >= least:
        assert counts.min() >= least


def test_shares_are_of_all_requests_of_a_bin_and_unknown_without_any() -> None:
    seen = figures.asked([answer(0), answer(0.5, "enhanced"), answer(0.6), answer(0.7, "", NO_ANSWER), answer(2.5)])

    shares = figures.shares(seen, ("baseline", "enhanced"), START + np.array([0.0, 1.0, 2.0, 3.0]))

    np.testing.assert_array_equal(shares, [[0.5, np.nan, 1.0], [0.25, np.nan, 0.0], [0.25, np.nan, 0.0]])


def test_an_arm_has_the_figures_that_were_counted_by_hand() -> None:
    answers = [answer(n, seconds=n / 1000) for n in range(1, 101)]
    answers += [answer(1, code=503, seconds=9.0), answer(2, code=400, seconds=0.0001, is_garbage=True)]
    answers += [answer(3, "enhanced"), answer(4, "", NO_ANSWER, 30.0)]
    outcomes = [outcome(1, profit=1), outcome(2, profit=2), outcome(3, profit=6, correct=False), outcome(4, "enhanced")]

    mine = figures.of_arm(figures.asked(answers), figures.told(outcomes), "baseline")

    assert (mine.requests, mine.failed, mine.labelled) == (102, 1, 3)
    assert mine.share == pytest.approx(102 / 103)
    assert (mine.p50, mine.p95, mine.p99) == pytest.approx((50.5, 95.05, 99.01))
    assert mine.accuracy == pytest.approx(2 / 3)
    assert (mine.profit_mean, mine.profit_sum) == (3.0, 9.0)
    assert mine.profit_error == pytest.approx(math.sqrt(7 / 3))


def test_what_is_not_known_of_an_arm_is_no_number() -> None:
    mine = figures.of_arm(figures.asked([answer(0, code=500)]), figures.told([]), "baseline")

    assert (mine.requests, mine.failed, mine.labelled, mine.profit_sum) == (1, 1, 0, 0.0)
    assert all(map(math.isnan, (mine.p50, mine.p95, mine.p99, mine.accuracy, mine.profit_mean, mine.profit_error)))
    assert (mine.accuracy_low, mine.accuracy_high) == (0.0, 1.0)


def test_the_error_of_a_mean_of_one_value_is_not_known() -> None:
    mean, error = figures.mean_and_error(np.array([4.0]))

    assert mean == 4.0
    assert math.isnan(error)


def test_profit_so_far_is_the_sum_with_the_error_of_a_sum() -> None:
    rng = np.random.default_rng(3)
    profits = 1e6 + rng.normal(0, 2, 50)  # far from 0, where squares lose their digits
    told = figures.told([outcome(n, profit=float(profit)) for n, profit in enumerate(profits)])

    total, error = figures.profit_over_time(told, "baseline", START + np.array([0.0, 0.5, 9.5, 100.0]))

    assert total == pytest.approx([0.0, profits[0], profits[:10].sum(), profits.sum()])
    by_hand = [profits[:n].std(ddof=1) * math.sqrt(n) for n in (10, 50)]
    assert error == pytest.approx([0.0, 0.0, *by_hand], rel=1e-6)


def test_a_change_is_seen_in_the_accuracy_over_time_whatever_the_order_of_the_labels() -> None:
    told = figures.told([outcome(n, correct=n < 50) for n in reversed(range(100))] + [outcome(7, "enhanced")])

    correct, labelled = figures.accuracy_over_time(told, "baseline", START + np.array([0.0, 50.0, 100.0]))

    assert (correct.tolist(), labelled.tolist()) == ([50, 0], [50, 50])


def test_regimes_come_in_the_markets_order_and_every_label_with_one_is_counted_once() -> None:
    labels = [("volatile", "baseline", True), ("bull", "enhanced", False), ("bull", "enhanced", True)]
    labels += [("drought", "baseline", True), ("", "baseline", True)]
    told = figures.told([outcome(0, arm, regime=regime, correct=correct) for regime, arm, correct in labels])

    correct, labelled = figures.accuracy_by_regime(told, ("baseline", "enhanced"), figures.regimes(told))

    assert figures.regimes(told) == ("bull", "volatile", "drought")
    assert labelled.tolist() == [[0, 1, 1], [2, 0, 0]]
    assert correct.tolist() == [[0, 1, 1], [1, 0, 0]]


def labels(arm: str, regime: str, correct: int, of: int) -> list[Outcome]:
    return [outcome(n, arm, correct=n < correct, regime=regime) for n in range(of)]


def test_an_arm_that_met_harder_times_is_compared_at_the_same_mix_of_regimes() -> None:
    easy = labels("baseline", "bull", 630, 900) + labels("enhanced", "bull", 72, 100)
    hard = labels("baseline", "volatile", 50, 100) + labels("enhanced", "volatile", 468, 900)
    few = labels("baseline", "bear", 0, 5) + labels("new", "bull", 3, 3)
    arms = ("baseline", "enhanced", "new")

    told = figures.told(easy + hard + few)

    seen = [figures.of_arm(figures.asked([]), told, arm).accuracy for arm in arms]
    assert seen[0] > seen[1]  # although the enhanced is better in each regime
    np.testing.assert_allclose(figures.accuracy_at_same_mix(told, arms), [0.6, 0.62, np.nan])


def test_nothing_is_known_of_the_same_mix_when_arms_never_met_the_same() -> None:
    told = figures.told(labels("baseline", "bull", 30, 50) + labels("enhanced", "bear", 30, 50))

    assert np.isnan(figures.accuracy_at_same_mix(told, ("baseline", "enhanced"))).all()
    assert np.isnan(figures.accuracy_at_same_mix(figures.told([outcome(0)]), ("baseline",))).all()


def test_climates_are_the_stretches_that_most_requests_met() -> None:
    met = ["calm"] * 20 + ["crash"] * 20
    met[5] = "crash"  # one asset is ahead
    seen = figures.asked([answer(n / 2, climate=climate) for n, climate in enumerate(met)] + [answer(40)])

    spans = figures.climates(seen, START + np.arange(0.0, 46.0, 5.0))

    assert spans == [(START, START + 10, "calm"), (START + 10, START + 20, "crash")]


def test_profits_have_a_unit_when_they_come_from_the_market() -> None:
    assert figures.profit_unit(figures.told([outcome(0), outcome(1, regime="bear")])) == "basis points"
    assert figures.profit_unit(figures.told([outcome(0)])) == "in the labels' own unit"


def test_nothing_has_no_figures() -> None:
    nothing, untold = figures.asked([]), figures.told([])

    assert figures.arms(nothing, untold) == ()
    assert figures.regimes(untold) == ()
    assert figures.climates(nothing, figures.edges(0.0, 0.0)) == []
    assert np.isnan(figures.shares(nothing, (), figures.edges(0.0, 0.0))).all()
