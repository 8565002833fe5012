"""What the market does to the arms: how often each is right, and what a turn of the market changed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from e2e.traffic import Outcome


@dataclass(frozen=True)
class Turn:
    """The market went over to another climate; `at` is Unix seconds."""

    climate: str
    at: float


def accuracies(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Percent of each arm's labelled predictions that came true."""
    labelled, correct = Counter[str](), Counter[str]()
    for outcome in outcomes:
        labelled[outcome.arm] += 1
        correct[outcome.arm] += outcome.is_correct
    return {arm: 100 * correct[arm] / count for arm, count in labelled.items()}


def sentence(turn: Turn, outcomes: Sequence[Outcome], arms: Sequence[str], begun: float) -> str:
    """What the turn did to the baseline and the candidate (`arms`, in this order), counted from `begun` on."""
    before = accuracies(outcome for outcome in outcomes if begun <= outcome.predicted_at < turn.at)
    after = accuracies(outcome for outcome in outcomes if outcome.predicted_at >= turn.at)
    falls = [f"from {before[arm]:.1f} to {after[arm]:.1f} % on {arm}" for arm in arms if arm in before and arm in after]
    told = f"The market turned {turn.climate} {turn.at - begun:.0f} s after the start"
    if len(falls) < len(arms):
        return f"{told}; too few labels tell what that changed."
    candidate = arms[-1]
    told += f": right predictions went {' and '.join(falls)}."
    if after[candidate] >= before[candidate]:
        return told
    return f"{told} A fixed limit between {after[candidate]:.1f} and {before[candidate]:.1f} % would have stopped it."
