"""What is measured of the requests of one arm: errors, latencies at bucket edges, rewards.

`factor` says how much worse an arm is than this quality's own truth: it multiplies the rate of errors, the time of
every answer, or the value of every reward. Of values around any mean, 0.9 is a tenth of a deviation less.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.histograms import Histogram
from modelrollout.simulate.looks import Arm

Factor = Floats | float

SELDON_EDGES_MS = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4)
# Envoy's default histogram buckets.
ENVOY_EDGES_MS = (
    0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6,
)  # fmt: skip
POOL = 2**21


class Quality(Protocol):
    """A quality that can be drawn for many runs at once."""

    @property
    def columns(self) -> int:
        """How many kinds of events it counts."""
        ...

    @property
    def feels_trouble(self) -> bool:
        """True when bursts and noise move it."""
        ...

    def draw(self, requests: Floats, factor: Factor, rng: Generator) -> Arm:
        """What `requests` [runs] of one arm show."""
        ...


@dataclass(frozen=True)
class Errors:
    """Requests that err with this share (0-1). With sessions > 1 they come in sessions of so many requests.

    A share of the sessions is sick and errs with `sick`; the rest never errs. That makes the design effect
    1 + (sessions - 1) sick: 1.9 for sessions of 20. Outcomes are known of this part of the requests.
    """

    rate: float
    sessions: int = 1
    sick: float = 0.0474
    part: float = 1.0
    columns: int = 1
    feels_trouble: bool = True

    def draw(self, requests: Floats, factor: Factor, rng: Generator) -> Arm:
        """Errors among the requests. A rate beyond 1 is 1."""
        rate, requests = np.minimum(self.rate * floats(factor), 1.0), _known(requests, self.part, rng)
        if self.sessions > 1:
            sick = rng.binomial((requests / self.sessions).astype(np.int64), np.minimum(rate / self.sick, 1.0))
            events = rng.binomial(self.sessions * sick, self.sick)
        else:
            events = rng.binomial(requests.astype(np.int64), rate)
        found = floats(events)[:, None]
        return Arm(requests, found, found)


class Timed(ABC):
    """Answer times of any distribution, counted beyond each bucket edge."""

    feels_trouble: bool = False

    @property
    @abstractmethod
    def edges_ms(self) -> tuple[float, ...]:
        """The bucket edges, rising."""

    @property
    def columns(self) -> int:
        """One per edge."""
        return len(self.edges_ms)

    @abstractmethod
    def beyond(self, factor: float = 1.0) -> Floats:
        """The share of answers beyond each edge, [columns]."""

    def draw(self, requests: Floats, factor: Factor, rng: Generator) -> Arm:
        """How many were slower than each edge: those beyond one edge are drawn from those beyond the edge below."""
        shares = self.beyond(float(np.max(factor)))
        events = np.empty((len(requests), self.columns))
        remaining, above = requests.astype(np.int64), 1.0
        for column, share in enumerate(shares):
            chance = min(share / above, 1.0) if above > 0 else 0.0
            remaining = remaining if chance > 1 - 1e-12 else rng.binomial(remaining, chance)
            above = share
            events[:, column] = remaining
        return Arm(requests, events, events)

    def history(self, requests: int = 100_000) -> Histogram:
        """The baseline's past as its histogram shows it: so many requests, in the shares of the truth."""
        at_or_below = np.rint(requests * (1 - self.beyond()))
        return Histogram(self.edges_ms, tuple(float(n) for n in at_or_below), float(requests))


@dataclass(frozen=True)
class Latency(Timed):
    """Lognormal answer times."""

    median_ms: float = 100.0
    spread: float = 0.5
    edges_ms: tuple[float, ...] = SELDON_EDGES_MS

    def beyond(self, factor: float = 1.0) -> Floats:
        """The share of answers beyond each edge, [columns]."""
        distance = np.log(self.median_ms * factor) - np.log(floats(self.edges_ms))
        return floats(ndtr(distance / self.spread))


@dataclass(frozen=True)
class Recorded(Timed):
    """Answer times as a histogram of the past has them: exact at its edges, log-linear between them."""

    past: Histogram

    @property
    def edges_ms(self) -> tuple[float, ...]:
        """Those of the histogram."""
        return self.past.finite_edges_ms

    def beyond(self, factor: float = 1.0) -> Floats:
        """The share of answers beyond each edge, [columns]; nothing is known within a bucket that ends with none."""
        return _survivals(self.past, factor)

    def moved(self, factor: float, edges_ms: tuple[float, ...]) -> bool:
        """Whether times so much longer show at any of these edges."""
        chosen = [self.edges_ms.index(edge) for edge in edges_ms]
        return bool((self.beyond(factor) > self.beyond())[chosen].any())

    def history(self, requests: int = 0) -> Histogram:
        """The histogram itself, with the requests that it has."""
        del requests
        return self.past


@lru_cache(64)
def _survivals(past: Histogram, factor: float) -> Floats:
    return floats([past.survival(edge / factor) for edge in past.finite_edges_ms])


@dataclass(frozen=True)
class Rewards:
    """Lognormal rewards of median `scale`, clipped at the source to `clip` times it; `events` holds their sum."""

    spread: float = 0.5
    clip: float = 20.0
    scale: float = 1.0
    columns: int = 1
    feels_trouble: bool = False

    def draw(self, requests: Floats, factor: Factor, rng: Generator) -> Arm:
        """Sums over random stretches of a pool of two million rewards: as good as fresh ones, and a thousand times
        cheaper.
        """
        sums, squares = _pool(self.spread, self.clip)
        count = requests.astype(np.int64)
        begin = rng.integers(0, POOL - count.max(initial=0), len(count))
        worth = self.scale * floats(factor)
        value = floats(sums[begin + count] - sums[begin]) * worth
        square = floats(squares[begin + count] - squares[begin]) * worth**2
        return Arm(requests, value[:, None], square[:, None])


@dataclass(frozen=True)
class Values:
    """Values around any mean, normally distributed; known of this part of the requests. `events` holds their sum."""

    mean: float
    deviation: float
    part: float = 1.0
    columns: int = 1
    feels_trouble: bool = False

    def draw(self, requests: Floats, factor: Factor, rng: Generator) -> Arm:
        """Sum and sum of squares from the distribution that they have: the mean is normal, the scatter chi-squared."""
        count = _known(requests, self.part, rng)
        some = np.maximum(count, 1.0)
        centre = self.mean + (floats(factor) - 1) * self.deviation
        mean = centre + self.deviation * rng.standard_normal(len(count)) / np.sqrt(some)
        scatter = self.deviation**2 * np.where(some > 1, rng.chisquare(np.maximum(some - 1, 1.0)), 0.0)
        sums = np.where(count > 0, count * mean, 0.0)
        squares = np.where(count > 0, count * mean**2 + scatter, 0.0)
        return Arm(count, floats(sums)[:, None], floats(squares)[:, None])


def _known(requests: Floats, part: float, rng: Generator) -> Floats:
    """How many of the requests show their outcome."""
    return requests if part >= 1 else floats(rng.binomial(requests.astype(np.int64), part))


@lru_cache(4)
def _pool(spread: float, clip: float) -> tuple[Floats, Floats]:
    """Running sums of the pool's rewards and of their squares, from 0."""
    values = np.minimum(np.random.default_rng(POOL).lognormal(0.0, spread, POOL), clip)
    return tuple(np.concatenate([[0.0], np.cumsum(part)]) for part in (values, values**2))  # type: ignore[return-value]
