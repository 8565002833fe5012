"""The e-process: wealth of a bettor against a null hypothesis, who can start anew at any look.

Under the null the expected wealth never exceeds the 1 it began with, at any stopping time; so by Ville's inequality
it ever reaches 1/alpha with probability at most alpha, however often one looks. The engine is the same for every kind
of guardrail: a likelihood gives log increments, one per alternative, and this file keeps the bets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.priors import WEIGHTS

LARGEST_BET = 1e150  # wealth beyond this changes no verdict, and a float must hold it
LARGEST_GAIN = 350.0  # nats in one look: more than LARGEST_BET, and their product still fits a float


@dataclass(frozen=True)
class EProcess:
    """Tests that share their restarts. bets [runs, tests, alternatives]; cash [runs] is the stake not yet placed."""

    bets: Floats
    cash: Floats


def start(runs: int, tests: int) -> EProcess:
    """Nothing bet yet: E = 1."""
    return EProcess(np.zeros((runs, tests, len(WEIGHTS))), np.ones(runs))


def advance(process: EProcess, log_increments: Floats, gamma: ArrayLike, dispersion: ArrayLike = 1.0) -> EProcess:
    """One look: place gamma of the stake on every alternative, then let the bets win or lose.

        M_j <- (M_j + gamma) exp(dL_j / phi)        cash <- cash - gamma

    gamma is a number or [runs], dispersion a number, [runs] or [runs, tests]; neither may depend on the block it is
    used on. gamma is cut to the cash left, so a caller that spends too much loses power and never validity. Dividing
    by a dispersion phi >= 1 keeps the expectation at most 1 by Jensen's inequality: E[exp(dL/phi)] <=
    E[exp(dL)]^(1/phi). So does cutting winnings.
    """
    placed = np.minimum(floats(gamma), process.cash)
    phi = np.maximum(floats(dispersion), 1.0)
    phi = phi[..., None] if phi.ndim == 2 else phi.reshape(-1, 1, 1)
    factors = np.exp(np.minimum(log_increments / phi, LARGEST_GAIN))
    bets = np.minimum((process.bets + placed[:, None, None]) * factors, LARGEST_BET)
    return EProcess(bets, process.cash - placed)


def value(process: EProcess) -> Floats:
    """E per run and test, [runs, tests]: cash + sum_j w_j M_j."""
    return floats(process.cash[:, None] + process.bets @ WEIGHTS)
