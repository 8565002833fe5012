"""Stress sets: fresh windows from climates a model may not like, and how well it does on each.

The caller passes the function that answers windows with probabilities, so nothing here needs torch or a server.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rolloutmodels import market, trading
from rolloutmodels.climates import CALM, CRASH, USUAL, VOLATILE, WINTER, Climate, Regime

Answer = Callable[[NDArray[np.float32]], ArrayLike]

_WINDOWS_AT_ONCE = 2_048  # all at once would need gigabytes in a deep network


@dataclass(frozen=True)
class StressSet:
    """A climate, and what each trade costs in basis points."""

    name: str
    climate: Climate
    cost: float
    definition: str


SETS = (
    StressSet("calm", CALM, 0.0, "Rising and sideways regimes only: small moves and clear signals."),
    StressSet(
        "volatile", VOLATILE, 0.0, "The volatile regime only: moves over twice the calm ones, signals 40 % weaker."
    ),
    StressSet("crash", CRASH, 0.0, "Bear and volatile regimes; every step pushed down by a quarter of the volatility."),
    StressSet(
        "sector-winter", WINTER, 0.0, "Whole sectors of 32 assets in an endless bear market, signals 20 % weaker."
    ),
    StressSet(
        "transaction-costs", USUAL, 10.0, "The usual climate; each prediction is traded at 10 bp, the usual spread."
    ),
)


@dataclass(frozen=True)
class Score:
    """How often the predicted side came true, and its standard error (binomial); both fractions (0-1)."""

    accuracy: float
    standard_error: float


@dataclass(frozen=True)
class Result:
    """A model on one stress set. Accuracies are fractions (0-1), profits per prediction in basis points after costs."""

    accuracy: float
    standard_error: float
    bayes_accuracy: float
    profit_mean: float
    profit_standard_error: float


def examine(answer: Answer, law: market.Law, seed: int, samples: int) -> dict[str, Result]:
    """Results by name of the stress set, in the order of `SETS`.

    `answer` takes windows [n, 10, 35] and gives n probabilities of a rise, in any shape. The seed must not be one of
    the model's training or validation. Raises ValueError when the answers are no probabilities.
    """
    return {kind.name: _examine(kind, answer, market.sample(law, seed, samples, kind.climate)) for kind in SETS}


def by_regime(probabilities: ArrayLike, sample: market.Sample) -> dict[str, Score]:
    """Scores by lower-case name of the regime that ruled the step after the window; regimes not met are left out."""
    hits = _rises(probabilities, len(sample)) == (sample.labels == 1.0)
    met = [regime for regime in Regime if (sample.regimes == regime).any()]
    return {regime.name.lower(): _score(hits[sample.regimes == regime]) for regime in met}


def _examine(kind: StressSet, answer: Answer, sample: market.Sample) -> Result:
    rises = _rises(_answers(answer, sample.features), len(sample))
    score = _score(rises == (sample.labels == 1.0))
    profits = trading.profits(rises, sample.returns, kind.cost)
    return Result(
        accuracy=score.accuracy,
        standard_error=score.standard_error,
        bayes_accuracy=sample.bayes_accuracy,
        profit_mean=float(profits.mean()),
        profit_standard_error=float(profits.std() / np.sqrt(len(profits))),
    )


def _answers(answer: Answer, windows: NDArray[np.float32]) -> NDArray[np.float64]:
    parts = [windows[start : start + _WINDOWS_AT_ONCE] for start in range(0, len(windows), _WINDOWS_AT_ONCE)]
    return np.concatenate([np.asarray(answer(part), dtype=np.float64).reshape(-1) for part in parts])


def _rises(probabilities: ArrayLike, samples: int) -> NDArray[np.bool_]:
    """Where a rise was predicted."""
    answers = np.asarray(probabilities, dtype=np.float64).reshape(-1)
    if len(answers) != samples:
        raise ValueError(f"There are {len(answers)} answers to {samples} windows; give one probability for each.")
    wrong = answers[~((answers >= 0.0) & (answers <= 1.0))]
    if len(wrong):
        raise ValueError(f"{wrong[0]} is no probability; a model must answer with numbers from 0 to 1.")
    return answers > 0.5


def _score(hits: NDArray[np.bool_]) -> Score:
    accuracy = float(hits.mean())
    return Score(accuracy, float(np.sqrt(accuracy * (1.0 - accuracy) / len(hits))))
