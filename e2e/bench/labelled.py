"""Labels of real predictions: whether Prometheus has each of them once, and how good the models are by them."""

from __future__ import annotations

import contextlib
import json
import math
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e.bench.figures import Figure, Section
from e2e.bench.waiting import wait
from e2e.stack import Stack
from e2e.stack.errors import StackError
from e2e.stack.paths import ROOT
from e2e.traffic import Outcome, Traffic
from e2e.traffic.labels import Teller

SECONDS_FOR_A_SCRAPE = 30.0
POINTS_OFF_THE_CARD = 1.0
LABELLED, CORRECT, REPEATED, AGE = (
    "model_predictions_labelled_total",
    "model_predictions_correct_total",
    "model_feedback_repeated_total",
    "model_prediction_age_seconds",
)

Version = tuple[str, str]  # a model, and the number of its version


@dataclass(frozen=True)
class Tally:
    """Labels of one version of a model, and those that came true."""

    labelled: int
    correct: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.labelled

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.accuracy * (1 - self.accuracy) / self.labelled)


def labels(stack: Stack, traffic: Traffic, models: Sequence[str]) -> Section:
    """What clients told against what Prometheus has, after the clients have gone; then the models by their labels."""
    told = told_of(traffic.outcomes())
    if traffic.teller is None or not told:
        raise StackError("the clients told no label: nothing to compare")
    found = _counted_when_settled(stack, told)
    answered = len(traffic.seen().answers) - len(traffic.seen().failed)
    figures = (evidence(told, found), *_journeys(stack, traffic.teller, told, answered), *_accuracies(found, models))
    return Section("labels told for these predictions", figures)


def told_of(outcomes: Iterable[Outcome]) -> dict[Version, Tally]:
    """The clients' own count of what they have told."""
    labelled, correct = Counter[Version](), Counter[Version]()
    for outcome in outcomes:
        labelled[outcome.arm, outcome.version] += 1
        correct[outcome.arm, outcome.version] += outcome.is_correct
    return {version: Tally(total, correct[version]) for version, total in labelled.items()}


def counted(stack: Stack) -> dict[Version, Tally]:
    """What Prometheus has of every version."""
    labelled, correct = (_by_version(stack, counter) for counter in (LABELLED, CORRECT))
    return {version: Tally(round(total), round(correct.get(version, 0.0))) for version, total in labelled.items()}


def _counted_when_settled(stack: Stack, told: Mapping[Version, Tally]) -> dict[Version, Tally]:
    """What Prometheus has once it agrees with the clients, or when it still does not after a while."""
    with contextlib.suppress(StackError):  # what differs is the figure
        wait(lambda: counted(stack) == told, "Prometheus to have every label", 0.5, SECONDS_FOR_A_SCRAPE)
    return counted(stack)


def evidence(told: Mapping[Version, Tally], counted: Mapping[Version, Tally]) -> Figure:
    """Exact, or how many versions differ and how."""
    different = sorted(version for version in {*told, *counted} if told.get(version) != counted.get(version))
    said = "; ".join(
        f"{'_'.join(version)}: told {told.get(version)}, counted {counted.get(version)}" for version in different
    )
    total = sum(tally.labelled for tally in told.values())
    value = "exact" if not different else f"{len(different)} wrong"
    return Figure("labels in Prometheus", value, note=said or f"{total:,} told, each counted once")


def _journeys(stack: Stack, teller: Teller, told: Mapping[Version, Tally], answered: int) -> tuple[Figure, ...]:
    total = sum(tally.labelled for tally in told.values())
    ages = (ask(stack, f"sum({AGE}_{part})").get((), 0.0) for part in ("sum", "count"))
    return (
        Figure("labels told", total, "", note=f"{answered - total:,} predictions never got one"),
        Figure("labels told again, and not counted again", ask(stack, f"sum({REPEATED})").get((), 0.0)),
        Figure("requests with labels that were refused", len(teller.refused), "", note="goal 0"),
        Figure("labels of which nobody knows", teller.given_up, "", note="goal 0"),
        Figure("age of a label on arrival, mean", _mean(*ages), "s"),
    )


def _accuracies(counted: Mapping[Version, Tally], models: Sequence[str]) -> tuple[Figure, ...]:
    seen = {model: counted[model, "1"] for model in models if (model, "1") in counted}
    each = (_accuracy(model, tally) for model, tally in seen.items())
    name = "accuracy: " + " <= ".join(models).replace("<=", "<", 1)
    return (
        *each,
        Figure(name, _order([tally.accuracy for tally in seen.values()]) if len(seen) == len(models) else None),
    )


def _order(accuracies: Sequence[float]) -> str:
    """Whether the first is the lowest, and none of the others is below the one before it."""
    first, *others = accuracies
    holds = all(first < other for other in others) and others == sorted(others)
    return "holds" if holds else "does not hold"


def _accuracy(model: str, tally: Tally) -> Figure:
    """How far a model is from its card, in points."""
    card = _card(model)["test"]
    off = 100 * abs(tally.accuracy - card["accuracy"])
    said = (
        f"{100 * tally.accuracy:.2f} % of {tally.labelled:,}, standard error {100 * tally.standard_error:.2f}; "
        f"card {100 * card['accuracy']:.2f}, standard error {100 * card['standard_error']:.2f}"
    )
    return Figure(f"accuracy of {model}: off its card", off, "points", POINTS_OFF_THE_CARD, said)


def _card(model: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((ROOT / "models" / "artefacts" / model / "card.json").read_text())
    return card


def _by_version(stack: Stack, counter: str) -> dict[Version, float]:
    asked = ask(stack, f"sum by (model, model_version) ({counter})")
    return {(dict(labels)["model"], dict(labels)["model_version"]): value for labels, value in asked.items()}


def ask(stack: Stack, query: str) -> dict[tuple[tuple[str, str], ...], float]:
    """What Prometheus answers now, by labels."""
    asked = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{stack.prometheus_url}/api/v1/query?{asked}", timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return {tuple(sorted(series["metric"].items())): float(series["value"][1]) for series in result}


def _mean(total: float, count: float) -> float | None:
    return total / count if count else None
