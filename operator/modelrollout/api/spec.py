"""The spec of a ModelRollout: what a user declares.

Rules for these models, so that one source serves Python and the API server: strings, integers, booleans, enums,
lists and nested records only; every list and string is bounded; every field has a description; no defaults inside
list items reach the schema, they are resolved here.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from modelrollout.api import sentences
from modelrollout.api.contract import BY_NAME, DURATION, Contract, Rule, names_once, seconds
from modelrollout.api.forms import (
    Address,
    AlphaShare,
    Dispersion,
    Duration,
    DurationFromOneSecond,
    Matchers,
    Name,
    PositiveDuration,
)
from modelrollout.api.guardrails import ErrorRate, ErrorsOf, Guardrail, GuardrailAction, Latency, Query
from modelrollout.api.means import Mean, Range
from modelrollout.api.ratios import Ratio
from modelrollout.errors import SpecInvalid

# Every part of the spec is imported from here; that some have a file of their own is no business of the others.
__all__ = [
    "Advance", "Analysis", "Approval", "Arm", "Canary", "ErrorRate", "ErrorsOf", "ExperimentRef", "Guardrail",
    "GuardrailAction", "Latency", "Mean", "OnDeadline", "OnInconclusive", "OnNoData", "Prometheus", "Query", "Range",
    "Ratio", "RolloutSpec", "SecretRef", "Stage", "Strategy", "parse",
]  # fmt: skip


class Advance(StrEnum):
    """What ends a stage."""

    ON_PASS = "OnPass"
    ON_SOAK = "OnSoak"


class OnInconclusive(StrEnum):
    """What to do when a stage reaches maxDuration undecided."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


class OnDeadline(StrEnum):
    """What to do when nobody approved in time."""

    APPROVE = "Approve"
    ROLLBACK = "Rollback"


class OnNoData(StrEnum):
    """What to do when there was nothing to judge for longer than noDataDeadline."""

    HOLD = "Hold"
    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class Arm(Contract):
    """A Seldon Model in the namespace of the ModelRollout."""

    name: Name = Field(description="Name of the Seldon Model.")


class ExperimentRef(Contract):
    """The Seldon Experiment whose weights are moved."""

    name: Name | None = Field(None, description="Name of the Experiment. Default: the name of the ModelRollout.")


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


class Analysis(Contract):
    """How the guardrails are judged."""

    interval: DurationFromOneSecond = Field("30s", description="Time between two looks. Default: 30s.")
    alpha: AlphaShare = Field(
        "5%", description="Chance that a healthy candidate is rolled back, over the whole rollout. Default: 5%."
    )
    on_inconclusive: OnInconclusive = Field(
        OnInconclusive.PAUSE, description="At a stage's maxDuration: Pause, Rollback or Promote. Default: Pause."
    )
    on_no_data: OnNoData = Field(
        OnNoData.HOLD, description="After noDataDeadline without data: Hold, Pause or Rollback. Default: Hold."
    )
    no_data_deadline: Duration = Field("10m", description="How long to hold without data first. Default: 10m.")
    dispersion: Dispersion = Field(
        "Auto",
        description=(
            "How many times more the traffic scatters than independent requests would. Auto measures it; a number "
            'in quotes fixes it, "1" for independent requests. Default: Auto.'
        ),
    )
    clustered: bool = Field(
        False,
        strict=True,
        description=(
            "Requests come in sessions or retries that stick to an arm: then a failure is judged once per look, "
            "not once per request, which is slower and stays honest. Default: false."
        ),
    )


class SecretRef(Contract):
    """A Secret in the namespace of the ModelRollout."""

    name: Name = Field(
        description="Name of the Secret; keys: token, or username and password; ca.crt for a private CA."
    )


class Prometheus(Contract):
    """Where the numbers come from."""

    address: Address | None = Field(
        None, description="Address of Prometheus, http or https. Default: the operator's own setting."
    )
    secret_ref: SecretRef | None = Field(None, description="Credentials for the address.")
    scrape_interval: DurationFromOneSecond | None = Field(
        None, description="How often Prometheus scrapes the models' metrics. Default: the operator's own setting."
    )
    matchers: Matchers | None = Field(
        None,
        description='Label matchers put into every query instead of the namespace matcher, for example cluster="a".',
    )

    rules: ClassVar = (
        Rule(
            "!has(self.secretRef) || has(self.address)",
            lambda prometheus: prometheus.secret_ref is None or prometheus.address is not None,
            "secretRef needs an address: credentials are never sent to the operator's own Prometheus",
            field="secretRef",
        ),
    )


class RolloutSpec(Contract):
    """What the user wants: which models, which plan, which guardrails."""

    experiment: ExperimentRef = Field(ExperimentRef(), description="The Seldon Experiment whose weights are moved.")
    baseline: Arm = Field(description="The model that serves now.")
    candidates: Annotated[list[Arm], AfterValidator(names_once)] = Field(
        min_length=1, max_length=8, description="The models that may take over.", json_schema_extra=BY_NAME
    )
    strategy: Strategy = Field(description="How traffic moves. Exactly one of canary, abTest or bandit.")
    guardrails: Annotated[list[Guardrail], AfterValidator(names_once)] = Field(
        min_length=1, max_length=16, description="The qualities that must hold.", json_schema_extra=BY_NAME
    )
    analysis: Analysis = Field(Analysis(), description="How the guardrails are judged.")
    prometheus: Prometheus = Field(Prometheus(), description="Where the numbers come from.")
    paused: bool = Field(False, strict=True, description="Hold the rollout where it is. For Git.")

    rules: ClassVar = (
        Rule(
            "!self.candidates.exists(c, c.name == self.baseline.name)",
            lambda spec: all(candidate.name != spec.baseline.name for candidate in spec.candidates),
            "the baseline '{seen}' is among the candidates: a candidate must be another model",
            seen_cel="self.baseline.name",
            seen=lambda spec: spec.baseline.name,
            field="candidates",
        ),
        Rule(
            "!has(self.strategy.canary) || size(self.candidates) < 2",
            lambda spec: len(spec.candidates) < 2,
            "a canary has exactly one candidate, but '{seen}' is a second: keep one of them",
            seen_cel="self.candidates[1].name",
            seen=lambda spec: spec.candidates[1].name,
            field="candidates",
        ),
        Rule(
            "size(self.guardrails) == 0 || self.guardrails.exists("
            "g, !has(g.query) && (!has(g.action) || g.action != 'Report'))",
            lambda spec: any(
                rail.query is None and rail.action is not GuardrailAction.REPORT for rail in spec.guardrails
            ),
            "at least one errorRate, latency, ratio or mean guardrail must be able to stop the candidate: "
            "a query or a report alone is no evidence for a promotion",
            field="guardrails",
        ),
    )

    @property
    def candidate(self) -> Arm:
        """The one candidate of a canary."""
        return self.candidates[0]

    @cached_property
    def stages(self) -> list[Stage]:
        """The plan, in order. An approval has the weight of the stage before it."""
        if self.strategy.canary is None:
            raise SpecInvalid("spec.strategy.canary is missing: this version knows no other strategy")
        stages: list[Stage] = []
        for stage in self.strategy.canary.stages:
            stages.append(stage.model_copy(update={"weight": stages[-1].weight}) if stage.approval else stage)
        return stages


def parse(raw: Mapping[str, Any]) -> RolloutSpec:
    """The spec as a frozen record.

    Raises `SpecInvalid` with one sentence that names the field, the value and the cure.
    """
    try:
        return RolloutSpec.model_validate(raw)
    except ValidationError as problem:
        raise SpecInvalid(sentences.refusal(problem)) from problem
