"""A synthetic market whose best possible accuracy is known exactly.

Many assets are simulated side by side. The next return of an asset is

    volatility * (edge + noise),   noise ~ N(0, 1)

and the label is "the next return is positive". Who knows the edge is right with probability Phi(|edge|) on that
sample, and the mean of that is the Bayes accuracy. The edge follows from what the features show and from the asset's
regime, which they only hint at: volatility, the drift of prices and the meaning of order flow depend on it.

Most of the edge sits in products of two lagged factors. A simpler signal would be learned equally well by
every network, and the models would not differ in accuracy.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rolloutmodels import features, indicators
from rolloutmodels.climates import USUAL, Climate
from rolloutmodels.contract import STEPS
from rolloutmodels.features import FACTORS

Array = NDArray[np.float64]

WINDOWS_PER_ASSET = 64

_MAX_LAG = 5
_WARM_UP = 80  # steps before the first window: the longest indicator looks back 60
# By regime: bull, bear, sideways, volatile.
_VOLATILITIES = np.array([0.008, 0.010, 0.005, 0.020])  # per step
_STAY = np.array([0.960, 0.955, 0.965, 0.940])  # chance to stay in a regime for one more step
_DRIFT = np.array([1.0, -1.0, 0.0, 0.0])
_FLOW = np.array([1.0, 1.0, -1.0, -1.0])  # buyers push prices on in a trend, and are met by sellers without one
_CLARITY = np.array([1.0, 1.0, 1.0, 0.6])
_PERSISTENCE = 0.3  # of factors and order flow from one step to the next


@dataclass(frozen=True)
class Law:
    """How the edge follows from factors and order flow; the same for every sample of one market.

    The weights are frozen, as are the regimes above: the models in `models/artefacts` have learned them.

    `pairs` holds, per product, (factor, lag, factor, lag, sign); `lines` per linear term (factor, lag, sign).
    """

    seed: int
    pairs: tuple[tuple[int, int, int, int, int], ...]
    lines: tuple[tuple[int, int, int], ...]
    pair_weight: float = 0.20
    line_weight: float = 0.10
    flow_weight: float = 0.20
    drift_weight: float = 0.18


@dataclass(frozen=True)
class Sample:
    """Windows of shape [samples, 10, 35] as float32, and of each: its label as 0.0 or 1.0, and what is behind it.

    The windows of all assets that end at one step come before those that end at the next.
    `edges` are in units of the volatility, `returns` fractions of the price over the step after the window, and
    `regimes` those that rule it, as values of `climates.Regime`.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    edges: Array
    returns: Array
    regimes: NDArray[np.int64]

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


def sample(law: Law, seed: int, samples: int, climate: Climate = USUAL) -> Sample:
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
    regimes = _regimes(rng, (assets, length), climate)
    edges = _edges(law, climate, regimes, factors, flow)
    returns, spread = _returns(rng, edges, _VOLATILITIES[regimes])
    shown = features.stack(indicators.describe(returns, flow, spread, rng) | _named(factors))
    return _windows(shown, edges, returns, regimes, samples)


def _named(factors: Array) -> dict[str, Array]:
    return {f"factor_{number + 1:02}": factors[:, :, number] for number in range(FACTORS)}


def _windows(
    shown: NDArray[np.float32], edges: Array, returns: Array, regimes: NDArray[np.int64], samples: int
) -> Sample:
    """Cut the paths into windows, those of all assets that end at one step before those that end at the next.

    The label belongs to the return after the window's last step.
    """
    step, asset = np.divmod(np.arange(samples), len(shown))
    ends = _WARM_UP + step
    after = returns[asset, ends]
    return Sample(
        features=shown[asset[:, None], ends[:, None] + np.arange(1 - STEPS, 1)],
        labels=(after > 0).astype(np.float32),
        edges=edges[asset, ends],
        returns=after,
        regimes=regimes[asset, ends],
    )


def _edges(law: Law, climate: Climate, regimes: NDArray[np.int64], factors: Array, flow: Array) -> Array:
    """Edge per asset and step, in units of the volatility."""
    signal = _signal(law, factors) + law.flow_weight * _FLOW[regimes] * flow
    return climate.clarity * _CLARITY[regimes] * signal + law.drift_weight * _DRIFT[regimes] + climate.drift


def _signal(law: Law, factors: Array) -> Array:
    """What the factors foretell; products are clipped at +-2 to keep the tails tame."""
    signal = np.zeros(factors.shape[:2])
    for first, lag, second, other_lag, sign in law.pairs:
        product = _lagged(factors[:, :, first], lag) * _lagged(factors[:, :, second], other_lag)
        signal = signal + law.pair_weight * sign * np.clip(product, -2.0, 2.0)
    for factor, lag, sign in law.lines:
        signal = signal + law.line_weight * sign * _lagged(factors[:, :, factor], lag)
    return signal


def _returns(rng: np.random.Generator, edges: Array, volatility: Array) -> tuple[Array, Array]:
    """Return after each step, and the bid-ask spread seen at it, which widens with volatility."""
    returns = volatility * (edges + rng.standard_normal(edges.shape))
    spread = indicators.SPREAD * volatility * (1.0 + 0.2 * rng.standard_normal(edges.shape))
    return returns, spread


def _regimes(rng: np.random.Generator, shape: tuple[int, ...], climate: Climate) -> NDArray[np.int64]:
    """Regime per asset and step: a Markov chain that spends the climate's shares of time in the regimes.

    A regime that is left soon has to be entered more often to keep its share.
    """
    assets, length = shape
    entered = np.array(climate.shares) * (1.0 - _STAY)
    entered /= entered.sum()
    regimes = np.empty((assets, length), dtype=np.int64)
    regimes[:, 0] = rng.choice(4, assets, p=climate.shares)
    for step in range(1, length):
        before = regimes[:, step - 1]
        leaves = rng.random(assets) > _STAY[before]
        regimes[:, step] = np.where(leaves, rng.choice(4, assets, p=entered), before)
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
