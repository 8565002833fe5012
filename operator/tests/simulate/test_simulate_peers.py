"""The rules of other tools, by hand and against scipy."""

import numpy as np
import pytest
from modelrollout.simulate import oracle, peers, ranks
from modelrollout.simulate.looks import Arm
from modelrollout.simulate.qualities import Errors, Latency
from scipy.stats import mannwhitneyu
from simulated import arm, look, world

T80 = {
    "errors doubled, 1 req/s": (1.0, 0.01, 0.02, 283.0),
    "errors doubled, 100 req/s": (100.0, 0.01, 0.02, 2.83),
    "accuracy 90 to 88 %, 10 req/s": (10.0, 0.10, 0.12, 51.8),
}


def test_the_fourth_bad_look_aborts_argo_style_and_a_good_one_takes_none_back() -> None:
    player = peers.argo_style("quality", 0.015).start(world(), 1)

    said = []
    for number in range(1, 31):
        bad = 30 if number in (1, 21) else 0  # each stays in the window of ten looks until it leaves it
        said.append(bool(player.advance(look(number, arm([100.0], [bad]))).failed[0]))

    assert said.index(True) == 3
    assert all(said[3:])


def test_an_empty_window_decides_nothing() -> None:
    player = peers.argo_style("quality", 0.015).start(world(), 1)

    assert not any(player.advance(look(number, arm([0.0], [0.0]))).failed[0] for number in range(1, 20))


def test_flagger_style_rolls_back_at_the_look_after_its_tenth_failure() -> None:
    player = peers.flagger_style("quality", 0.015).start(world(), 1)

    said = [bool(player.advance(look(number, arm([100.0], [5.0]))).failed[0]) for number in range(1, 13)]

    assert said.index(True) == 10


def test_the_z_test_is_the_pooled_two_proportion_one() -> None:
    player = peers.PeekingZ("quality").start(world(), 2)

    said = player.advance(look(1, arm([100.0, 100.0], [5.0, 4.0]), arm([1900.0, 1900.0], [38.0, 38.0])))

    # 43 of 2000: z = 0.03 / sqrt(.0215 * .9785 / 95) = 2.02; 42 of 2000: z = 1.37
    assert said.failed.tolist() == [True, False]


def test_any_of_several_rules_ends_the_rollout() -> None:
    both = peers.AnyOf(
        "x", (peers.FixedLimit("a", "quality", 0.5, 30, 1), peers.FixedLimit("b", "quality", 0.1, 30, 1))
    )

    said = both.start(world(), 2).advance(look(1, arm([10.0, 10.0], [2.0, 1.0])))

    assert said.failed.tolist() == [True, False]


def test_a_quantile_is_read_from_buckets_as_prometheus_does() -> None:
    edges = np.array([100.0, 250.0, 500.0])
    beyond = np.array([[50.0, 4.0, 0.0], [100.0, 100.0, 100.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    total = np.array([100.0, 100.0, 100.0, 0.0])

    read = peers.histogram_quantile(Arm(total, beyond, beyond), edges, 0.95)

    # 50 at 100 ms, 46 in the next bucket: 100 + 150 * 45 / 46; beyond the last edge: that edge; the first: from 0.
    assert read[:3] == pytest.approx([100 + 150 * 45 / 46, 500.0, 95.0])
    assert np.isnan(read[3])


def test_the_fixed_limit_for_p95_lies_halfway_between_what_both_candidates_read() -> None:
    quality = Latency()
    good, bad = (
        peers.histogram_quantile(
            Arm(np.array([1.0]), quality.beyond(factor)[None], quality.beyond(factor)[None]),
            np.array(quality.edges_ms),
            0.95,
        )[0]
        for factor in (1.0, 1.2)
    )

    assert (good + bad) / 2 == pytest.approx(285.6, abs=0.5)


def test_the_u_test_agrees_with_scipy_with_ties_and_missing_minutes() -> None:
    rng = np.random.default_rng(4)
    candidate, baseline = rng.poisson(3.4, (300, 40)).astype(float), rng.poisson(3.0, (300, 60)).astype(float)
    candidate[:, 35:] = np.nan

    said = ranks.is_larger(candidate, baseline)

    exact = mannwhitneyu(candidate[:, :35], baseline, alternative="greater", method="asymptotic", axis=1).pvalue <= 0.05
    assert said.tolist() == exact.tolist()
    assert 0 < said.mean() < 1


def test_the_shift_interval_is_the_order_statistic_of_all_differences() -> None:
    rng = np.random.default_rng(5)
    candidate, baseline = rng.normal(1.0, 1.0, (50, 30)), rng.normal(0.0, 1.0, (50, 40))
    candidate[::2, 28:] = np.nan

    said = ranks.shift_is_clear(candidate, baseline)

    for one, c, b in zip(said, candidate, baseline, strict=True):
        c = c[~np.isnan(c)]
        shifts = np.sort((c[:, None] - b[None, :]).ravel())
        place = int(len(shifts) / 2 - 2.3263 * np.sqrt(len(c) * len(b) * (len(c) + len(b) + 1) / 12))
        assert one == (shifts[place] > 0.25 * abs(np.median(shifts)))
    assert 0 < said.mean() < 1


def test_too_few_minutes_are_never_clear() -> None:
    assert not ranks.shift_is_clear(np.full((1, 4), 9.0), np.full((1, 4), 0.0)).any()


def test_kayenta_judges_from_the_thirtieth_minute_and_every_hour_from_the_sixtieth() -> None:
    rng = np.random.default_rng(6)
    minutes = {every: ranks.kayenta("quality", every).start(world(), 1) for every in (1, 60)}
    fired = dict.fromkeys(minutes, 0.0)
    for number in range(1, 181):
        shown = look(number, arm([1000.0], [rng.poisson(200)]), arm([1000.0], [rng.poisson(10)]))
        for every, player in minutes.items():
            if player.advance(shown).failed[0] and not fired[every]:
                fired[every] = number / 2

    assert fired == {1: 30.0, 60: 60.0}


@pytest.mark.parametrize(("per_second", "baseline", "candidate", "expected"), T80.values(), ids=T80)
def test_the_oracle_needs_what_the_textbook_says(
    per_second: float, baseline: float, candidate: float, expected: float
) -> None:
    assert oracle.t80_minutes(per_second, 0.05, baseline, candidate) == pytest.approx(expected, rel=0.002)


def test_what_is_measured_of_errors_is_their_share() -> None:
    assert peers.measured(Errors(0.1), arm([10.0, 0.0], [3.0, 0.0]))[0] == pytest.approx(0.3)
    assert np.isnan(peers.measured(Errors(0.1), arm([0.0], [0.0]))).all()
