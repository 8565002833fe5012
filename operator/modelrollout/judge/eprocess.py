"""The e-process: wealth of a bettor against a null hypothesis, who can start anew at any look.

Under the null the expected wealth never exceeds the 1 it began with, at any stopping time; so by Ville's inequality
it ever reaches 1/alpha with probability at most alpha, however often one looks. The engine is the same for every kind
of guardrail: a likelihood gives log increments, one per alternative, and this file keeps the sum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.priors import LOG_WEIGHTS

WEIGHTS: Floats = np.exp(LOG_WEIGHTS)


@dataclass(frozen=True)
class EProcess:
    """Tests that share their restarts. log_m [runs, tests, alternatives]; cash [runs] is the stake not yet placed."""

    log_m: Floats
    cash: Floats


def start(runs: int, tests: int) -> EProcess:
    """Nothing bet yet: E = 1."""
    return EProcess(np.full((runs, tests, len(WEIGHTS)), -np.inf), np.ones(runs))


def advance(process: EProcess, log_increments: Floats, gamma: ArrayLike, dispersion: ArrayLike = 1.0) -> EProcess:
    """One look: place gamma of the stake on the alternatives, then let every bet win or lose.

        logM_j <- logaddexp(logM_j, ln gamma) + dL_j / phi        cash <- cash - gamma

    gamma and dispersion are numbers or [runs], and must not depend on the block they are used on. gamma is cut to the
    cash left, so a caller that spends too much loses power and never validity. Dividing by a dispersion phi >= 1 keeps
    the expectation at most 1 by Jensen's inequality: E[exp(dL/phi)] <= E[exp(dL)]^(1/phi).
    """
    placed = np.minimum(floats(gamma), process.cash)
    tempered = log_increments / np.maximum(floats(dispersion), 1.0).reshape(-1, 1, 1)
    with np.errstate(divide="ignore"):  # ln 0 = -inf is meant: nothing placed
        log_m = np.logaddexp(process.log_m, np.log(placed)[:, None, None]) + tempered
    return EProcess(log_m, process.cash - placed)


def log_value(process: EProcess) -> Floats:
    """ln E per run and test, [runs, tests]: E = cash + sum_j w_j exp(logM_j)."""
    cash = process.cash[:, None]
    richest = process.log_m.max(axis=-1)
    scale = np.where(cash > 0, np.maximum(richest, 0.0), richest)  # keeps exp in range and the sum above 0
    total = cash * np.exp(-scale) + np.exp(process.log_m - scale[..., None]) @ WEIGHTS
    return floats(scale + np.log(total))
