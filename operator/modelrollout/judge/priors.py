"""Which alternatives an e-process bets on, and how much on each."""

import numpy as np

from modelrollout.judge.arrays import Floats

SPREAD = 15  # alternatives beside the design one
WEIGHTS: Floats = np.concatenate([[0.5], np.full(SPREAD, 0.5 / SPREAD)])


def prior_grid(null: float, design: float, far: float) -> Floats:
    """The 16 alternatives between `null` and `far`: the design one first, then 15 log-spaced ones.

    The 15 begin a quarter of the way (in log) from null to design, so that harm milder than the design is still seen.
    Half the weight is on the design alternative, half is shared by the others (`WEIGHTS`): the bet is best
    where the margin is, and loses at most ln 30 elsewhere. Mixture e-processes: Howard, Ramdas, McAuliffe, Sekhon 2021.
    """
    near = null * (design / null) ** 0.25
    return np.concatenate([[design], np.geomspace(near, far, SPREAD)])
