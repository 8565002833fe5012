"""The spec of a ModelRollout: what a user declares.

Rules for these models, so that one source serves Python and the API server: strings, integers, booleans, enums,
lists and nested records only; every list and string is bounded; every field has a description; no defaults inside
list items reach the schema, they are resolved here.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationError

from modelrollout.api import sentences
from modelrollout.api.contract import BY_NAME, Contract, Rule, names_once
from modelrollout.api.forms import (
    Address,
    AlphaShare,
    Dispersion,
    Duration,
    DurationFromOneSecond,
    Matchers,
    Name,
)
from modelrollout.api.guardrails import ErrorRate, ErrorsOf, Guardrail, GuardrailAction, Latency, Query
from modelrollout.api.means import Mean, Range
from modelrollout.api.ratios import Ratio
from modelrollout.api.strategies import Advance, Approval, Canary, OnDeadline, Stage, Strategy
from modelrollout.errors import SpecInvalid

# Every part of the spec is imported from here; that some have a file of their own is no business of the others.
__all__ = [
    "Advance", "Analysis", "Approval", "Arm", "Canary", "ErrorRate", "ErrorsOf", "ExperimentRef", "Guardrail",
    "GuardrailAction", "Latency", "Mean", "OnDeadline", "OnInconclusive", "OnNoData", "Prometheus", "Query", "Range",
    "Ratio", "RolloutSpec", "SecretRef", "Stage", "Strategy", "parse",
]  # fmt: skip


class OnInconclusive(StrEnum):
    """What to do when a stage reaches maxDuration undecided."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


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
