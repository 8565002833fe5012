"""How other tools decide, as rules of our own making: written from their behaviour, without their code.

* Argo-style: a query over the last five minutes is compared with a fixed limit; the rollout is aborted when more looks
  failed than failureLimit (3). Failures are counted in total, a good look takes none back.
* Flagger-style: a query over the last minute is compared with a fixed limit; after `threshold` (10) failures in total
  the next look rolls back.
* Peeking z: the two-proportion z test at 5 % on everything seen so far, at every look.
Empty windows decide nothing here, which is kinder than the tools are (both can end a rollout for want of data).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.simulate.contestants import Contestant, Player, Said, nobody
from modelrollout.simulate.looks import Arm, Look, flags
from modelrollout.simulate.oracle import Z_ALPHA
from modelrollout.simulate.qualities import Quality, Timed
from modelrollout.simulate.worlds import World

QUANTILE = 0.95
FAILURE_LIMIT = 3
FAILED_CHECKS = 10


@dataclass(frozen=True)
class FixedLimit:
    """The candidate's value over a sliding window against a fixed limit, and how many failures end the rollout.

    acts_next_look: the rollout is ended by the look after the decisive one.
    """

    name: str
    quality: str
    limit: float
    window_seconds: float
    failures: int
    acts_next_look: bool = False

    def start(self, world: World, runs: int) -> "FixedLimitPlayer":
        """The rule before its first look."""
        kept = max(1, round(self.window_seconds / world.interval_seconds))
        return FixedLimitPlayer(self, world.measured[self.quality], deque(maxlen=kept), np.zeros(runs))


def argo_style(quality: str, limit: float) -> FixedLimit:
    """A five-minute window; the fourth failure aborts."""
    return FixedLimit("Argo-style", quality, limit, 300, FAILURE_LIMIT + 1)


def flagger_style(quality: str, limit: float) -> FixedLimit:
    """A one-minute window; the look after the tenth failure rolls back."""
    return FixedLimit("Flagger-style", quality, limit, 60, FAILED_CHECKS, acts_next_look=True)


@dataclass
class FixedLimitPlayer:
    """A fixed limit at work."""

    rule: FixedLimit
    quality: Quality
    window: deque[Arm]
    failures: Floats

    def advance(self, look: Look) -> Said:
        """Fail where enough looks were beyond the limit. It never says Pass before its time is over."""
        before = self.failures >= self.rule.failures
        self.window.append(look.measured[self.rule.quality].candidate)
        value = measured(self.quality, total_of(self.window))
        self.failures = self.failures + (np.nan_to_num(value, nan=-np.inf) > self.rule.limit)
        failed = before if self.rule.acts_next_look else self.failures >= self.rule.failures
        return Said(failed, nobody(len(failed)))


@dataclass(frozen=True)
class AnyOf:
    """Several rules of one tool, one per quality: the first that fails ends the rollout."""

    name: str
    parts: tuple[Contestant, ...]

    def start(self, world: World, runs: int) -> "AnyOfPlayer":
        """The rules before their first look."""
        return AnyOfPlayer([part.start(world, runs) for part in self.parts])


@dataclass
class AnyOfPlayer:
    """Several rules at work."""

    players: list[Player]

    def advance(self, look: Look) -> Said:
        """Fail where one of them does."""
        said = [player.advance(look) for player in self.players]
        failed = flags(np.logical_or.reduce([one.failed for one in said]))
        return Said(failed, nobody(len(failed)))


@dataclass(frozen=True)
class PeekingZ:
    """A z test on the pooled totals of both arms at every look."""

    quality: str
    name: str = "z per look"

    def start(self, world: World, runs: int) -> "PeekingZPlayer":
        """The rule before its first look."""
        return PeekingZPlayer(self.quality, compared_column(world.measured[self.quality]), np.zeros((4, runs)))


@dataclass
class PeekingZPlayer:
    """The z test at work; totals of candidate and baseline, requests and events."""

    quality: str
    column: int
    seen: Floats

    def advance(self, look: Look) -> Said:
        """Fail where the candidate's share is larger by 1.645 standard errors."""
        pair = look.measured[self.quality]
        arms = [pair.candidate, pair.baseline]
        self.seen = self.seen + [part for arm in arms for part in (arm.total, arm.events[:, self.column])]
        n_c, s_c, n_b, s_b = self.seen
        with np.errstate(divide="ignore", invalid="ignore"):  # an empty arm gives NaN, which is no failure
            pooled = (s_c + s_b) / (n_c + n_b)
            z = (s_c / n_c - s_b / n_b) / np.sqrt(pooled * (1 - pooled) * (1 / n_c + 1 / n_b))
        failed = np.nan_to_num(z) >= Z_ALPHA
        return Said(failed, nobody(len(failed)))


def total_of(window: deque[Arm]) -> Arm:
    """All blocks of a window as one."""
    first, *others = window
    for other in others:
        first = first.plus(other)
    return first


def measured(quality: Quality, arm: Arm) -> Floats:
    """What a dashboard would show for the arm, [runs]: p95 in ms, or the share of events. NaN without requests."""
    if isinstance(quality, Timed):
        return histogram_quantile(arm, floats(quality.edges_ms), QUANTILE)
    return floats(np.divide(arm.events[:, 0], arm.total, out=np.full(len(arm.total), np.nan), where=arm.total > 0))


def compared_column(quality: Quality) -> int:
    """The column in which a plain test compares: the smallest edge at or above the baseline's p95."""
    return int(np.argmax(quality.beyond() <= 1 - QUANTILE)) if isinstance(quality, Timed) else 0


def histogram_quantile(arm: Arm, edges_ms: Floats, quantile: float) -> Floats:
    """The quantile as Prometheus gives it: linear within the bucket that holds it, [runs]; NaN without requests."""
    runs = np.arange(len(arm.total))
    at_or_below = np.maximum(arm.total[:, None] - arm.events, 0.0)
    rank = quantile * arm.total
    place = np.argmax(np.column_stack([at_or_below >= rank[:, None], np.ones(len(runs), dtype=bool)]), axis=1)
    beyond_all = place == len(edges_ms)
    inside = np.where(beyond_all, len(edges_ms) - 1, place)
    low_edge = np.concatenate([[0.0], edges_ms])[inside]
    low_count = np.column_stack([np.zeros(len(runs)), at_or_below])[runs, inside]
    in_bucket = np.maximum(at_or_below[runs, inside] - low_count, 1e-300)
    value = low_edge + (edges_ms[inside] - low_edge) * (rank - low_count) / in_bucket
    return floats(np.where(arm.total > 0, np.where(beyond_all, edges_ms[-1], value), np.nan))
