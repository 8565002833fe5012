"""What a trader would compute from past prices: indicators by name, each scaled to about unit size.

`features.py` defines each of them, and puts them in the order of the columns.
The scales are constants, not fitted, so a served model needs no scaler beside it. `returns[:, t]` is the return
that FOLLOWS step t; everything shown at step t uses returns before it, or the label would leak into the window.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SECTOR = 32  # assets that make up one market; `returns` must hold a multiple of it
SPREAD = 0.1  # of the volatility: what a bid-ask spread typically is
TYPICAL = 0.012  # volatility per step, averaged over the regimes


def describe(returns: Array, flow: Array, spread: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Series [assets, steps] by name of the feature; `flow` is the order-flow imbalance, `spread` a share of the price.

    Volumes carry noise of their own, drawn from `rng`.
    """
    past = np.concatenate([np.zeros((len(returns), 1)), returns[:, :-1]], axis=1)
    price = np.cumsum(past, axis=1)
    observed = {"order_flow_imbalance": flow, "spread": spread / (SPREAD * TYPICAL)}
    prices = _momentum(price) | _gaps(price) | _macd(price) | {"rsi_14": _rsi(past)} | _volatilities(past)
    return prices | _volumes(past, rng) | observed | _sectors(past) | _calendar(past.shape)


def _momentum(price: Array) -> dict[str, Array]:
    return {f"return_{steps}": _change(price, steps) / (TYPICAL * np.sqrt(steps)) for steps in (1, 2, 5, 10)}


def _gaps(price: Array) -> dict[str, Array]:
    """How far the price is above its moving averages."""
    means = {steps: _mean(price, steps) for steps in (5, 10, 20)}
    return {f"gap_sma_{steps}": (price - mean) / (TYPICAL * np.sqrt(steps)) for steps, mean in means.items()}


def _macd(price: Array) -> dict[str, Array]:
    macd = (_smooth(price, 12) - _smooth(price, 26)) / (3 * TYPICAL)
    signal = _smooth(macd, 9)
    return {"macd": macd, "macd_signal": signal, "macd_histogram": macd - signal}


def _rsi(past: Array) -> Array:
    """Relative strength over 14 steps, from -1 (only losses) to 1 (only gains)."""
    gains, losses = _mean(np.maximum(past, 0), 14), _mean(np.maximum(-past, 0), 14)
    return (gains - losses) / (gains + losses + 1e-9)


def _volatilities(past: Array) -> dict[str, Array]:
    return {f"volatility_{steps}": np.sqrt(_mean(past**2, steps)) / TYPICAL for steps in (5, 10, 20, 60)}


def _volumes(past: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Log volume, which grows with the size of the move, and its change."""
    volume = 0.5 * np.abs(past) / TYPICAL + 0.5 * rng.standard_normal(past.shape)
    return {"volume": volume, "volume_change": _change(volume, 1)}


def _sectors(past: Array) -> dict[str, Array]:
    """Return of an asset's whole sector over 1 and 5 steps; a mean is small, so it is scaled up by the number."""
    sectors = past.reshape(-1, SECTOR, past.shape[1])
    mean = np.broadcast_to(sectors.mean(axis=1, keepdims=True), sectors.shape).reshape(past.shape)
    scaled = mean * np.sqrt(SECTOR) / TYPICAL
    return {"sector_return_1": scaled, "sector_return_5": _mean(scaled, 5) * np.sqrt(5)}


def _calendar(shape: tuple[int, ...]) -> dict[str, Array]:
    """Day of a five-day week on a circle."""
    angle = np.broadcast_to(2 * np.pi * (np.arange(shape[1]) % 5) / 5, shape)
    return {"weekday_sin": np.sin(angle), "weekday_cos": np.cos(angle)}


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
