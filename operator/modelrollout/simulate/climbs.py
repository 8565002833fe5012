"""Whole rollouts: stage by stage, from the first weight to the entrance of weight 100.

Each run goes its own way, so everything here is kept per run: the stage, the looks since the last gate, the
evidence. It follows the plan of the operator: a Fail rolls back at any time; a stage ends when its soak is over and
it passed (`OnPass`) or enough requests were seen (`OnSoak`); weight 100 is entered with a Pass alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from math import inf
from typing import Any

import numpy as np

from modelrollout.judge import guardrails, restarts
from modelrollout.judge.arrays import Flags, Floats, floats
from modelrollout.judge.guardrails import State
from modelrollout.judge.rule import Rule
from modelrollout.simulate import ours, worlds
from modelrollout.simulate.looks import Look, flags
from modelrollout.simulate.ours import Ours
from modelrollout.simulate.worlds import World

BATCH = 250
Change = Callable[[Rule, State], State]


@dataclass(frozen=True)
class Step:
    """A stage below weight 100: the candidate's share (0-1), times in minutes, and what ends it.

    min_requests is what every arm must have had in an `OnSoak` stage; None for a stage that ends with a Pass.
    """

    share: float
    soak_minutes: float = 5.0
    max_minutes: float = 1440.0
    min_requests: int | None = None


@dataclass(frozen=True)
class Climbed:
    """What became of each run. Minutes since the start, infinite for never.

    rolled_back, promoted (weight 100 was entered) and undecided (a stage reached its end without a verdict) [runs];
    entered [runs, stages + 1]: when each stage and then weight 100 was entered. lacking [runs, guardrails]: which had
    not passed since the last gate when the run ended.
    """

    rolled_back: Floats
    promoted: Floats
    undecided: Floats
    entered: Floats
    lacking: Flags

    @property
    def is_open(self) -> Flags:
        """The runs that were neither rolled back nor promoted."""
        return flags(np.isinf(self.rolled_back) & np.isinf(self.promoted))

    def spent(self, stage: int) -> Floats:
        """Minutes in this stage (from 0) of the runs that left it upwards, [those]."""
        began, ended = self.entered[:, stage], self.entered[:, stage + 1]
        return ended[np.isfinite(ended)] - began[np.isfinite(ended)]


def climb(world: World, judge: Ours, steps: Sequence[Step], runs: int, batch: int = BATCH) -> Climbed:
    """So many independent rollouts over these stages in this world; its own sharing is not used."""
    sizes = [min(batch, runs - begun) for begun in range(0, runs, batch)]
    parts = [_climb_batch(world, judge, steps, size, number) for number, size in enumerate(sizes)]
    return Climbed(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Climbed)))


def _climb_batch(world: World, judge: Ours, steps: Sequence[Step], runs: int, batch: int) -> Climbed:
    plan = _Climb(world, judge, steps, runs)
    for _ in worlds.looks(world, runs, worlds.generator(world.name, batch), plan):
        if not plan.is_climbing.any():
            break
    lacking = np.column_stack([~ours.all_passed([state], judge.alpha) for state in plan.states])
    return Climbed(plan.rolled_back, plan.promoted, plan.undecided, plan.entered, flags(lacking))


class _Climb:
    """The rollouts under way. They are the world's plan, too: their stage sets the share of the next block."""

    def __init__(self, world: World, judge: Ours, steps: Sequence[Step], runs: int) -> None:
        self.world, self.judge, self.steps = world, judge, steps
        self.schedule = restarts.Schedule(judge.planned_looks, len(steps) + 1)
        self.weights = ours.shares_of_alpha(judge.guarded)
        self.states = [guardrails.start(one.rule, runs) for one in judge.guarded]
        self.place, self.begins = np.zeros(runs, dtype=np.intp), np.ones(runs, dtype=bool)
        self.since_gate = np.zeros(runs)
        self.soaked, self.requests = np.zeros(runs), np.zeros((runs, 2))
        self.rolled_back, self.promoted, self.undecided = (np.full(runs, inf) for _ in range(3))
        self.entered = np.full((runs, len(steps) + 1), inf)
        self.entered[:, 0] = 0.0

    @property
    def is_climbing(self) -> Flags:
        """The runs that have not come to an end."""
        return flags(np.isinf(self.rolled_back) & np.isinf(self.promoted) & np.isinf(self.undecided))

    def share(self, interval: int) -> Floats:
        """The share of each run's stage."""
        del interval
        return floats([step.share for step in self.steps])[self.place]

    def stage(self, interval: int) -> int:
        """Stages are kept here, per run."""
        del interval
        return 0

    def learn(self, look: Look) -> None:
        """Judge the look, then end, climb or stay."""
        self._judge(look)
        climbing = self.is_climbing
        failed = ours.all_failed(self.judge.guarded, self.states, self.weights, self.judge.alpha)
        self.rolled_back[climbing & failed] = look.minutes
        passed = ours.all_passed(self.states, self.judge.alpha)
        for place, step in enumerate(self.steps):
            here = climbing & ~failed & (self.place == place)
            if here.any():
                self._move(look, step, place, here, passed)

    def _judge(self, look: Look) -> None:
        self.since_gate += 1
        begins = np.where(self.begins, self.place + 1, 0)
        gamma = self.schedule.gamma(look.number, begins), self.schedule.gamma(self.since_gate, begins)
        for at, one in enumerate(self.judge.guarded):
            quality, state = self.world.measured[one.quality], self.states[at]
            if self.begins.any():
                state = mixed(self.begins, guardrails.begin_stage(one.rule, state), state)
            block = ours.block(one, quality, look)
            self.states[at] = guardrails.advance(one.rule, state, block, *gamma, self.judge.dispersion)
        self.begins = np.zeros_like(self.begins)
        pair = max(look.measured.values(), key=lambda one: one.baseline.total.sum())  # outcomes may be known of fewer
        self.soaked += self.world.interval_seconds / 60
        self.requests += np.column_stack([pair.baseline.total, pair.candidate.total])

    def _move(self, look: Look, step: Step, place: int, here: Flags, passed: Flags) -> None:
        is_last = place + 1 == len(self.steps)
        gate = step.min_requests is None or is_last
        may_go = passed if gate else self.requests.min(axis=1) >= (step.min_requests or 0)
        soaked = self.soaked >= step.soak_minutes
        goes = here & soaked & may_go
        self.undecided[here & ~goes & (self.soaked >= step.max_minutes)] = look.minutes
        self.entered[goes, place + 1] = look.minutes
        if is_last:
            self.promoted[goes] = look.minutes
        elif goes.any():
            self._enter(goes, guardrails.reopen_pass if gate else guardrails.release_pass, gate)

    def _enter(self, goes: Flags, change: Change, gate: bool) -> None:
        """The next stage of these runs begins: after a gate, evidence to pass begins anew."""
        pairs = zip(self.judge.guarded, self.states, strict=True)
        self.states = [mixed(goes, change(one.rule, state), state) for one, state in pairs]
        self.place = self.place + goes
        self.begins = self.begins | goes
        self.soaked[goes], self.requests[goes] = 0.0, 0.0
        if gate:
            self.since_gate[goes] = 0.0


def mixed(chosen: Flags, one: State, other: State) -> State:
    """The chosen runs of one state and the remaining runs of the other; numbers of looks are the other's."""
    return State(**{f.name: _mixed(chosen, getattr(one, f.name), getattr(other, f.name)) for f in fields(State)})


def _mixed(chosen: Flags, one: Any, other: Any) -> Any:
    if is_dataclass(one):
        parts = {f.name: _mixed(chosen, getattr(one, f.name), getattr(other, f.name)) for f in fields(one)}
        return replace(other, **parts)
    if isinstance(one, np.ndarray):
        return np.where(chosen.reshape(-1, *[1] * (one.ndim - 1)), one, other)
    return other
