"""A synthetic market whose best possible accuracy is known exactly.

Many assets are simulated side by side. The next return of an asset is

    volatility * (edge + noise),   noise ~ N(0, 1)

and the label is "the next return is positive". The edge is a fixed function of what the features show, so a
perfect model is right with probability Phi(|edge|) on that sample, and the mean of that is the Bayes accuracy.
Volatility follows four sticky regimes: it shapes the features and says nothing about the sign.

Most of the edge sits in products of two lagged factors. A simpler signal would be learned equally well by
every network, and the models would not differ in accuracy.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rolloutmodels import indicators
from rolloutmodels.contract import FEATURES, STEPS

Array = NDArray[np.float64]

FACTORS = FEATURES - indicators.COUNT
WINDOWS_PER_ASSET = 64

_MAX_LAG = 5
_WARM_UP = 80  # steps before the first window: the longest indicator looks back 60
_VOLATILITIES = np.array([0.008, 0.010, 0.005, 0.020])  # per step, by regime
_STAY = np.array([0.960, 0.955, 0.965, 0.940])  # chance to stay in a regime for one more step
_PERSISTENCE = 0.3  # of factors and order flow from one step to the next


@dataclass(frozen=True)
class Law:
    """How the edge follows from factors and order flow; the same for every sample of one market.

    `pairs` holds, per product, (factor, lag, factor, lag, sign); `lines` per linear term (factor, lag, sign).
    """

    seed: int
    pairs: tuple[tuple[int, int, int, int, int], ...]
    lines: tuple[tuple[int, int, int], ...]
    pair_weight: float = 0.20
    line_weight: float = 0.10
    flow_weight: float = 0.25


@dataclass(frozen=True)
class Sample:
    """Windows of shape [samples, 10, 35] as float32, labels as 0.0 or 1.0, and the edge behind each label."""

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    edges: Array

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def bayes_accuracy(self) -> float:
        """Mean of Phi(|edge|): the accuracy no model can beat in expectation, a fraction (0-1)."""
        return float(np.mean([_normal_cdf(abs(edge)) for edge in self.edges]))


def law(seed: int = 2026, pairs: int = 40, lines: int = 4) -> Law:
    """The market's law drawn from a seed: which factors act together, at which lags, in which direction."""
    rng = np.random.default_rng(seed)
    return Law(
        seed=seed,
        pairs=tuple((*_term(rng), *_term(rng), _sign(rng)) for _ in range(pairs)),
        lines=tuple((*_term(rng), _sign(rng)) for _ in range(lines)),
    )


def sample(law: Law, seed: int, samples: int) -> Sample:
    """`samples` windows of new assets from one seed; the same seed gives the same numbers.

    Seeds of training, validation and test must differ: they are the only thing that keeps the sets apart.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; ask for at least 1.")
    rng = np.random.default_rng(seed)
    sectors = math.ceil(samples / (WINDOWS_PER_ASSET * indicators.SECTOR))
    assets = sectors * indicators.SECTOR
    length = _WARM_UP + WINDOWS_PER_ASSET
    factors = _persistent(rng, (assets, length, FACTORS))
    flow = _persistent(rng, (assets, length))
    edges = _edges(law, factors, flow)
    returns, spread = _returns(rng, edges)
    shown = indicators.describe(returns, flow, spread, rng)
    features = np.concatenate([shown, factors], axis=2).astype(np.float32)
    return _windows(features, edges, returns, samples)


def _windows(features: NDArray[np.float32], edges: Array, returns: Array, samples: int) -> Sample:
    """Cut each asset's path into windows; the label belongs to the return after the window's last step."""
    ends = np.arange(_WARM_UP, _WARM_UP + WINDOWS_PER_ASSET)
    steps = ends[:, None] + np.arange(1 - STEPS, 1)[None, :]
    windows = features[:, steps].reshape(-1, STEPS, FEATURES)[:samples]
    labels = (returns[:, ends] > 0).reshape(-1)[:samples].astype(np.float32)
    return Sample(np.ascontiguousarray(windows), labels, edges[:, ends].reshape(-1)[:samples])


def _edges(law: Law, factors: Array, flow: Array) -> Array:
    """Edge per asset and step, in units of the volatility; products are clipped at +-2 to keep the tails tame."""
    edge = law.flow_weight * flow
    for first, lag, second, other_lag, sign in law.pairs:
        product = _lagged(factors[:, :, first], lag) * _lagged(factors[:, :, second], other_lag)
        edge = edge + law.pair_weight * sign * np.clip(product, -2.0, 2.0)
    for factor, lag, sign in law.lines:
        edge = edge + law.line_weight * sign * _lagged(factors[:, :, factor], lag)
    return edge


def _returns(rng: np.random.Generator, edges: Array) -> tuple[Array, Array]:
    """Return after each step, and the bid-ask spread seen at it, which widens with volatility."""
    volatility = _VOLATILITIES[_regimes(rng, edges.shape)]
    returns = volatility * (edges + rng.standard_normal(edges.shape))
    spread = volatility * (1.0 + 0.2 * rng.standard_normal(edges.shape))
    return returns, spread


def _regimes(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Regime per asset and step: a Markov chain that leaves a regime for any of the three others alike."""
    assets, length = shape
    regimes = np.empty((assets, length), dtype=np.int64)
    regimes[:, 0] = rng.integers(0, 4, assets)
    for step in range(1, length):
        before = regimes[:, step - 1]
        leaves = rng.random(assets) > _STAY[before]
        regimes[:, step] = np.where(leaves, (before + rng.integers(1, 4, assets)) % 4, before)
    return regimes


def _persistent(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Gaussian series along axis 1 with unit variance that remember a part of the step before."""
    series = rng.standard_normal(shape)
    fresh = math.sqrt(1.0 - _PERSISTENCE**2)
    for step in range(1, shape[1]):
        series[:, step] = _PERSISTENCE * series[:, step - 1] + fresh * series[:, step]
    return series


def _lagged(series: Array, lag: int) -> Array:
    """The series as it was `lag` steps earlier; the first steps repeat the start and are never in a window."""
    return series if lag == 0 else np.concatenate([np.repeat(series[:, :1], lag, axis=1), series[:, :-lag]], axis=1)


def _term(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(FACTORS)), int(rng.integers(_MAX_LAG))


def _sign(rng: np.random.Generator) -> int:
    return int(rng.choice((-1, 1)))


def _normal_cdf(value: float) -> float:
    return 0.5 * (1.0 + math.erf(value / math.sqrt(2.0)))
