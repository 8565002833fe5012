"""What a trader would compute from past prices: 23 indicators, each scaled to about unit size.

The scales are constants, not fitted, so a served model needs no scaler beside it. `returns[:, t]` is the return
that FOLLOWS step t; everything shown at step t uses returns before it, or the label would leak into the window.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COUNT = 23
SECTOR = 32  # assets that make up one market; `returns` must hold a multiple of it
_TYPICAL = 0.012  # volatility per step, averaged over the regimes


def describe(returns: Array, flow: Array, spread: Array, rng: np.random.Generator) -> Array:
    """Indicators of shape [assets, steps, 23]; `flow` is the order-flow imbalance, `spread` a share of the price."""
    past = np.concatenate([np.zeros((len(returns), 1)), returns[:, :-1]], axis=1)
    price = np.cumsum(past, axis=1)
    columns = [
        *_momentum(price),
        *_trends(price),
        _rsi(past),
        *_volatilities(past),
        *_volumes(past, rng),
        flow,
        spread / _TYPICAL,
        *_market(past),
        *_calendar(past.shape),
    ]
    return np.stack(columns, axis=2)


def _momentum(price: Array) -> list[Array]:
    return [_change(price, steps) / (_TYPICAL * np.sqrt(steps)) for steps in (1, 2, 5, 10)]


def _trends(price: Array) -> list[Array]:
    """Gaps to three moving averages, and MACD with its signal and histogram."""
    gaps = [(price - _mean(price, steps)) / (_TYPICAL * np.sqrt(steps)) for steps in (5, 10, 20)]
    macd = (_smooth(price, 12) - _smooth(price, 26)) / (3 * _TYPICAL)
    signal = _smooth(macd, 9)
    return [*gaps, macd, signal, macd - signal]


def _rsi(past: Array) -> Array:
    """Relative strength over 14 steps, from -1 (only losses) to 1 (only gains)."""
    gains, losses = _mean(np.maximum(past, 0), 14), _mean(np.maximum(-past, 0), 14)
    return (gains - losses) / (gains + losses + 1e-9)


def _volatilities(past: Array) -> list[Array]:
    return [np.sqrt(_mean(past**2, steps)) / _TYPICAL for steps in (5, 10, 20, 60)]


def _volumes(past: Array, rng: np.random.Generator) -> list[Array]:
    """Log volume, which grows with the size of the move, and its change."""
    volume = 0.5 * np.abs(past) / _TYPICAL + 0.5 * rng.standard_normal(past.shape)
    return [volume, _change(volume, 1)]


def _market(past: Array) -> list[Array]:
    """Return of an asset's whole sector over 1 and 5 steps; a mean is small, so it is scaled up by the number."""
    sectors = past.reshape(-1, SECTOR, past.shape[1])
    market = np.broadcast_to(sectors.mean(axis=1, keepdims=True), sectors.shape).reshape(past.shape)
    market = market * np.sqrt(SECTOR) / _TYPICAL
    return [market, _mean(market, 5) * np.sqrt(5)]


def _calendar(shape: tuple[int, ...]) -> list[Array]:
    """Day of a five-day week on a circle."""
    angle = np.broadcast_to(2 * np.pi * (np.arange(shape[1]) % 5) / 5, shape)
    return [np.sin(angle), np.cos(angle)]


def _change(series: Array, steps: int) -> Array:
    return series - np.concatenate([np.repeat(series[:, :1], steps, axis=1), series[:, :-steps]], axis=1)


def _mean(series: Array, steps: int) -> Array:
    """Mean of the last `steps` values; at the start, of as many as there are."""
    total = np.cumsum(series, axis=1)
    before = np.concatenate([np.zeros((len(series), steps)), total[:, :-steps]], axis=1)
    return (total - before) / np.minimum(np.arange(1, series.shape[1] + 1), steps)


def _smooth(series: Array, span: int) -> Array:
    """Exponential moving average with the usual weight 2 / (span + 1)."""
    smooth = series.copy()
    for step in range(1, series.shape[1]):
        smooth[:, step] = smooth[:, step - 1] + (series[:, step] - smooth[:, step - 1]) * 2.0 / (span + 1)
    return smooth
