"""The synthetic market: repeatable, of sound scale, and honest about what can be known."""

import dataclasses

import numpy as np
import pytest
from rolloutmodels import market
from rolloutmodels.contract import FEATURES, STEPS

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

    standard_error = np.sqrt(reached * (1 - reached) / len(sample))
    assert abs(reached - sample.bayes_accuracy) < 4 * standard_error


def test_no_feature_tells_more_about_the_label_than_the_edge_does(sample: market.Sample) -> None:
    """Given the edge, what is left of the label is noise; a feature that knows it has seen the future."""
    chance = np.array([market._normal_cdf(edge) for edge in sample.edges])
    noise = (sample.labels - chance) / np.sqrt(chance * (1 - chance)).mean()
    last = sample.features[:, -1]
    shown = (last - last.mean(axis=0)) / last.std(axis=0)

    correlations = shown.T @ noise / len(sample)

    assert np.abs(correlations).max() < 5 / np.sqrt(len(sample))


def test_the_edge_can_be_computed_from_the_window(sample: market.Sample) -> None:
    """Factors stand in the last 12 columns, order flow in column 18; nothing else is needed."""
    factors, flow = sample.features[:, :, -12:].astype(float), sample.features[:, -1, 17].astype(float)
    edge = LAW.flow_weight * flow
    for first, lag, second, other_lag, sign in LAW.pairs:
        product = factors[:, -1 - lag, first] * factors[:, -1 - other_lag, second]
        edge = edge + LAW.pair_weight * sign * product.clip(-2, 2)
    for factor, lag, sign in LAW.lines:
        edge = edge + LAW.line_weight * sign * factors[:, -1 - lag, factor]

    np.testing.assert_allclose(edge, sample.edges, atol=1e-4)


def test_calm_and_wild_times_last(sample: market.Sample) -> None:
    """Column 12 is the volatility over 5 steps: at the start of a window it foretells that at its end."""
    start, end = sample.features[:, 0, 11], sample.features[:, -1, 11]

    assert np.corrcoef(start, end)[0, 1] > 0.3


def test_a_market_without_edge_cannot_be_foretold() -> None:
    blind = dataclasses.replace(LAW, pair_weight=0.0, line_weight=0.0, flow_weight=0.0)

    assert market.sample(blind, seed=3, samples=64).bayes_accuracy == 0.5


def test_asking_for_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^samples is 0; ask for at least 1\.$"):
        market.sample(LAW, seed=1, samples=0)
