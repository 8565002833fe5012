"""What a typical look adds to the evidence: the judge's own tests, asked about looks that have not come yet.

A forecast needs no second set of formulas. The counts of a block follow a known law once traffic and rates are
assumed; a few points with weights stand for that law, and the bank of the rule says what each of them would add to the
logarithm of every bet. Most tests do not care where looks end and are linear in the counts: they are asked about one
huge block, one deviation above and below its mean. Tests that bet once per look are asked about single looks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf, nan

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from modelrollout.judge import estimates, merging
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.bank import Bank
from modelrollout.judge.estimates import Sums
from modelrollout.judge.evidence import Counts
from modelrollout.judge.merging import Tree
from modelrollout.judge.priors import WEIGHTS

HUGE = 1e9  # requests of the smaller arm in a block that stands for all looks
POINTS = 16
FEW = 4.0  # events of a look; up to here every count is a point of its own, beyond they are Gauss-Hermite points
FULL = 4.0  # requests of an arm in a look; with fewer their number is uncertain too
_roots, _masses = np.polynomial.hermite_e.hermegauss(POINTS)
ROOTS: Floats = floats(_roots)
MASSES: Floats = floats(_masses / _masses.sum())

Law = tuple[Floats, Floats]
"""Points and their weights."""


@dataclass(frozen=True)
class Traffic:
    """What both arms get, and how the baseline does, in the units of a rule's blocks.

    per_second: requests (values, labels) of both arms together; candidate_share: the candidate's part of them (0-1).
    baseline: per column the baseline's share of events, or the mean of measured values; deviations: the standard
    deviations of measured values per column, None where events are counted.
    """

    per_second: float
    candidate_share: float
    baseline: tuple[float, ...]
    deviations: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Growth:
    """What one look adds to ln of every bet: mean and standard deviation, each [tests, alternatives]."""

    mean: Floats
    deviation: Floats


def per_look(
    tree: Tree,
    bank: Bank,
    traffic: Traffic,
    candidate: Sequence[float],
    interval_seconds: float,
    dispersion: float = 1.0,
) -> Growth:
    """The growth of this tree's bets in one look, when the candidate's rates (or means) per column are these.

    dispersion: phi. The judge divides increments by it, and counts scatter that much more than independent ones. Tests
    that bet once per look are not divided, and see clusters of phi requests as one.
    """
    if not (traffic.per_second > 0 and interval_seconds > 0):
        return Growth(*np.zeros((2, bank.size, len(WEIGHTS))))
    looks = HUGE / (interval_seconds * _smaller_arm(traffic))
    pooled = _growth(tree, bank, traffic, candidate, looks * interval_seconds, _two_points)
    mean, deviation = pooled.mean / (looks * dispersion), pooled.deviation / np.sqrt(looks * dispersion)
    if bank.tempered.all():
        return Growth(mean, deviation)
    clusters = replace(traffic, per_second=traffic.per_second / dispersion)
    single = _growth(tree, bank, clusters, candidate, interval_seconds, _all_points)
    tempered = bank.tempered[:, None] > 0
    return Growth(np.where(tempered, mean, single.mean), np.where(tempered, deviation, single.deviation))


def _smaller_arm(traffic: Traffic) -> float:
    """Requests per second of the arm that gets fewer, of those that get any."""
    arms = (traffic.per_second * traffic.candidate_share, traffic.per_second * (1 - traffic.candidate_share))
    return min(arm for arm in arms if arm > 0)


def _growth(
    tree: Tree,
    bank: Bank,
    traffic: Traffic,
    candidate: Sequence[float],
    seconds: float,
    law: Callable[[float, float, float], Law],
) -> Growth:
    """The same for one block of so many seconds, without dispersion."""
    requests = traffic.per_second * seconds
    totals = requests * traffic.candidate_share, requests * (1 - traffic.candidate_share)
    deviations = traffic.deviations or (nan,) * len(traffic.baseline)
    arms = [
        [law(total, rate, deviation) for rate, deviation in zip(rates, deviations, strict=True)]
        for total, rates in zip(totals, (candidate, traffic.baseline), strict=True)
    ]
    weights = np.stack([np.outer(c[1], b[1]).ravel() for c, b in zip(*arms, strict=True)], axis=-1)  # [points, columns]
    seen = [np.stack([points for points, _ in arm], axis=-1) for arm in arms]
    block = _block(
        traffic, totals, np.repeat(seen[0], len(seen[1]), axis=0), np.tile(seen[1], (len(seen[0]), 1)), candidate
    )
    gains = bank.log_increments(block, _past(traffic, candidate))
    chance = weights[:, [test.column for test in merging.tests(tree)], None]
    mean = (chance * gains).sum(axis=0)
    return Growth(mean, np.sqrt((chance * (gains - mean) ** 2).sum(axis=0)))


def _past(traffic: Traffic, candidate: Sequence[float]) -> Sums:
    """Earlier looks that showed the assumed rates to the full."""
    rates = floats([candidate]), floats([traffic.baseline])
    block = _block(traffic, (HUGE, HUGE), HUGE * rates[0], HUGE * rates[1], candidate)
    return estimates.add(estimates.start(1, len(candidate)), block)


def _block(
    traffic: Traffic, totals: tuple[float, float], candidate: Floats, baseline: Floats, rates: Sequence[float]
) -> Counts:
    """Runs of one block each: events, or sums of values with the squares that go with them. As large as they come."""
    sums, of = (candidate, baseline), (floats(rates), floats(traffic.baseline))
    if traffic.deviations is None:
        requests = [_requests(*arm) for arm in zip(totals, of, sums, strict=True)]
        squares = list(sums)
    else:
        variance = floats(traffic.deviations) ** 2
        requests = [np.full_like(candidate, total) for total in totals]
        squares = [
            np.maximum(0.0, total * (variance - mean**2) + 2 * mean * arm)
            for total, mean, arm in zip(totals, of, sums, strict=True)
        ]
    share = np.full(len(candidate), traffic.candidate_share)
    return Counts(requests[0], candidate, requests[1], baseline, squares[0], squares[1], share)


def _two_points(total: float, rate: float, deviation: float) -> Law:
    """One deviation above and below the mean of a sum over `total` requests: of events, or of measured values."""
    mean = total * rate
    spread = np.sqrt(total * rate * (1 - rate)) if np.isnan(deviation) else deviation * np.sqrt(total)
    least, most = (0.0, total) if np.isnan(deviation) else (-inf, inf)
    return np.clip(floats([mean - spread, mean + spread]), least, most), floats([0.5, 0.5])


def _all_points(total: float, rate: float, deviation: float) -> Law:
    """Points for the events (or values) of one look.

    With few requests their number is uncertain too, and the events are as Poisson found them.
    """
    if not np.isnan(deviation):
        return total * rate + deviation * np.sqrt(total) * ROOTS, MASSES
    mean = total * rate
    variance = mean if total < FULL else mean * (1 - rate)
    if variance > FEW:
        return np.clip(mean + np.sqrt(variance) * ROOTS, 0.0, inf if total < FULL else total), MASSES
    return _poisson(mean) if total < FULL else _binomial(total, mean)


def _requests(total: float, rates: Floats, events: Floats) -> Floats:
    """Requests that go with these events [points, columns]: with few of them, the events and the rest's mean."""
    return events + total * (1 - rates) if total < FULL else np.full_like(events, total)


def _poisson(mean: float) -> Law:
    counts = np.arange(POINTS, dtype=np.float64)
    return counts, _normed(np.exp(xlogy(counts, mean) - gammaln(counts + 1)))


def _binomial(total: float, mean: float) -> Law:
    """Whole counts near the mean; requests are rounded up to a whole number, the mean is kept."""
    trials = ceil(total)
    counts = max(0, min(floor(mean) - POINTS // 3, trials - POINTS + 1)) + np.arange(POINTS, dtype=np.float64)
    hits = np.minimum(counts, trials)
    choose = gammaln(trials + 1) - gammaln(hits + 1) - gammaln(trials - hits + 1)
    logs = choose + xlogy(hits, mean / trials) + xlog1py(trials - hits, -mean / trials)
    return np.minimum(hits, total), _normed(np.where(counts <= trials, np.exp(logs), 0.0))


def _normed(weights: Floats) -> Floats:
    return floats(weights / weights.sum())
