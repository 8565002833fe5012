"""Choosing among several candidates keeps its promise however they depend on each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_worlds import steady
from modelrollout.judge import multiple

log_es = st.lists(st.floats(-5, 12), min_size=1, max_size=8)


@steady
@given(log_e=log_es, alpha=st.floats(0.001, 0.5))
def test_e_bh_accepts_the_largest_set_whose_every_member_is_good_enough_for_its_size(
    log_e: list[float], alpha: float
) -> None:
    best: set[int] = set()
    for k in range(1, len(log_e) + 1):
        enough = {i for i, one in enumerate(log_e) if one >= np.log(len(log_e) / (k * alpha)) - 1e-12}
        best = enough if len(enough) >= k else best

    accepted = multiple.e_bh(log_e, alpha)

    assert set(np.flatnonzero(accepted).tolist()) == best


def test_e_bh_accepts_more_together_than_each_alone() -> None:
    log_e = np.log([25.0, 25.0, 1.0])

    assert multiple.e_bh(log_e, 0.05).tolist() == [False, False, False]
    assert multiple.e_bh(np.log([31.0, 31.0, 1.0]), 0.05).tolist() == [True, True, False]
    assert multiple.winner(np.log([31.0, 31.0, 1.0]), 0.05) == -1


def test_one_candidate_alone_needs_no_more_than_its_own_bound() -> None:
    assert multiple.e_bh([np.log(20.1)], 0.05).tolist() == [True]
    assert multiple.winner([np.log(20.1)], 0.05) == 0
    assert multiple.winner([np.log(19.9)], 0.05) == -1


def test_winner_is_the_best_of_each_run_and_the_first_of_equals() -> None:
    log_e = [[5.0, 6.0, 1.0], [5.0, 5.0, 0.0], [1.0, 1.0, 1.0]]

    assert multiple.winner(log_e, 0.05).tolist() == [1, 0, -1]


def test_bad_candidates_with_a_common_baseline_are_rarely_accepted_or_promoted() -> None:
    rng = np.random.default_rng(107)
    runs, candidates, alpha = 20_000, 5, 0.1
    shared, own = rng.normal(size=(runs, 1)), rng.normal(size=(runs, candidates))
    z = np.sqrt(0.7) * shared + np.sqrt(0.3) * own
    z[:, :2] += 3.0  # two good ones
    log_e = 2.5 * z - 2.5**2 / 2  # mean of E is 1 for the bad ones

    accepted, promoted = multiple.e_bh(log_e, alpha), multiple.winner(log_e, alpha)

    false_part = accepted[:, 2:].sum(axis=1) / np.maximum(accepted.sum(axis=1), 1)
    assert false_part.mean() <= alpha
    assert (promoted >= 2).mean() <= alpha
    assert accepted[:, :2].mean() > 0.5


@pytest.mark.parametrize("log_e", [[], [np.nan, 3.0], 3.0], ids=["none", "nan", "no list"])
def test_values_that_are_no_evidence_are_refused(log_e: list[float]) -> None:
    for choose in (multiple.e_bh, multiple.winner):
        with pytest.raises(ValueError, match="ln E"):
            choose(log_e, 0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0, np.nan])
def test_an_alpha_that_is_no_probability_is_refused(alpha: float) -> None:
    for choose in (multiple.e_bh, multiple.winner):
        with pytest.raises(ValueError, match="alpha"):
            choose([1.0], alpha)
