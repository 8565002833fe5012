"""What becomes of predictions: of each its truth, its profit, and when a client gets to know of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rolloutmodels import trading
from rolloutmodels.climates import Regime

from e2e.traffic import protocol
from e2e.traffic.questions import Question

_REGIMES = {regime.value: regime.name.lower() for regime in Regime}


@dataclass(frozen=True)
class Quality:
    """How good an arm is: the share of its predictions that come true (0-1), and the profit of one."""

    accuracy: float = 0.9
    profit_mean: float = 0.0
    profit_sd: float = 1.0


@dataclass(frozen=True)
class Labelling:
    """How labels come: to which feedback model, about which arms, and how late.

    Without `arms` every prediction is judged by the market: the label and the return of its window, traded at a `cost`
    in basis points. With `arms` truths are drawn instead, so that each is as good as it is set to be, and others get no
    labels; an arm is named as a model, or as one version of it (`enhanced_2`), which then goes before the model's name.

    The delay of each is drawn evenly from `delay_seconds` to `delay_seconds + spread_seconds`. Of a share `lost` the
    truth never becomes known, and a share `repeated` of the batches is sent twice. A `seed` gives the n-th prediction
    of an arm the same fate in every run; arms that are given may be called anything. Without a `feedback_model` labels
    are told to nobody, but clients know of them.
    """

    feedback_model: str = ""
    arms: Mapping[str, Quality] = field(default_factory=dict)
    delay_seconds: float = 0.3
    spread_seconds: float = 0.4
    lost: float = 0.0
    repeated: float = 0.0
    seed: int = 11
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Label:
    """What became of one prediction made at `predicted_at` (Unix seconds), to be known `delay` seconds later."""

    predicted_at: float
    delay: float
    key: str
    """The arm as the labelling names it."""
    route: str
    predicted: int
    actual: int
    profit: float
    regime: str = ""


class Fates:
    """Labels for predictions, in the order in which they were answered."""

    def __init__(self, labelling: Labelling) -> None:
        self._labelling = labelling
        self._chances = {arm: self._chance(place) for place, arm in enumerate(labelling.arms)}

    def labels(self, route: str, at: float, predicted: list[int], question: Question) -> Iterator[Label]:
        """Of what this arm answered to a question asked at that time; what is lost is left out."""
        if self._labelling.arms:
            return self._drawn(route, at, predicted)
        return self._of_market(route, at, predicted, question)

    def _drawn(self, route: str, at: float, predicted: list[int]) -> Iterator[Label]:
        arm, _ = protocol.arm_and_version(route)
        key = route if route in self._chances else arm
        quality = self._labelling.arms.get(key)
        if quality is None:
            return
        chance = self._chances[key]
        for one in predicted:
            is_correct = chance.random() < quality.accuracy
            profit = chance.gauss(quality.profit_mean, quality.profit_sd)
            if (delay := self._delay(chance)) is not None:
                yield Label(at, delay, key, route, one, one if is_correct else 1 - one, profit)

    def _of_market(self, route: str, at: float, predicted: list[int], question: Question) -> Iterator[Label]:
        arm, _ = protocol.arm_and_version(route)
        if arm not in self._chances:
            self._chances[arm] = self._chance(arm)
        profits = trading.profits(predicted, question.returns, self._labelling.cost).tolist()
        rows = zip(predicted, question.actual.tolist(), profits, question.regimes.tolist(), strict=True)
        for one, actual, profit, regime in rows:
            if (delay := self._delay(self._chances[arm])) is not None:
                yield Label(at, delay, arm, route, one, actual, profit, _REGIMES[regime])

    def _delay(self, chance: random.Random) -> float | None:
        """Seconds until the truth is known; None when it never is."""
        delay = self._labelling.delay_seconds + chance.random() * self._labelling.spread_seconds
        return None if chance.random() < self._labelling.lost else delay

    def _chance(self, arm: int | str) -> random.Random:
        return random.Random(f"{self._labelling.seed}/{arm}")
