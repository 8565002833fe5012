"""The golden values: if one moves, a formula has changed."""

import numpy as np
import pytest
from modelrollout.judge import evidence, guardrails, priors, proportions, ratios, restarts, rules, split
from modelrollout.judge.arrays import Floats


def test_ratio_increment_is_the_golden_value() -> None:
    gain = ratios.log_increments(_a(3), _a(75), _a(14), _a(1425), null=_a(1), grid=_a(1.5))

    assert gain.item() == pytest.approx(0.796621, abs=1e-6)


def test_proportion_increment_is_the_golden_value() -> None:
    gain = proportions.log_increments(_a(25), _a(1000), null=_a(0.015), grid=_a(0.02))

    assert gain.item() == pytest.approx(2.230209, abs=1e-6)


def test_prior_grid_begins_with_the_golden_values() -> None:
    grid = priors.prior_grid(1, 1.5, 20)

    assert grid[:4] == pytest.approx([1.5, 1.1067, 1.3608, 1.6734], abs=5e-5)
    assert (len(grid), grid[-1]) == (16, pytest.approx(20))
    assert priors.WEIGHTS.sum() == pytest.approx(1)


def test_restart_weights_are_the_golden_values() -> None:
    schedule = restarts.Schedule(planned_looks=2880, stages=1)

    assert schedule.gamma(1, stage_start=1) == pytest.approx(0.750087, abs=1e-6)
    assert schedule.gamma(2) == pytest.approx(8.6806e-5, abs=1e-9)


def test_mixture_over_three_looks_is_the_golden_sequence() -> None:
    rule = rules.error_ratio("errors", margin=1.5, floor=0)
    schedule = restarts.Schedule(2880, 1)
    state = guardrails.start(rule)
    seen = []

    for look, (n_c, s_c, n_b, s_b) in enumerate([(75, 1, 1425, 13), (80, 2, 1400, 14), (70, 3, 1450, 15)], start=1):
        gamma = schedule.gamma(look, 1 if look == 1 else 0)
        state = guardrails.advance(rule, state, evidence.counts(n_c, s_c, n_b, s_b), gamma, gamma)
        seen.append(guardrails.read(rule, state).log_e_fail.item())

    assert seen == pytest.approx([-0.181032, 0.097450, 0.947110], abs=1e-6)


def test_sample_ratio_values_are_the_golden_values() -> None:
    values = split.log_e([[60, 940], [700, 9300]], [0.05, 0.95])

    assert values == pytest.approx([0.117981, 33.196478], abs=1e-6)


def _a(value: float) -> Floats:
    return np.array([[float(value)]])
