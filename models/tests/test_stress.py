"""Stress sets: what a model is worth where it may fail."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from rolloutmodels import climates, market, stress
from rolloutmodels.climates import Regime
from rolloutmodels.features import NAMES

LAW = market.law()
SEED, SAMPLES = 41, 4_096

Windows = NDArray[np.float32]
Probabilities = NDArray[np.float64]


def _rise(windows: Windows) -> Probabilities:
    return np.ones((len(windows), 1))


def _fall(windows: Windows) -> Probabilities:
    return np.zeros((len(windows), 1))


def _signal(windows: Windows) -> Probabilities:
    """An honest model written by hand: it knows the law's products and nothing of regimes."""
    factors = windows[:, :, NAMES.index("factor_01") :]
    total = np.zeros(len(windows))
    for first, lag, second, other_lag, sign in LAW.pairs:
        total += sign * (factors[:, -1 - lag, first] * factors[:, -1 - other_lag, second]).clip(-2, 2)
    return 1.0 / (1.0 + np.exp(-total))


def test_each_set_is_named_once_and_says_what_it_is() -> None:
    assert [kind.name for kind in stress.SETS] == ["calm", "volatile", "crash", "sector-winter", "transaction-costs"]
    assert all(kind.definition.endswith(".") for kind in stress.SETS)
    assert {kind.name: kind.cost for kind in stress.SETS if kind.cost} == {"transaction-costs": 10.0}


def test_a_model_is_examined_on_the_windows_of_each_climate() -> None:
    results = stress.examine(_signal, LAW, SEED, SAMPLES)

    for kind in stress.SETS:
        sample = market.sample(LAW, SEED, SAMPLES, kind.climate)
        rises = _signal(sample.features) > 0.5
        accuracy = (rises == (sample.labels == 1)).mean()
        earned = np.where(rises, 1, -1) * sample.returns * 10_000 - kind.cost
        result = results[kind.name]
        assert result.accuracy == pytest.approx(accuracy)
        assert result.standard_error == pytest.approx(math.sqrt(accuracy * (1 - accuracy) / SAMPLES))
        assert result.bayes_accuracy == pytest.approx(sample.bayes_accuracy)
        assert result.profit_mean == pytest.approx(earned.mean())
        assert result.profit_standard_error == pytest.approx(earned.std() / math.sqrt(SAMPLES))
    assert list(results) == [kind.name for kind in stress.SETS]


def test_a_model_that_knows_the_products_is_good_everywhere_and_worse_in_volatile_times() -> None:
    results = stress.examine(_signal, LAW, SEED, SAMPLES)

    assert all(0.6 < result.accuracy < result.bayes_accuracy for result in results.values())
    assert results["calm"].accuracy - results["volatile"].accuracy > 0.04


def test_betting_on_rises_loses_in_a_crash_what_betting_on_falls_earns() -> None:
    bulls, bears = (stress.examine(side, LAW, SEED, SAMPLES)["crash"] for side in (_rise, _fall))

    assert bulls.accuracy < 0.45 < 0.55 < bears.accuracy
    assert bulls.accuracy + bears.accuracy == pytest.approx(1.0)
    assert bulls.profit_mean == pytest.approx(-bears.profit_mean)
    assert bears.profit_mean > 4 * bears.profit_standard_error


def test_costs_are_paid_by_every_prediction() -> None:
    paid = [stress.examine(side, LAW, SEED, SAMPLES)["transaction-costs"].profit_mean for side in (_rise, _fall)]

    assert sum(paid) == pytest.approx(-20.0)


def test_large_sets_are_answered_in_parts_of_one_order() -> None:
    asked: list[int] = []

    def counting(windows: Windows) -> Probabilities:
        asked.append(len(windows))
        return _signal(windows)

    parts = stress.examine(counting, LAW, SEED, 5_000)

    assert asked == [2_048, 2_048, 904] * len(stress.SETS)
    accuracy = (_signal(market.sample(LAW, SEED, 5_000).features) > 0.5) == (
        market.sample(LAW, SEED, 5_000).labels == 1
    )
    assert parts["transaction-costs"].accuracy == pytest.approx(accuracy.mean())


def test_accuracy_is_told_apart_by_regime() -> None:
    sample = market.sample(LAW, SEED, SAMPLES)

    scores = stress.by_regime(_rise(sample.features), sample)

    assert list(scores) == ["bull", "bear", "sideways", "volatile"]
    for name, score in scores.items():
        ruled = sample.labels[sample.regimes == Regime[name.upper()]]
        assert score.accuracy == pytest.approx(ruled.mean())
        assert score.standard_error == pytest.approx(ruled.std() / math.sqrt(len(ruled)))
    assert scores["bull"].accuracy > scores["bear"].accuracy + 0.08


def test_a_regime_that_was_not_met_has_no_accuracy() -> None:
    sample = market.sample(LAW, SEED, 512, climates.WINTER)

    assert list(stress.by_regime(_fall(sample.features), sample)) == ["bear"]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (np.full(3, 0.5), "There are 3 answers to 4 windows; give one probability for each."),
        (np.array([0.5, 0.5, 1.5, 0.5]), "1.5 is no probability; a model must answer with numbers from 0 to 1."),
        (np.array([0.5, -0.1, 0.5, 0.5]), "-0.1 is no probability; a model must answer with numbers from 0 to 1."),
        (np.array([0.5, 0.5, 0.5, np.nan]), "nan is no probability; a model must answer with numbers from 0 to 1."),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(answers: Probabilities, sentence: str) -> None:
    with pytest.raises(ValueError, match="probability") as from_sample:
        stress.by_regime(answers, market.sample(LAW, SEED, 4))
    with pytest.raises(ValueError, match="probability") as from_sets:
        stress.examine(lambda _: answers, LAW, SEED, 4)

    assert str(from_sample.value) == str(from_sets.value) == sentence
