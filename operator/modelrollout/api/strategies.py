"""How traffic moves: the stages of a plan, and the strategies that are made of them."""

from enum import StrEnum
from itertools import pairwise
from typing import ClassVar

from pydantic import ConfigDict, Field

from modelrollout.api.contract import DURATION, Contract, Rule, seconds
from modelrollout.api.forms import Duration, PositiveDuration


class Advance(StrEnum):
    """What ends a stage."""

    ON_PASS = "OnPass"
    ON_SOAK = "OnSoak"


class OnDeadline(StrEnum):
    """What to do when nobody approved in time."""

    APPROVE = "Approve"
    ROLLBACK = "Rollback"


class Approval(Contract):
    """A stage that a person ends."""

    deadline: PositiveDuration | None = Field(
        None, description="After this time without an answer onDeadline decides. Default: it waits for ever."
    )
    on_deadline: OnDeadline | None = Field(None, description="At the deadline: Approve or Rollback.")

    rules: ClassVar = (
        Rule(
            "has(self.deadline) == has(self.onDeadline)",
            lambda approval: (approval.deadline is None) == (approval.on_deadline is None),
            "deadline and onDeadline need each other: declare both, or neither to wait for ever",
        ),
    )


_OF_WEIGHTS = {"soak": "soak", "maxDuration": "max_duration", "advance": "advance", "minRequests": "min_requests"}


class Stage(Contract):
    """One entry of the plan: a weight, or an approval under the weight of the stage before."""

    weight: int = Field(
        0, ge=1, le=100, strict=True, description="Percent of traffic that the candidate gets in this stage."
    )
    approval: Approval | None = Field(
        None,
        description=(
            "In place of weight: the weight stays, looks go on, and a person says go "
            "(kubectl modelrollout approve, or the annotation modelrollout.io/action)."
        ),
    )
    soak: Duration = Field(
        "5m", description="The least time in this stage, counted in looks that were made. Default: 5m."
    )
    max_duration: PositiveDuration = Field(
        "24h", description="After this time, counted in looks, analysis.onInconclusive decides. Default: 24h."
    )
    advance: Advance = Field(
        Advance.ON_PASS,
        description=(
            "What ends the stage. OnPass: every guardrail passed and the soak is over. OnSoak: the soak is over, "
            "minRequests were seen on every arm, and nothing failed. Default: OnPass. "
            "Entering weight 100 always needs Pass."
        ),
    )
    min_requests: int = Field(
        100,
        ge=0,
        le=1_000_000_000,
        strict=True,
        description="Requests that every arm must have had before OnSoak ends. Default: 100.",
    )

    rules: ClassVar = (
        Rule(
            "has(self.weight) != has(self.approval)",
            lambda stage: (stage.weight != 0) != (stage.approval is not None),
            "a stage has either a weight or an approval: write one of the two",
        ),
        Rule(
            " && ".join(f"!has(self.{name})" for name in _OF_WEIGHTS).join(("!has(self.approval) || (", ")")),
            lambda stage: stage.approval is None or not stage.model_fields_set & set(_OF_WEIGHTS.values()),
            f"an approval has no {', '.join(_OF_WEIGHTS)}: they belong to the stage before it",
            field="approval",
        ),
        Rule(
            "duration(has(self.soak) ? self.soak : '5m') <= duration(has(self.maxDuration) ? self.maxDuration : '24h')",
            lambda stage: seconds(stage.soak) <= seconds(stage.max_duration),
            "soak {seen}: shorten soak or lengthen maxDuration",
            seen_cel="(has(self.soak) ? self.soak : '5m') + ' is longer than maxDuration ' + "
            "(has(self.maxDuration) ? self.maxDuration : '24h')",
            seen=lambda stage: f"{stage.soak} is longer than maxDuration {stage.max_duration}",
            given={"soak": DURATION, "maxDuration": DURATION},
        ),
    )


class Canary(Contract):
    """One candidate takes over from the baseline, stage by stage."""

    stages: list[Stage] = Field(
        min_length=1,
        max_length=20,
        description="The plan, in order. Weights rise; the first stage has one, and the last is 100.",
    )

    rules: ClassVar = (
        Rule(
            "self.stages.filter(s, has(s.weight)).map(s, s.weight).isSorted() && "
            "self.stages.all(s, !has(s.weight) || self.stages.exists_one(t, has(t.weight) && t.weight == s.weight))",
            lambda canary: all(a < b for a, b in pairwise(_weights(canary.stages))),
            "weights must rise from stage to stage, for example 5, 25, 50, 100",
            field="stages",
        ),
        Rule(
            "size(self.stages) == 0 || !has(self.stages[0].approval)",
            lambda canary: canary.stages[0].approval is None,
            "the first stage must have a weight: to hold a rollout before it begins, set spec.paused",
            field="stages",
        ),
        Rule(
            "size(self.stages) == 0 || (has(self.stages[size(self.stages) - 1].weight) && "
            "self.stages[size(self.stages) - 1].weight >= 100)",
            lambda canary: canary.stages[-1].weight >= 100,
            "the last stage must have weight 100: that is where the candidate has taken over",
            field="stages",
        ),
        Rule(
            "size(self.stages) == 0 || self.stages.exists(s, has(s.weight) && s.weight < 100)",
            lambda canary: any(0 < stage.weight < 100 for stage in canary.stages),
            "a plan needs a stage below weight 100: that is where the evidence for taking over comes from",
            field="stages",
        ),
    )


def _weights(stages: list[Stage]) -> list[int]:
    return [stage.weight for stage in stages if stage.approval is None]


class Reserved(Contract):
    """A strategy that this version does not know yet."""

    # What a later version will write here meets our sentence, not a complaint about its first field.
    model_config = ConfigDict(extra="allow")


class Strategy(Contract):
    """How traffic moves."""

    canary: Canary | None = Field(None, description="One candidate takes over from the baseline, stage by stage.")
    ab_test: Reserved | None = Field(None, description="Reserved: not in this version.")
    bandit: Reserved | None = Field(None, description="Reserved: not in this version.")

    rules: ClassVar = (
        Rule(
            "!has(self.abTest) && !has(self.bandit)",
            lambda strategy: strategy.ab_test is None and strategy.bandit is None,
            "abTest and bandit are not in this version: use canary alone",
        ),
        Rule(
            "has(self.canary) || has(self.abTest) || has(self.bandit)",
            lambda strategy: strategy.canary is not None,
            "declare a strategy: canary, with its stages",
        ),
    )
