"""Rates and medians of runs, and targets as yes or no."""

from math import inf, isinf

import numpy as np
import pytest
from modelrollout.simulate import summary, targets
from modelrollout.simulate.summary import Rate


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert Rate(81, 263).wilson() == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Rate(0, 20).wilson() == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_points_count_those_who_never_got_there_as_the_slowest() -> None:
    found = summary.delay(np.array([3.0, 1.0, 2.0, inf, inf]))

    assert found.median == 3.0
    assert isinf(found.ninety)
    assert found.reached == Rate(3, 5)


def test_delays_after_an_onset_leave_out_who_fell_before() -> None:
    assert summary.after(np.array([700.0, 730.0, inf]), 720.0).tolist() == [10.0, inf]


def test_an_excess_that_could_be_chance_does_not_break_validity() -> None:
    lucky, broken = (np.array([1.0] * hits + [inf] * (1000 - hits)) for hits in (60, 80))

    assert targets.valid("x", lucky).is_met
    assert not targets.valid("x", broken).is_met


def test_speed_needs_median_and_ninety_percent() -> None:
    times = np.arange(1.0, 101.0)

    assert targets.fast("x", times, 33.0).is_met
    assert not targets.fast("x", times, 32.0).is_met  # 1.5 T80 + 1 = 49 minutes
    assert not targets.fast("x", np.concatenate([times[:80], times[80:] * 2]), 40.0).is_met  # 90 % at 180, not 121
    assert not targets.fast("x", np.full(10, inf), 40.0).is_met


def test_late_harm_may_take_three_times_as_long() -> None:
    fresh = np.array([10.0, 10.0, 10.0])

    assert targets.soon_after_onset("x", np.array([30.0]), fresh).is_met
    assert not targets.soon_after_onset("x", np.array([30.5]), fresh).is_met


def test_near_is_within_a_part_of_what_was_expected() -> None:
    assert targets.near("x", 11.4, 10.0, 0.15).is_met
    assert not targets.near("x", 11.6, 10.0, 0.15).is_met
    assert not targets.near("x", inf, 10.0, 0.15).is_met
