"""Our judge on many runs: the functions that the operator calls, in the order in which it calls them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from modelrollout.judge import evidence, guardrails, restarts, verdicts
from modelrollout.judge.arrays import Flags, Floats
from modelrollout.judge.evidence import Counts
from modelrollout.judge.guardrails import State
from modelrollout.judge.rule import Rule
from modelrollout.simulate.contestants import Said
from modelrollout.simulate.looks import Look, Pair, flags
from modelrollout.simulate.qualities import Quality, Rewards, Timed, Values
from modelrollout.simulate.worlds import World

ALPHA = 0.05


@dataclass(frozen=True)
class Guarded:
    """A rule, and the measured quality that it guards. A critical one gets twice the share of alpha.

    sign and ends are for means alone: -1 where less is better, and the range that values were clipped to.
    """

    quality: str
    rule: Rule
    critical: bool = False
    sign: float = 1.0
    ends: tuple[float, float] | None = None


@dataclass(frozen=True)
class Ours:
    """Our judge with these guardrails.

    planned_looks as the spec's maxDurations give it, a day by default. dispersion None is the judge's own estimate.
    """

    guarded: tuple[Guarded, ...]
    alpha: float = ALPHA
    planned_looks: int = 2880
    dispersion: float | None = None
    name: str = "ModelRollout"

    def start(self, world: World, runs: int) -> "Judge":
        """The judge before its first look."""
        return Judge(self, world, runs)


class Judge:
    """Our judge at work. Fail is the verdict of the whole rollout, Pass that of every guardrail since the start."""

    def __init__(self, ours: Ours, world: World, runs: int) -> None:
        self.ours, self.world = ours, world
        self.schedule = restarts.Schedule(ours.planned_looks, world.sharing.stages)
        self.states = [guardrails.start(one.rule, runs) for one in ours.guarded]
        self.weights = shares_of_alpha(ours.guarded)

    def advance(self, look: Look) -> Said:
        """One look at every guardrail."""
        gamma = self.schedule.gamma(look.number, look.stage)
        self.states = [
            advanced(one, state, self.world.measured[one.quality], look, gamma, self.ours.dispersion)
            for one, state in zip(self.ours.guarded, self.states, strict=True)
        ]
        failed = all_failed(self.ours.guarded, self.states, self.weights, self.ours.alpha)
        return Said(failed, all_passed(self.states, self.ours.alpha))


def advanced(
    one: Guarded, state: State, quality: Quality, look: Look, gamma: Floats, dispersion: float | None = None
) -> State:
    """The guardrail's state after this look."""
    if look.stage:
        state = guardrails.begin_stage(one.rule, state)
    return guardrails.advance(one.rule, state, block(one, quality, look), gamma, gamma, dispersion)


def shares_of_alpha(guarded: Sequence[Guarded]) -> list[float]:
    """Each guardrail's share of alpha, as the operator deals it out."""
    names = [one.rule.name for one in guarded]
    shares = verdicts.equal_weights(names, [one.rule.name for one in guarded if one.critical])
    return [shares[name] for name in names]


def all_failed(guarded: Sequence[Guarded], states: Sequence[State], weights: Sequence[float], alpha: float) -> Flags:
    """Which runs fail, [runs]: `verdicts.decide` for all of them at once."""
    alone = [state.fail_max >= -log(alpha * weight) for state, weight in zip(states, weights, strict=True)]
    if len(states) == 1:
        return flags(alone[0])  # its bound is the bound of the whole rollout
    read = [guardrails.read(one.rule, state) for one, state in zip(guarded, states, strict=True)]
    return flags(np.logical_or.reduce([verdicts.log_e_fail(read, weights) >= -log(alpha), *alone]))


def all_passed(states: Sequence[State], alpha: float) -> Flags:
    """Which runs pass every guardrail, [runs]."""
    return flags(np.logical_and.reduce([state.pass_max >= -log(alpha) for state in states]))


def block(one: Guarded, quality: Quality, look: Look) -> Counts:
    """The look as this rule reads it: at its own bucket edges, or as sums of values."""
    pair = look.measured[one.quality]
    if isinstance(quality, Rewards | Values):
        return _values(one, pair, look.share)
    chosen = [quality.edges_ms.index(edge) for edge in one.rule.edges_ms] if isinstance(quality, Timed) else [0]
    return evidence.counts(
        pair.candidate.total[:, None],
        pair.candidate.events[:, chosen],
        pair.baseline.total[:, None],
        pair.baseline.events[:, chosen],
        look.share,
    )


def _values(one: Guarded, pair: Pair, share: Floats) -> Counts:
    """Values turned so that more is better; within a range, how far from its best end."""
    candidate, baseline = (
        evidence.Values(arm.total[:, None], one.sign * arm.events, arm.squares)
        for arm in (pair.candidate, pair.baseline)
    )
    found = evidence.values(candidate, baseline, share)
    return found if one.ends is None else evidence.as_badness(found, *sorted(one.sign * end for end in one.ends))
