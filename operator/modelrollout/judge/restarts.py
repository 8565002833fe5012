"""When an e-process may start anew, and with how much of its stake.

An e-process that started at look 1 has lost much of its wealth by the time late harm begins. A weighted sum of
e-processes that start at different looks is an e-process as long as the weights sum to at most 1 (the e-detectors of
Shin, Ramdas and Rinaldo are the unweighted form), so some stake is kept for later starts.
"""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from modelrollout.judge.arrays import Floats, floats

FIRST_LOOK = 0.5
STAGE_STARTS = 0.25
EVERY_LOOK = 0.25


@dataclass(frozen=True)
class Schedule:
    """Restart weights of one e-process: half at the first look, a quarter over stage starts, a quarter over all looks.

    planned_looks: how many looks are expected (a day of 30 s looks is 2,880); stages: how many stages are declared.
    Both only tune power. Beyond the plan nothing is left to bet and the weight is 0.
    """

    planned_looks: int
    stages: int

    def __post_init__(self) -> None:
        if self.planned_looks < 1 or self.stages < 1:
            raise ValueError(
                f"planned_looks is {self.planned_looks} and stages is {self.stages}: both must be at least 1"
            )

    def gamma(self, look: ArrayLike, stage_start: ArrayLike = 0) -> Floats:
        """The weight of a start at this look (1, 2, ...).

        stage_start: 1, 2, ... at the first look of the first, second, ... stage; 0 at every other look.
        Both are counted since this e-process began (for PASS: since the last gate). Over any run the weights sum to
        at most 1 because each look and each stage start happens once.
        """
        k, stage = floats(look), floats(stage_start)
        first = FIRST_LOOK * (k == 1)
        staged = STAGE_STARTS / self.stages * ((stage >= 1) & (stage <= self.stages))
        spread = EVERY_LOOK / self.planned_looks * ((k >= 1) & (k <= self.planned_looks))
        return floats(first + staged + spread)
