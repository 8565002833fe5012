"""What the plan may know of the world. The plan owns these types; the readers in `observe` fill them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrollout.judge.histograms import Histogram

Weights = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ExperimentView:
    """The Seldon Experiment as it was read.

    `owner` is empty when it is ours, else it says whose it is. `settled` is True when a watch saw Seldon take up
    this generation. `refusal` is Seldon's own word when it rejected the spec.
    """

    uid: str
    generation: int
    weights: Weights
    default: str
    is_ready: bool
    settled: bool = False
    owner: str = ""
    refusal: str = ""
    writer: str = ""
    fence: str = ""
    is_annotated: bool = True


@dataclass(frozen=True)
class ModelView:
    """A Seldon Model as it was read: ready means that its newest version serves."""

    name: str
    is_ready: bool
    artefact: str
    reason: str = ""


@dataclass(frozen=True)
class ArmCounts:
    """What one arm did between two evaluation times. `at_or_below` maps bucket edges (ms) to cumulative counts."""

    requests: float
    troubled: float = 0.0
    server_errors: float = 0.0
    timed: float = 0.0
    at_or_below: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LookData:
    """One reading of all guardrails between `since` and `until` (Unix seconds).

    `values` holds each free query's value, or the sentence that says why there is none. `gaps` holds guardrails that
    cannot be judged from this look, with the sentence that says why.
    """

    since: float
    until: float
    baseline: ArmCounts
    candidate: ArmCounts
    values: Mapping[str, float | str] = field(default_factory=dict)
    gaps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoData:
    """A look that found nothing to judge; `restart_from` is set when the silence was too long to bridge."""

    reason: str
    message: str
    restart_from: float | None = None


@dataclass(frozen=True)
class World:
    """Everything that was observed for one decision. A model that does not exist is absent from `models`."""

    experiment: ExperimentView | None
    models: Mapping[str, ModelView]
    generation: int
    uid: str
    scrape_seconds: float
    default_holder: str = ""
    look: LookData | NoData | None = None
    history: Histogram | None = None
