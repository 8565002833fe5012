"""How the evidence of many rollouts moves: a fan of e-values for healthy and for harmful candidates."""

from dataclasses import replace
from typing import Any

import numpy as np

from modelrollout.judge import guardrails, restarts
from modelrollout.judge.arrays import Floats, floats
from modelrollout.simulate import ours, scenarios, worlds
from modelrollout.simulate.inks import BLUE, RED
from modelrollout.simulate.scenarios import ERRORS, MEASURED

RUNS, HOURS, SHOWN = 400, 3.0, 6
BOUND = 1 / ours.ALPHA


def draw(axes: Any) -> None:
    """Where nine of ten runs are, their median, and a few of them, for errors at 10 req/s."""
    _fan(axes, False, BLUE, "identical candidates", (60 * HOURS * 0.98, 0.13))
    _fan(axes, True, RED, "candidates with\ntwice the errors", (60 * HOURS * 0.30, 8e4))
    axes.axhline(BOUND, color="black", linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(60 * HOURS * 0.98, BOUND * 0.75, "rolled back from here on (1/alpha)", fontsize=10, ha="right", va="top")
    axes.set(yscale="log", ylim=(0.08, 1e6), xlim=(0, 60 * HOURS))
    axes.set_xlabel("minutes since the rollout began (10 req/s, 5 % to the candidate)")
    axes.set_ylabel("evidence of harm (e-value)")
    axes.figure.suptitle("Evidence grows with harm, and goes nowhere without it")


def _fan(axes: Any, is_harmful: bool, colour: str, name: str, where: tuple[float, float]) -> None:
    minutes, paths = log_e_fail(is_harmful)
    low, middle, high = np.exp(np.quantile(paths, [0.05, 0.5, 0.95], axis=1))
    axes.fill_between(minutes, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(minutes, np.exp(paths[:, :SHOWN]), color=colour, linewidth=0.6, alpha=0.7)
    axes.plot(minutes, middle, color=colour, linewidth=2.8)
    axes.text(*where, name, color=colour, fontsize=11.5, weight="bold", ha="right")


def log_e_fail(is_harmful: bool) -> tuple[Floats, Floats]:
    """Minutes [looks], and ln E of Fail [looks, runs]."""
    world = replace(scenarios.cell(ERRORS, 10.0, is_harmful), hours=HOURS)
    guarded = ours.Guarded(MEASURED, scenarios.rule_of(ERRORS))
    schedule, state = restarts.Schedule(2880, 1), guardrails.start(guarded.rule, RUNS)
    minutes, paths = [], []
    for look in worlds.looks(world, RUNS, worlds.generator(world.name)):
        gamma = schedule.gamma(look.number, look.stage)
        state = ours.advanced(guarded, state, world.measured[MEASURED], look, gamma)
        minutes.append(look.minutes)
        paths.append(guardrails.read(guarded.rule, state).log_e_fail)
    return floats(minutes), floats(paths)
