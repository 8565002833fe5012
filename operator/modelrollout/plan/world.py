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
    """A Seldon Model as it was read: ready means that its newest version serves. `edited_by` wrote its spec last."""

    name: str
    is_ready: bool
    artefact: str
    reason: str = ""
    edited_by: str = ""


@dataclass(frozen=True)
class ArmCounts:
    """What one arm did between two evaluation times.

    `at_or_below` maps bucket edges (ms) to cumulative counts. `under_way` says how many more requests were under way
    at the second of them than at the first; below 0: fewer.
    """

    requests: float
    troubled: float = 0.0
    server_errors: float = 0.0
    timed: float = 0.0
    at_or_below: Mapping[float, float] = field(default_factory=dict)
    under_way: float = 0.0


@dataclass(frozen=True)
class ArmSums:
    """What one arm's own counters say of a block.

    Of a ratio guardrail: how many in all, how many bad ones, and these again. Of a mean guardrail: how many values,
    their sum, which may be negative, and the sum of their squares. Nothing yet is 0.
    """

    total: float
    events: float
    squares: float


@dataclass(frozen=True)
class LookData:
    """One reading of all guardrails between `since` and `until` (Unix seconds).

    `values` holds each free query's value, or the sentence that says why there is none. `counted` holds
    (baseline, candidate) of each ratio and mean guardrail whose counters could be read. `gaps` holds guardrails that
    cannot be judged from this look, with the sentence that says why: their block is left out, for both arms. `asked`
    holds PromQL that shows people what each guardrail counts.
    """

    since: float
    until: float
    baseline: ArmCounts
    candidate: ArmCounts
    values: Mapping[str, float | str] = field(default_factory=dict)
    gaps: Mapping[str, str] = field(default_factory=dict)
    counted: Mapping[str, tuple[ArmSums, ArmSums]] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoData:
    """A look that found nothing to judge; `restart_from` is set when the silence was too long to bridge."""

    reason: str
    message: str
    restart_from: float | None = None


@dataclass(frozen=True)
class Windows:
    """What one source counted in windows of equal length, oldest first; 0 in a window that is not known."""

    step_seconds: float
    total: tuple[float, ...]
    events: tuple[float, ...]


@dataclass(frozen=True)
class History:
    """The baseline's own past, to learn from how much its counts scatter without any change.

    `errors` counts its requests and the troubled ones; None when nothing is known. `replicas` counts requests and
    errors of each of its replicas, busiest first, in the same windows: pseudo arms that cannot differ. Empty when
    nothing tells them apart. `notes` says what is missing and why, a sentence each.
    """

    errors: Windows | None = None
    replicas: tuple[Windows, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """Everything that was observed for one decision. A model that does not exist is absent from `models`.

    `unserved` says that there can be none, for the cluster does not know the kind; empty when it does.
    `told` is the annotation `modelrollout.io/action` as it stands, empty without one; `told_by` the field manager
    that wrote it, `edited_by` the one that wrote the spec. `is_asked` is False when Prometheus was left alone for now.
    """

    experiment: ExperimentView | None
    models: Mapping[str, ModelView]
    generation: int
    uid: str
    scrape_seconds: float
    default_holder: str = ""
    unserved: str = ""
    look: LookData | NoData | None = None
    history: Histogram | None = None
    windows: History | None = None
    told: str = ""
    told_by: str = ""
    edited_by: str = ""
    is_asked: bool = True
