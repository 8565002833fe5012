"""What a run of client traffic comes to, per arm and over time. Pure: records in, numbers out.

Times are Unix seconds; shares and accuracies are fractions (0-1). Nonsense that clients sent on purpose counts neither
as a failure nor for latency. Errors of means take outcomes as independent of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.traffic.records import Answer, Outcome

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Truths = NDArray[np.bool_]
Words = NDArray[np.str_]

Z_95 = 1.959963984540054
BOX = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The quantiles of a latency box: whisker, box, line, box, whisker, and a point beyond."""
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
REGIMES = ("bull", "bear", "sideways", "volatile")
FEW = 20
"""An accuracy from fewer labels than this says next to nothing: its interval is some 40 points wide."""


@dataclass(frozen=True)
class Asked:
    """Answers as columns, in the order in which the requests were sent."""

    at: Floats
    arm: Words
    climate: Words
    seconds: Floats
    is_ok: Truths
    is_garbage: Truths
    is_refused: Truths

    @property
    def failed(self) -> Truths:
        """Requests that a client would complain about."""
        return ~self.is_ok & ~self.is_garbage


@dataclass(frozen=True)
class Told:
    """Outcomes as columns, in the order of the predictions."""

    at: Floats
    """When the prediction was made."""
    arm: Words
    regime: Words
    is_correct: Truths
    profit: Floats


@dataclass(frozen=True)
class ArmFigures:
    """What one arm comes to. Latencies are milliseconds; what nothing is known of is NaN."""

    arm: str
    requests: int
    share: float
    """Of the requests that some arm answered."""
    failed: int
    p50: float
    p95: float
    p99: float
    labelled: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    profit_mean: float
    profit_error: float
    """Standard error of the mean."""
    profit_sum: float


def asked(answers: Sequence[Answer]) -> Asked:
    """Columns of the answers."""
    ordered = sorted(answers, key=lambda answer: answer.at)
    return Asked(
        np.array([answer.at for answer in ordered], dtype=np.float64),
        np.array([answer.arm for answer in ordered], dtype=np.str_),
        np.array([answer.climate for answer in ordered], dtype=np.str_),
        np.array([answer.seconds for answer in ordered], dtype=np.float64),
        np.array([answer.is_ok for answer in ordered], dtype=np.bool_),
        np.array([answer.is_garbage for answer in ordered], dtype=np.bool_),
        np.array([answer.is_refused for answer in ordered], dtype=np.bool_),
    )


def told(outcomes: Sequence[Outcome]) -> Told:
    """Columns of the outcomes."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.predicted_at)
    return Told(
        np.array([outcome.predicted_at for outcome in ordered], dtype=np.float64),
        np.array([outcome.arm for outcome in ordered], dtype=np.str_),
        np.array([outcome.regime for outcome in ordered], dtype=np.str_),
        np.array([outcome.is_correct for outcome in ordered], dtype=np.bool_),
        np.array([outcome.profit for outcome in ordered], dtype=np.float64),
    )


def arms(asked: Asked, told: Told) -> tuple[str, ...]:
    """Every arm that answered or was told of, by name."""
    return tuple(sorted({*asked.arm.tolist(), *told.arm.tolist()} - {""}))


def edges(first: float, last: float, most: int = 60) -> Floats:
    """Borders of at most `most` time bins of one round width, whole seconds at least, from `first` to past `last`."""
    span = max(last - first, 0.0)
    width = next((width for width in WIDTHS if span < most * width), None)
    if width is None:
        width = int(3600 * np.ceil((span + 1) / (3600 * most)))
    return first + width * np.arange(int(span // width) + 2, dtype=np.float64)


def equal_parts(times: Floats, most: int, least: int) -> Floats:
    """Borders of time bins that hold equally many of the (sorted) times: `least` or more in each, but `most` bins."""
    parts = int(np.clip(len(times) // least, 1, most))
    borders = np.unique(times[np.arange(parts) * len(times) // parts])
    return np.append(borders, np.nextafter(max(times[-1], borders[-1]), np.inf))


def of_arm(asked: Asked, told: Told, arm: str) -> ArmFigures:
    """The figures of one arm."""
    mine, ours = asked.arm == arm, told.arm == arm
    labelled, correct = int(ours.sum()), int((ours & told.is_correct).sum())
    low, high = wilson(correct, labelled)
    mean, error = mean_and_error(told.profit[ours])
    answered = int((asked.arm != "").sum())
    p50, p95, p99 = latencies(asked, arm, (0.5, 0.95, 0.99))
    return ArmFigures(
        arm=arm,
        requests=int(mine.sum()),
        share=mine.sum() / answered if answered else float("nan"),
        failed=int((mine & asked.failed).sum()),
        p50=p50,
        p95=p95,
        p99=p99,
        labelled=labelled,
        accuracy=correct / labelled if labelled else float("nan"),
        accuracy_low=float(low),
        accuracy_high=float(high),
        profit_mean=mean,
        profit_error=error,
        profit_sum=float(told.profit[ours].sum()),
    )


def wilson(correct: ArrayLike, labelled: ArrayLike, z: float = Z_95) -> tuple[Floats, Floats]:
    """Lower and upper end of the interval for a true share, of the counts' shape; (0, 1) where nothing is known.

    Wilson 1927, Journal of the American Statistical Association 22:209-212; z = 1.96 for 95 %.
    """
    n = np.asarray(labelled, dtype=np.float64)
    p = np.asarray(correct, dtype=np.float64) / np.maximum(n, 1)
    middle = (p * n + z * z / 2) / (n + z * z)
    spread = z * np.sqrt(p * (1 - p) * n + z * z / 4) / (n + z * z)
    return np.clip(middle - spread, 0, 1), np.clip(middle + spread, 0, 1)


def mean_and_error(values: Floats) -> tuple[float, float]:
    """Mean and its standard error; NaN where too few values leave them unknown (none, and less than two)."""
    if not len(values):
        return float("nan"), float("nan")
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return float(values.mean()), float(error)


def latencies(asked: Asked, arm: str, quantiles: Sequence[float] = BOX) -> tuple[float, ...]:
    """Quantiles of this arm's latency in milliseconds, of answers that clients can use; NaN without any."""
    seconds = asked.seconds[(asked.arm == arm) & asked.is_ok & ~asked.is_garbage]
    if not len(seconds):
        return tuple(float("nan") for _ in quantiles)
    return tuple(1000 * float(value) for value in np.quantile(seconds, quantiles))


def shares(asked: Asked, arms: Sequence[str], edges: Floats) -> Floats:
    """Each arm's share of the requests of each bin, [arms + 1, bins]; the last row are requests that no arm answered.

    A bin without requests is NaN.
    """
    counts = np.array([_counted(asked.at[asked.arm == arm], edges) for arm in (*arms, "")], dtype=np.float64)
    total = counts.sum(axis=0)
    return counts / np.where(total > 0, total, np.nan)


def accuracy_over_time(told: Told, arm: str, edges: Floats) -> tuple[Counts, Counts]:
    """Correct and labelled predictions of this arm that were made in each bin."""
    mine = told.arm == arm
    return _counted(told.at[mine & told.is_correct], edges), _counted(told.at[mine], edges)


def accuracy_by_regime(told: Told, arms: Sequence[str], regimes: Sequence[str]) -> tuple[Counts, Counts]:
    """Correct and labelled predictions by arm and regime, each [arms, regimes]."""
    cells = [[(told.arm == arm) & (told.regime == regime) for regime in regimes] for arm in arms]
    shape = (len(arms), len(regimes))
    labelled = np.array([[int(cell.sum()) for cell in row] for row in cells], dtype=np.int64).reshape(shape)
    correct = [[int((cell & told.is_correct).sum()) for cell in row] for row in cells]
    return np.array(correct, dtype=np.int64).reshape(shape), labelled


def accuracy_at_same_mix(told: Told, arms: Sequence[str]) -> Floats:
    """What the accuracy of each arm would be had all met the regimes equally often; NaN when that is not known.

    Direct standardisation: an arm's accuracy in a regime is weighted by the regime's share of the labels of all arms
    together. Without it an arm that answered most of its traffic in bad times looks bad. It is over the regimes of
    which every arm has FEW labels or more; arms with fewer in all have no say, and no figure.
    """
    correct, labelled = accuracy_by_regime(told, arms, regimes(told))
    known = labelled.sum(axis=1) >= FEW
    met = (labelled[known] >= FEW).all(axis=0)
    if not known.any() or not met.any():
        return np.full(len(arms), np.nan)
    accuracy = correct[:, met] / np.maximum(labelled[:, met], 1)
    return np.where(known, np.average(accuracy, axis=1, weights=labelled[known][:, met].sum(axis=0)), np.nan)


def regimes(told: Told) -> tuple[str, ...]:
    """The regimes that ruled: the market's in their own order, then others by name."""
    seen = set(told.regime.tolist()) - {""}
    return (*(regime for regime in REGIMES if regime in seen), *sorted(seen - set(REGIMES)))


def profit_over_time(told: Told, arm: str, times: Floats) -> tuple[Floats, Floats]:
    """Profit of all predictions made before each of the times, and its standard error.

    The sum of n independent profits has the error s sqrt(n), where s is their standard deviation so far; with less
    than two of them it is not known, and 0 is said.
    """
    mine = told.arm == arm
    n = np.searchsorted(told.at[mine], times)
    sums = np.concatenate([[0.0], np.cumsum(told.profit[mine])])[n]
    mean = told.profit[mine].mean() if mine.any() else 0.0
    centred = told.profit[mine] - mean  # squares of large numbers would lose the digits that matter
    first, second = (np.concatenate([[0.0], np.cumsum(centred**power)])[n] for power in (1, 2))
    variance = (second - first**2 / np.maximum(n, 1)) / np.maximum(n - 1, 1)
    return sums, np.where(n > 1, np.sqrt(np.maximum(variance, 0.0) * n), 0.0)


def profit_unit(told: Told) -> str:
    """Profits at the market are in basis points; of labels that were made up nobody knows the unit."""
    return "basis points" if (told.regime != "").any() else "in the labels' own unit"


def climates(asked: Asked, edges: Floats) -> list[tuple[float, float, str]]:
    """Which climate ruled from when to when: of each bin the one that most requests met; bins without go unsaid."""
    bins = np.searchsorted(edges, asked.at, side="right") - 1
    ruling = [Counter(asked.climate[bins == place].tolist()) for place in range(len(edges) - 1)]
    names = [(place, seen.most_common(1)[0][0] if seen else "") for place, seen in enumerate(ruling)]
    stretches = [(name, [place for place, _ in run]) for name, run in groupby(names, key=lambda each: each[1])]
    return [(float(edges[run[0]]), float(edges[run[-1] + 1]), name) for name, run in stretches if name]


def _counted(times: Floats, edges: Floats) -> Counts:
    return np.histogram(times, edges)[0].astype(np.int64)
