"""How long until a guardrail fails a harmful candidate, and until it passes one that is as good as the baseline.

ln of every bet is a random walk, of which `growth` knows drift and scatter. Its path that meets the bound when half
(nine tenths) of all such walks have (`passages`) stands for them; the judge's own wealth is followed along these
paths. So stakes, bets, trees of tests and floors count as they do in the judge, and a candidate between the
alternatives is forecast as well as one that lies on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, exp, floor, inf, log

import numpy as np

from modelrollout.judge import bank, eprocess, growth, means, merging, passages, restarts
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.eprocess import LARGEST_GAIN, EProcess
from modelrollout.judge.growth import Growth, Traffic
from modelrollout.judge.guardrails import HOLD_BOUND, State
from modelrollout.judge.merging import Likelihood, Test, Tree, Unit
from modelrollout.judge.priors import WEIGHTS
from modelrollout.judge.rule import Rule

HORIZON_SECONDS = 365 * 86400.0  # what takes longer is "never"
FRESH = restarts.FIRST_LOOK + restarts.STAGE_STARTS  # the stake at the first look of a plan with one stage
STEPS = 120
LARGEST_SHARE = 50  # percent: beyond it the baseline is the arm that is short of requests


@dataclass(frozen=True)
class Terms:
    """On what terms a guardrail is judged.

    weight_of_alpha: its share of alpha to fail. dispersion: phi >= 1. planned_looks and the stakes, the part of the
    wealth that is bet at the first look of the forecast, are those of `restarts`.
    """

    alpha: float = 0.05
    weight_of_alpha: float = 1.0
    dispersion: float = 1.0
    interval_seconds: float = 30.0
    planned_looks: int = 2880
    fail_stake: float = FRESH
    pass_stake: float = FRESH


@dataclass(frozen=True)
class Forecast:
    """Seconds from now by which half, and nine of ten, of such rollouts have their verdict; inf for never.

    Whole looks. fail_*: of a harmful candidate; pass_*: of an equal one; or both of the candidate as it was estimated.
    """

    fail_median_seconds: float
    fail_90_seconds: float
    pass_median_seconds: float
    pass_90_seconds: float


def forecast(
    rule: Rule,
    traffic: Traffic,
    terms: Terms,
    candidate: Sequence[float] | None = None,
    state: State | None = None,
) -> Forecast:
    """The forecast for this rule under this traffic.

    candidate: its rates (means) per column as estimated. Without them Fail is forecast for a candidate at the rule's
    margin (`harmful`), and Pass for one at the baseline's rates. state: evidence that is there already (of one run),
    from which both go on; without it both begin now.
    """
    fail = _to_fail(rule, traffic, terms, candidate or harmful(rule, traffic), state)
    passed = until_pass(rule, traffic, terms, candidate or traffic.baseline, state)
    return Forecast(*fail, *passed)


def until_pass(
    rule: Rule, traffic: Traffic, terms: Terms, candidate: Sequence[float], state: State | None = None
) -> tuple[float, float]:
    """(half, nine of ten) seconds until a candidate of these rates (means) passes."""
    if state is not None and state.pass_max[0] >= -log(terms.alpha):
        return 0.0, 0.0
    walk = _walk(rule.passed, rule.pass_bank, terms.alpha, terms.pass_stake, state.passed if state else None)
    return _times(walk, traffic, terms, candidate, state)


def share_needed(rule: Rule, traffic: Traffic, terms: Terms, deadline_seconds: float) -> float | None:
    """The smallest whole percent (as 0-1, at most 0.5) at which nine of ten equal candidates pass by the deadline.

    None when no share would do.
    """

    def fits(percent: int) -> bool:
        shared = replace(traffic, candidate_share=percent / 100)
        return until_pass(rule, shared, terms, traffic.baseline)[1] <= deadline_seconds

    if not fits(LARGEST_SHARE):
        return None
    low, high = 0, LARGEST_SHARE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high / 100


def harmful(rule: Rule, traffic: Traffic) -> tuple[float, ...]:
    """The rates (means) per column of a candidate that the rule is there to stop: at its margin and beyond its floor.

    The margin is what the tests to pass compare with, the floor what the tests to fail are designed for.
    """
    worse = min if rule.kinds & {Likelihood.MEAN_DIFFERENCE, Likelihood.MEAN_LIMIT} else max
    rates = list(traffic.baseline)
    for tree, table in ((rule.passed, AT_MARGIN), (rule.fail, BEYOND_LIMIT)):
        for test in merging.tests(tree):
            if test.likelihood in table:
                at = test.column
                deviation = traffic.deviations[at] if traffic.deviations else 0.0
                rates[at] = worse(rates[at], table[test.likelihood](test, traffic.baseline[at], deviation))
    largest = inf if traffic.deviations else 1.0
    return tuple(min(float(rate), largest) for rate in rates)


def _units(test: Test, mean: float, deviation: float) -> float:
    return {Unit.PLAIN: 1.0, Unit.DEVIATIONS: deviation, Unit.BASELINE_MEAN: abs(mean)}[test.unit]


Harm = Callable[[Test, float, float], float]
"""A harmful candidate's rate or mean, from the test and the baseline's rate or mean and deviation."""
AT_MARGIN: dict[Likelihood, Harm] = {
    Likelihood.RATIO: lambda test, rate, _: test.null * rate,
    Likelihood.DIFFERENCE: lambda test, rate, _: rate + test.null,
    Likelihood.MEAN_DIFFERENCE: lambda test, mean, deviation: mean - test.null * _units(test, mean, deviation),
}
BEYOND_LIMIT: dict[Likelihood, Harm] = {
    Likelihood.PROPORTION: lambda test, *_: test.design,
    Likelihood.RATE_BETTING: lambda test, *_: test.design,
    Likelihood.MEAN_LIMIT: lambda test, _, deviation: test.null - test.design * deviation,
}


def _to_fail(
    rule: Rule, traffic: Traffic, terms: Terms, candidate: Sequence[float], state: State | None
) -> tuple[float, float]:
    alpha = terms.alpha * terms.weight_of_alpha
    if state is not None and state.fail_max[0] >= -log(alpha):
        return 0.0, 0.0
    walk = _walk(rule.fail, rule.fail_bank, alpha, terms.fail_stake, state.fail if state else None)
    found = _times(walk, traffic, terms, candidate, state)
    is_held = rule.is_absolute and found[0] < inf and _baseline_fails(rule, traffic, terms, candidate) <= found[0]
    return (inf, inf) if is_held else found


def _baseline_fails(rule: Rule, traffic: Traffic, terms: Terms, candidate: Sequence[float]) -> float:
    """Seconds until the baseline itself is found beyond the limit: then an absolute guardrail is held."""
    swapped = replace(traffic, candidate_share=1 - traffic.candidate_share, baseline=tuple(candidate))
    walk = _walk(rule.fail, rule.fail_bank, exp(-HOLD_BOUND), terms.fail_stake)
    return _times(walk, swapped, terms, traffic.baseline)[0]


@dataclass(frozen=True)
class _Walk:
    """One side of a guardrail on its way: its tests, the bound of ln E, and the wealth it begins with."""

    tree: Tree
    bank: bank.Bank
    bound: float
    begins: EProcess


def _walk(tree: Tree, of: bank.Bank, alpha: float, stake: float, known: EProcess | None = None) -> _Walk:
    """The walk from the wealth as it is known, or with this stake on every bet."""
    fresh = EProcess(np.full((1, of.size, len(WEIGHTS)), stake), np.full(1, 1 - stake))
    return _Walk(tree, of, -log(alpha), fresh if known is None else known)


def _times(
    walk: _Walk,
    traffic: Traffic,
    terms: Terms,
    candidate: Sequence[float],
    state: State | None = None,
) -> tuple[float, float]:
    """(half, nine of ten) seconds until the walk is at its bound, in whole looks.

    A walk with a past gains by what is staked on its way.
    """
    interval = terms.interval_seconds
    grown = growth.per_look(walk.tree, walk.bank, traffic, candidate, interval, terms.dispersion)
    waits = floats([[_blind_looks(test, traffic, interval, state)] for test in merging.tests(walk.tree)])
    median = _passage(walk, grown, waits, interval, passages.MEDIAN)
    if state is not None:
        walk = _with_restarts(walk, median, terms.planned_looks)
        median = _passage(walk, grown, waits, interval, passages.MEDIAN)
    return median * interval, max(median, _passage(walk, grown, waits, interval, passages.MOST)) * interval


def _with_restarts(walk: _Walk, looks: float, planned_looks: int) -> _Walk:
    """The walk with the stakes of the coming looks placed at once."""
    begun = walk.begins
    spread = np.minimum(restarts.EVERY_LOOK * min(looks / planned_looks, 1.0), begun.cash)
    return replace(walk, begins=EProcess(begun.bets + spread[:, None, None], begun.cash - spread))


@lru_cache(16)
def _grid(interval: float) -> Floats:
    """The looks at which a path is followed."""
    return np.geomspace(1.0, max(2.0, HORIZON_SECONDS / interval), STEPS)


def _passage(walk: _Walk, grown: Growth, waits: Floats, interval: float, chance: float) -> float:
    """The look at which the wealth along the typical paths is at the bound; inf for never."""
    looks = _grid(interval)
    at = np.maximum(looks[:, None, None] - waits, 0.0)
    z = passages.deviations(_clearness(walk, grown), chance)
    paths = grown.mean * at + grown.deviation * (z * np.sqrt(at) - passages.BETWEEN_LOOKS)
    bets = walk.begins.bets * np.exp(np.clip(paths, -LARGEST_GAIN, LARGEST_GAIN))
    wealth = eprocess.value(EProcess(bets, np.repeat(walk.begins.cash, len(looks))))
    log_e = np.log(np.maximum(merging.value(walk.tree, wealth), np.finfo(np.float64).tiny))
    there = np.flatnonzero(log_e >= walk.bound)
    if not there.size:
        return inf
    last = int(there[0])
    if last == 0:
        return 1.0
    part = (walk.bound - log_e[last - 1]) / (log_e[last] - log_e[last - 1])
    return float(ceil(looks[last - 1] * (looks[last] / looks[last - 1]) ** part - 1e-6))


def _clearness(walk: _Walk, grown: Growth) -> Floats:
    """m b/s^2 of every bet, b being what its ln still lacks; without scatter a drift is as clear as can be."""
    with np.errstate(divide="ignore"):  # ln 0 = -inf is meant: nothing was bet yet
        lacks = np.clip(walk.bound - np.log(walk.begins.bets[0] * WEIGHTS), 0.0, LARGEST_GAIN)
    variance = np.maximum(grown.deviation**2, 1e-12 * np.abs(grown.mean))
    return floats(lacks * np.divide(grown.mean, variance, out=np.zeros_like(lacks), where=variance > 0))


def _blind_looks(test: Test, traffic: Traffic, interval: float, state: State | None) -> int:
    """Looks without evidence, because the test does not trust the past before it has seen `means.BURN_IN` requests."""
    arms = LEARNS_FROM.get(test.likelihood, ())
    per_look = traffic.per_second * interval
    seen = (0.0, 0.0) if state is None else _seen(state, test.column)
    expected = per_look * traffic.candidate_share, per_look * (1 - traffic.candidate_share)
    missing = [means.BURN_IN - seen[arm] for arm in arms if seen[arm] < means.BURN_IN and expected[arm] > 0]
    rates = [expected[arm] for arm in arms if seen[arm] < means.BURN_IN and expected[arm] > 0]
    return max((floor(lacks / rate) + 1 for lacks, rate in zip(missing, rates, strict=True)), default=0)


def _seen(state: State, column: int) -> tuple[float, float]:
    return float(state.seen.candidate_total[0, column]), float(state.seen.baseline_total[0, column])


CANDIDATE, BASELINE = 0, 1
LEARNS_FROM: dict[Likelihood, tuple[int, ...]] = {
    Likelihood.DIFFERENCE: (BASELINE,),
    Likelihood.MEAN_DIFFERENCE: (CANDIDATE, BASELINE),
    Likelihood.MEAN_LIMIT: (CANDIDATE, BASELINE),
}
"""The arms of which a test must have seen enough in earlier looks."""
