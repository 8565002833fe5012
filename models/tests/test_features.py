"""The 35 features: named once, in the order of the columns, and each what its definition says.

The expected values are computed a second time with plain loops over one asset's returns.
"""

import itertools
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from rolloutmodels import features, indicators, market
from rolloutmodels.contract import FEATURES

ASSETS, STEPS, V = 32, 64, 0.012  # one sector: 2,048 windows are 64 steps of its 32 assets
SAMPLE = market.sample(market.law(), seed=12, samples=ASSETS * STEPS)
LARGE = market.sample(market.law(), seed=13, samples=16_384)
SHOWN = SAMPLE.features.reshape(STEPS, ASSETS, 10, FEATURES)  # by the step at which a window ends
RETURNS = SAMPLE.returns.reshape(STEPS, ASSETS)  # after that step
LAST = STEPS - 1

Past = Sequence[float]  # an asset's returns up to a step, the newest last


def _root_mean_square(values: Past) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


def _gap(past: Past, steps: int) -> float:
    """Prices of the last steps, counted from the newest, which is 0."""
    prices = [-sum(past[len(past) - back :]) for back in range(steps)]
    return -sum(prices) / steps


def _rsi(past: Past) -> float:
    gains, losses = (sum(max(side * value, 0.0) for value in past[-14:]) for side in (1, -1))
    return (gains - losses) / (gains + losses)


FROM_RETURNS: dict[str, Callable[[Past], float]] = {
    "return_1": lambda past: past[-1] / V,
    "return_2": lambda past: (past[-1] + past[-2]) / (V * math.sqrt(2)),
    "return_5": lambda past: sum(past[-5:]) / (V * math.sqrt(5)),
    "return_10": lambda past: sum(past[-10:]) / (V * math.sqrt(10)),
    "gap_sma_5": lambda past: _gap(past, 5) / (V * math.sqrt(5)),
    "gap_sma_10": lambda past: _gap(past, 10) / (V * math.sqrt(10)),
    "gap_sma_20": lambda past: _gap(past, 20) / (V * math.sqrt(20)),
    "rsi_14": _rsi,
    "volatility_5": lambda past: _root_mean_square(past[-5:]) / V,
    "volatility_10": lambda past: _root_mean_square(past[-10:]) / V,
    "volatility_20": lambda past: _root_mean_square(past[-20:]) / V,
    "volatility_60": lambda past: _root_mean_square(past[-60:]) / V,
}


def _column(name: str) -> NDArray[np.float64]:
    """A feature at the end of every window, [steps, assets]."""
    return SHOWN[:, :, -1, features.NAMES.index(name)].astype(float)


@pytest.mark.parametrize("name", FROM_RETURNS)
def test_an_indicator_is_what_its_definition_says(name: str) -> None:
    expected = [FROM_RETURNS[name](RETURNS[:LAST, asset].tolist()) for asset in range(ASSETS)]

    np.testing.assert_allclose(_column(name)[LAST], expected, atol=1e-4)


def _exponential_mean(values: Past, weight: float) -> list[float]:
    means = [values[0]]
    for value in values[1:]:
        means.append((1 - weight) * means[-1] + weight * value)
    return means


def test_macd_compares_two_exponential_means_of_the_price_and_its_signal_follows_it() -> None:
    """Straight from returns of our own, for these means remember everything since the start."""
    rng = np.random.default_rng(14)
    returns = V * rng.standard_normal((ASSETS, 100))
    shown = indicators.describe(returns, np.zeros_like(returns), np.zeros_like(returns), rng)
    for asset in range(ASSETS):
        prices = [0.0, *itertools.accumulate(returns[asset, :-1].tolist())]
        fast, slow = _exponential_mean(prices, 2 / 13), _exponential_mean(prices, 2 / 27)
        macd = [(quick - late) / (3 * V) for quick, late in zip(fast, slow, strict=True)]
        signal = _exponential_mean(macd, 2 / 10)

        np.testing.assert_allclose(shown["macd"][asset], macd, atol=1e-9)
        np.testing.assert_allclose(shown["macd_signal"][asset], signal, atol=1e-9)
        np.testing.assert_allclose(shown["macd_histogram"][asset], np.subtract(macd, signal), atol=1e-9)


def test_the_market_shows_macd_in_its_columns() -> None:
    macd, signal, histogram = _column("macd"), _column("macd_signal"), _column("macd_histogram")

    np.testing.assert_allclose(histogram, macd - signal, atol=1e-5)
    np.testing.assert_allclose(signal[1:], 0.8 * signal[:-1] + 0.2 * macd[1:], atol=1e-5)


def test_the_sector_is_the_mean_of_its_32_assets() -> None:
    returns, of_five = _column("sector_return_1"), _column("sector_return_5")
    means = RETURNS.mean(axis=1) * math.sqrt(32) / V

    np.testing.assert_allclose(returns[1:], np.repeat(means[:-1, None], ASSETS, axis=1), atol=1e-4)
    np.testing.assert_allclose(of_five[LAST], np.full(ASSETS, means[LAST - 5 : LAST].mean() * math.sqrt(5)), atol=1e-4)


def test_volume_grows_with_the_move_and_has_noise_of_its_own() -> None:
    volume, change = _column("volume"), _column("volume_change")
    noise = (volume - 0.5 * np.abs(_column("return_1"))) / 0.5

    np.testing.assert_allclose(change[1:], np.diff(volume, axis=0), atol=1e-5)
    assert abs(noise.mean()) < 4 / math.sqrt(noise.size)
    assert abs(noise.std() - 1.0) < 4 / math.sqrt(2 * noise.size)


def test_the_spread_is_a_tenth_of_the_volatility_to_20_percent() -> None:
    volatilities = np.array([0.008, 0.010, 0.005, 0.020])[SAMPLE.regimes].reshape(STEPS, ASSETS)
    noise = (_column("spread") * V / volatilities - 1.0) / 0.2

    assert abs(noise.mean()) < 4 / math.sqrt(noise.size)
    assert abs(noise.std() - 1.0) < 4 / math.sqrt(2 * noise.size)


@pytest.mark.parametrize("name", ["order_flow_imbalance", *(name for name in features.NAMES if "factor" in name)])
def test_a_factor_is_standard_normal_and_keeps_a_part_of_the_step_before(name: str) -> None:
    series = LARGE.features[:, :, features.NAMES.index(name)]

    assert abs(series.mean()) < 0.04
    assert abs(series.std() - 1.0) < 0.03
    assert abs(np.corrcoef(series[:, -2], series[:, -1])[0, 1] - 0.3) < 0.03


def test_a_week_has_five_days() -> None:
    sine, cosine = _column("weekday_sin")[:, 0], _column("weekday_cos")[:, 0]

    np.testing.assert_allclose(sine**2 + cosine**2, 1.0, atol=1e-6)
    np.testing.assert_allclose(sine[5:], sine[:-5], atol=1e-6)
    assert len(np.unique(np.round(sine + 2 * cosine, 4))) == 5


def test_a_window_is_the_last_ten_steps() -> None:
    np.testing.assert_array_equal(SHOWN[1:, :, :-1], SHOWN[:-1, :, 1:])


def test_there_is_one_name_for_each_column_the_models_take() -> None:
    assert len(features.NAMES) == len(set(features.NAMES)) == FEATURES
    assert [name for name in features.NAMES if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name)] == []
    assert features.NAMES[-features.FACTORS :] == tuple(f"factor_{number:02}" for number in range(1, 13))


def test_every_definition_is_one_sentence() -> None:
    assert [it.name for it in features.ALL if not it.definition.endswith(".") or "\n" in it.definition] == []


def _columns() -> dict[str, NDArray[np.float64]]:
    return {name: np.full((2, 3), float(number)) for number, name in enumerate(features.NAMES)}


def test_columns_are_put_in_order_by_name() -> None:
    backwards = dict(reversed(_columns().items()))

    stacked = features.stack(backwards)

    assert (stacked.shape, stacked.dtype) == ((2, 3, FEATURES), np.float32)
    np.testing.assert_array_equal(stacked[0, 0], np.arange(FEATURES))


def test_a_column_that_is_missing_or_unknown_is_refused() -> None:
    columns = _columns()
    columns["momentum"] = columns.pop("macd")

    with pytest.raises(ValueError, match="columns") as refused:
        features.stack(columns)

    assert str(refused.value) == (
        "The columns are not those of features.NAMES (missing: macd; unknown: momentum); give each of them once."
    )
