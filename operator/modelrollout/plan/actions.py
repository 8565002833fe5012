"""What a decision may ask for. A closed set: `act.execute` knows each of them and nothing else changes the world."""

from dataclasses import dataclass
from enum import Enum

from modelrollout.api.status import RolloutStatus
from modelrollout.plan.world import Weights


@dataclass(frozen=True)
class CreateExperiment:
    """Create the Owned Experiment."""

    name: str
    default: str
    weights: Weights
    fence: str


@dataclass(frozen=True)
class WriteWeights:
    """Change arms or weights of the Experiment, if it still is what was read."""

    name: str
    uid: str
    default: str
    weights: Weights
    fence: str
    read_default: str
    read_weights: Weights
    read_fence: str
    read_generation: int
    is_annotated: bool


Action = CreateExperiment | WriteWeights


class Level(Enum):
    """How an Event is shown."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class Notice:
    """Something happened: becomes an Event, and for decisions an entry of the history."""

    reason: str
    message: str
    level: Level = Level.NORMAL


@dataclass(frozen=True)
class Decision:
    """What to do now, and when to look again (Unix seconds; None: only when something changes)."""

    status: RolloutStatus
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    check_again_at: float | None = None
