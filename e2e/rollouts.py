"""A ModelRollout as stories declare it and read it. Pure: plain objects in, words and numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

ERRORS: Object = {"name": "errors", "errorRate": {"floor": "5%"}}
LATENCY: Object = {"name": "latency", "latency": {"floor": "50ms"}}
ACCURACY: Object = {
    "name": "accuracy",
    "ratio": {
        "good": "model_predictions_correct_total",
        "total": "model_predictions_labelled_total",
        "maxDrop": "8pp",
    },
}
PROFIT: Object = {
    "name": "profit",
    "mean": {
        "count": "model_profit_count_total",
        "sum": "model_profit_sum",
        "sumOfSquares": "model_profit_sum_of_squares_total",
        "maxDrop": "0.3sd",
    },
}


def stage(weight: int, soak: str = "4s", **more: Any) -> Object:
    """A stage of the plan."""
    return {"weight": weight, "soak": soak, **more}


def on_soak(weight: int, soak: str = "4s", requests: int = 10) -> Object:
    """A stage that ends with its soak."""
    return stage(weight, soak, advance="OnSoak", minRequests=requests)


@dataclass(frozen=True)
class Rollout:
    """A ModelRollout as it was read."""

    found: Object

    @property
    def status(self) -> Object:
        return self.found.get("status") or {}

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    @property
    def message(self) -> str:
        return str(self.status.get("message", ""))

    @property
    def attempt(self) -> int:
        return int(self.status.get("attempt", 0))

    @property
    def traffic(self) -> Object:
        return self.status.get("traffic") or {}

    @property
    def stage(self) -> int:
        """As people count, from 1; 0 before the first."""
        return int(self.status["stage"]["index"]) + 1 if self.status.get("stage") else 0

    @property
    def soaked_seconds(self) -> float:
        return float(self.status["stage"]["soakedSeconds"])

    @property
    def counted_from(self) -> float:
        """Where the first block of its evidence begins (Unix seconds)."""
        return float(self.status["blocks"][0]["since"])

    @property
    def weight_in_force(self) -> int | None:
        """The candidate's weight, once Seldon is known to have taken it."""
        return int(self.traffic["candidateWeight"]) if self.traffic.get("appliedAt") else None

    @property
    def reasons(self) -> list[str]:
        """What was decided, oldest first."""
        return [entry["reason"] for entry in reversed(self.status.get("history", []))]

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and message of a condition; empty before it is there."""
        listed = {condition["type"]: condition for condition in self.status.get("conditions", [])}
        found = listed.get(kind, {})
        return str(found.get("status", "")), str(found.get("message", ""))

    def is_true(self, kind: str) -> bool:
        return self.condition(kind)[0] == "True"

    def guardrail(self, name: str) -> Object:
        listed: dict[str, Object] = {one["name"]: one for one in self.status.get("guardrails", [])}
        return listed.get(name, {})

    def is_at(self, number: int, weight: int) -> bool:
        """True in this stage with its weight in force."""
        return self.stage == number and self.weight_in_force == weight
