"""The synthetic market: repeatable, of sound scale, and honest about what can be known."""

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from rolloutmodels import climates, indicators, market
from rolloutmodels.climates import CALM, VOLATILE, Climate, Regime
from rolloutmodels.contract import FEATURES, STEPS
from rolloutmodels.features import NAMES

LAW = market.law()


@pytest.fixture(scope="module")
def sample() -> market.Sample:
    return market.sample(LAW, seed=77, samples=16_384)


def test_a_seed_decides_every_number() -> None:
    first, again, other = (market.sample(LAW, seed, 100) for seed in (1, 1, 2))

    assert np.array_equal(first.features, again.features)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.features, other.features)


def test_the_law_of_the_market_is_the_same_every_time() -> None:
    assert market.law() == LAW
    assert market.law(seed=1) != LAW
    assert (len(LAW.pairs), len(LAW.lines)) == (40, 4)


def test_the_law_is_the_one_the_models_have_learned() -> None:
    """Whoever changes these figures has to train all models again."""
    weights = (LAW.pair_weight, LAW.line_weight, LAW.flow_weight, LAW.drift_weight)
    best = {name: market.sample(LAW, 1, 16_384, it).bayes_accuracy for name, it in climates.CLIMATES.items()}

    assert weights == (0.20, 0.10, 0.20, 0.18)
    assert (LAW.pairs[0], LAW.pairs[-1], LAW.lines[0]) == ((10, 0, 0, 3, -1), (11, 4, 2, 3, 1), (8, 4, -1))
    assert best == pytest.approx(
        {"usual": 0.745, "calm": 0.758, "volatile": 0.68, "crash": 0.726, "winter": 0.734}, abs=0.005
    )


def test_windows_have_the_shape_and_type_the_models_take(sample: market.Sample) -> None:
    assert sample.features.shape == (16_384, STEPS, FEATURES)
    assert sample.features.dtype == np.float32
    assert set(np.unique(sample.labels)) == {0.0, 1.0}


def test_every_feature_is_finite_and_about_unit_size(sample: market.Sample) -> None:
    spread = sample.features.std(axis=(0, 1))

    assert np.isfinite(sample.features).all()
    assert spread.min() > 0.1
    assert spread.max() < 2.0
    assert np.abs(sample.features.mean(axis=(0, 1))).max() < 2.0


def test_who_knows_the_edge_reaches_the_bayes_accuracy(sample: market.Sample) -> None:
    reached = ((sample.edges > 0) == (sample.labels == 1.0)).mean()

    assert abs(reached - sample.bayes_accuracy) < 4 * _standard_error(reached, len(sample))


@pytest.mark.parametrize("climate", climates.CLIMATES.values(), ids=climates.CLIMATES)
def test_the_bayes_accuracy_is_known_in_every_climate(climate: Climate) -> None:
    sample = market.sample(LAW, seed=5, samples=16_384, climate=climate)
    reached = ((sample.edges > 0) == (sample.labels == 1.0)).mean()

    assert abs(reached - sample.bayes_accuracy) < 4 * _standard_error(reached, len(sample))


def test_the_label_says_whether_the_return_after_the_window_was_positive(sample: market.Sample) -> None:
    np.testing.assert_array_equal(sample.labels == 1.0, sample.returns > 0)


def test_the_return_after_a_window_is_seen_in_the_asset_s_next_window(sample: market.Sample) -> None:
    """Windows of all assets at one step come before those at the next; 16,384 windows are of 256 assets."""
    seen = sample.features[256:, -1, NAMES.index("return_1")] * indicators.TYPICAL

    np.testing.assert_allclose(seen, sample.returns[:-256], rtol=1e-5)


def test_a_few_windows_are_of_as_many_assets() -> None:
    few = market.sample(LAW, seed=6, samples=32)

    assert len(np.unique(few.features[:, 0, -1])) == 32


def test_no_feature_tells_more_about_the_label_than_the_edge_does(sample: market.Sample) -> None:
    """Given the edge, what is left of the label is noise; a feature that knows it has seen the future."""
    chance = _normal_cdf(sample.edges)
    noise = (sample.labels - chance) / np.sqrt(chance * (1 - chance)).mean()
    last = sample.features[:, -1]
    shown = (last - last.mean(axis=0)) / last.std(axis=0)

    correlations = shown.T @ noise / len(sample)

    assert np.abs(correlations).max() < 5 / np.sqrt(len(sample))


def _edges(sample: market.Sample, climate: Climate) -> NDArray[np.float64]:
    """The edges told a second time, window by window, from what a model sees and the regime it does not."""
    windows = sample.features.astype(float)
    factors, flow = windows[:, :, NAMES.index("factor_01") :], windows[:, -1, NAMES.index("order_flow_imbalance")]
    trend, rise = sample.regimes <= Regime.BEAR, sample.regimes == Regime.BULL
    signal = LAW.flow_weight * np.where(trend, flow, -flow)
    for first, lag, second, other_lag, sign in LAW.pairs:
        product = factors[:, -1 - lag, first] * factors[:, -1 - other_lag, second]
        signal = signal + LAW.pair_weight * sign * product.clip(-2, 2)
    for factor, lag, sign in LAW.lines:
        signal = signal + LAW.line_weight * sign * factors[:, -1 - lag, factor]
    clarity = climate.clarity * np.where(sample.regimes == Regime.VOLATILE, 0.6, 1.0)
    return clarity * signal + climate.drift + LAW.drift_weight * np.where(trend, np.where(rise, 1, -1), 0)


@pytest.mark.parametrize("climate", [climates.USUAL, climates.CRASH, climates.WINTER], ids=lambda it: it.name)
def test_the_edge_follows_from_the_window_and_the_regime(climate: Climate) -> None:
    sample = market.sample(LAW, seed=8, samples=2_048, climate=climate)

    np.testing.assert_allclose(_edges(sample, climate), sample.edges, atol=1e-4)


@pytest.mark.parametrize("climate", climates.CLIMATES.values(), ids=climates.CLIMATES)
def test_regimes_rule_for_the_climate_s_shares_of_time(climate: Climate) -> None:
    """An asset keeps its regime for long, so its 64 windows say hardly more than two: hence the wide margin."""
    regimes = market.sample(LAW, seed=9, samples=32_768, climate=climate).regimes

    shares = np.bincount(regimes, minlength=4) / len(regimes)

    np.testing.assert_allclose(shares, climate.shares, atol=0.05)


def test_a_regime_lasts(sample: market.Sample) -> None:
    kept = (sample.regimes[256:] == sample.regimes[:-256]).mean()

    assert kept > 0.9


def test_volatile_times_move_prices_most_and_sideways_ones_least(sample: market.Sample) -> None:
    moves = {regime: np.abs(sample.returns[sample.regimes == regime]).mean() for regime in Regime}

    assert moves[Regime.SIDEWAYS] < moves[Regime.BULL] < moves[Regime.BEAR] < moves[Regime.VOLATILE]


def test_past_volatility_hints_at_the_regime(sample: market.Sample) -> None:
    seen = sample.features[:, -1, NAMES.index("volatility_10")]

    assert seen[sample.regimes == Regime.VOLATILE].mean() > 1.5 * seen[sample.regimes != Regime.VOLATILE].mean()


@pytest.mark.parametrize(
    ("climate", "rises"),
    [(climates.USUAL, (0.47, 0.53)), (climates.CRASH, (0.35, 0.45)), (climates.WINTER, (0.35, 0.45))],
    ids=lambda it: getattr(it, "name", ""),
)
def test_a_falling_market_falls(climate: Climate, rises: tuple[float, float]) -> None:
    low, high = rises

    assert low < market.sample(LAW, seed=10, samples=16_384, climate=climate).labels.mean() < high


def test_volatile_times_are_harder_to_foretell_than_calm_ones() -> None:
    calm, volatile = (market.sample(LAW, 11, 8_192, climate).bayes_accuracy for climate in (CALM, VOLATILE))

    assert calm - volatile > 0.06


def test_a_market_without_edge_cannot_be_foretold() -> None:
    blind = dataclasses.replace(LAW, pair_weight=0.0, line_weight=0.0, flow_weight=0.0, drift_weight=0.0)

    assert market.sample(blind, seed=3, samples=64).bayes_accuracy == 0.5


def test_asking_for_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^samples is 0; ask for at least 1\.$"):
        market.sample(LAW, seed=1, samples=0)


def _normal_cdf(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([NormalDist().cdf(value) for value in values])


def _standard_error(share: float, samples: int) -> float:
    return float(np.sqrt(share * (1 - share) / samples))
