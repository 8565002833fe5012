"""Times to a verdict and rates of wrong verdicts, simulated: a day of looks every 30 s, alpha 5 %."""

import numpy as np
import pytest
from judge_worlds import DAY, World, play, wilson_lower
from modelrollout.judge import rules

ALPHA = 0.05
RULE = rules.error_ratio("errors", margin=1.5, floor=0.005)
ALONE = rules.error_ratio("errors", margin=1.5, floor=0)


@pytest.mark.parametrize(
    ("world", "minutes"),
    [
        pytest.param(World(10, 0.05, 0, 0), 32.5, id="no errors, 10 req/s at 5 %"),
        pytest.param(World(100, 0.05, 0, 0), 3.5, id="no errors, 100 req/s at 5 %"),
        pytest.param(World(10, 0.25, 0, 0), 6.5, id="no errors, 10 req/s at 25 %"),
        pytest.param(World(200, 0.5, 0, 0), 0.5, id="no errors, 200 req/s at 50 %"),
        pytest.param(World(10, 0.05, 0.0005, 0.0005), 33.5, id="0.05 % errors, 10 req/s at 5 %"),
        pytest.param(World(10, 0.05, 0.001, 0.001), 48.5, id="0.1 % errors, 10 req/s at 5 %"),
        pytest.param(World(10, 0.05, 0.01, 0.01), 142, id="1 % errors, 10 req/s at 5 %"),
    ],
)
def test_a_healthy_candidate_passes_in_the_expected_time(world: World, minutes: float) -> None:
    outcome = play(RULE, world, looks=int(minutes * 5), runs=400, seed=7)

    assert _median(outcome.pass_minutes) == pytest.approx(minutes, rel=0.15)


def test_without_a_floor_a_candidate_without_errors_never_passes() -> None:
    outcome = play(ALONE, World(100, 0.05, 0, 0), looks=480, runs=50, seed=7)

    assert np.isnan(outcome.pass_minutes).all()


@pytest.mark.parametrize(
    ("world", "minutes"),
    [
        pytest.param(World(10, 0.05, 0.02, 0.01), 36, id="10 req/s"),
        pytest.param(World(100, 0.05, 0.02, 0.01), 4, id="100 req/s"),
    ],
)
def test_doubled_errors_fail_in_the_expected_time(world: World, minutes: float) -> None:
    outcome = play(RULE, world, looks=int(minutes * 8), runs=400, seed=8)

    assert _median(outcome.fail_minutes) == pytest.approx(minutes, rel=0.15)


def test_a_candidate_that_only_errs_fails_at_the_first_look() -> None:
    outcome = play(RULE, World(10, 0.05, 1, 0.01), looks=4, runs=200, seed=9)

    assert np.quantile(outcome.fail_minutes, 0.99) == 0.5


@pytest.mark.parametrize("per_second", [10, 100])
def test_an_identical_candidate_is_failed_at_most_at_alpha_over_a_day(per_second: float) -> None:
    outcome = play(RULE, World(per_second, 0.05, 0.01, 0.01), DAY, runs=400, seed=10)

    assert _seen(outcome.fail_minutes) <= ALPHA


@pytest.mark.parametrize("per_second", [10, 100])
def test_the_corner_of_margin_and_floor_is_passed_at_most_at_alpha_over_a_day(per_second: float) -> None:
    outcome = play(RULE, World(per_second, 0.05, 0.005, 0.005 / 1.5), DAY, runs=400, seed=11)

    assert _seen(outcome.pass_minutes) <= ALPHA


def test_a_candidate_ten_times_worse_but_below_the_floor_is_failed_at_most_at_alpha() -> None:
    outcome = play(RULE, World(100, 0.05, 0.005, 0.0005), DAY // 4, runs=400, seed=12)

    assert _seen(outcome.fail_minutes) <= ALPHA


def _median(minutes: np.ndarray) -> float:
    return float(np.median(np.nan_to_num(minutes, nan=np.inf)))


def _seen(minutes: np.ndarray) -> float:
    """The least true share that is compatible with what was seen."""
    return wilson_lower(int(np.sum(~np.isnan(minutes))), len(minutes))
