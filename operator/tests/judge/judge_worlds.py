"""Seeded worlds of known truth for the judge: Poisson traffic, a look every 30 s, thousands of runs at once."""

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from modelrollout.judge import guardrails, restarts
from modelrollout.judge.arrays import Floats
from modelrollout.judge.evidence import Counts, counts
from modelrollout.judge.guardrails import Reading
from modelrollout.judge.rule import Rule

LOOK_SECONDS = 30
DAY = 2880  # looks
BOUND = np.log(20)  # alpha 5 %
steady = settings(deadline=None, derandomize=True)  # the same examples in every run


@dataclass(frozen=True)
class World:
    """Constant rates: requests per second, the candidate's share of them, error rates of both arms."""

    per_second: float
    share: float
    candidate_rate: float
    baseline_rate: float

    def block(self, runs: int, rng: np.random.Generator) -> Counts:
        """What both arms did between two looks, one column."""
        requests = self.per_second * LOOK_SECONDS
        n_c = rng.poisson(requests * self.share, (runs, 1)).astype(float)
        n_b = rng.poisson(requests * (1 - self.share), (runs, 1)).astype(float)
        s_c = rng.binomial(n_c.astype(int), self.candidate_rate).astype(float)
        s_b = rng.binomial(n_b.astype(int), self.baseline_rate).astype(float)
        return counts(n_c, s_c, n_b, s_b)


@dataclass(frozen=True)
class Outcome:
    """Minutes to the first Fail and the first Pass of every run; NaN for never."""

    fail_minutes: Floats
    pass_minutes: Floats


def play(rule: Rule, world: World, looks: int, runs: int, seed: int) -> Outcome:
    """Judge `runs` independent rollouts of one guardrail at `looks` looks."""
    rng = np.random.default_rng(seed)
    schedule = restarts.Schedule(DAY, 1)
    state = guardrails.start(rule, runs)
    fail, passed = np.full(runs, np.nan), np.full(runs, np.nan)
    for look in range(1, looks + 1):
        gamma = schedule.gamma(look, 1 if look == 1 else 0)
        state = guardrails.advance(rule, state, world.block(runs, rng), gamma, gamma)
        reading: Reading = guardrails.read(rule, state)
        minutes = look * LOOK_SECONDS / 60
        fail[np.isnan(fail) & (reading.log_e_fail >= BOUND)] = minutes
        passed[np.isnan(passed) & (reading.log_e_pass >= BOUND)] = minutes
    return Outcome(fail, passed)


def wilson_lower(hits: int, runs: int, z: float = 2.576) -> float:
    """Lower end of the two-sided 99 % interval for a share (Wilson 1927)."""
    p = hits / runs
    middle = p + z * z / (2 * runs)
    spread = z * np.sqrt(p * (1 - p) / runs + z * z / (4 * runs * runs))
    return float((middle - spread) / (1 + z * z / runs))
