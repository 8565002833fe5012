"""The guardrails: each declares one quality that must hold, with a limit that a careful person would choose."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from modelrollout.api.contract import DECIMAL, Contract, Rule
from modelrollout.api.forms import (
    Decimal,
    Duration,
    Name,
    NumberAboveOne,
    PartialShare,
    PositiveDuration,
    PositiveShare,
    Quantile,
)
from modelrollout.api.means import Mean
from modelrollout.api.ratios import Ratio


class GuardrailAction(StrEnum):
    """What a failed guardrail does."""

    ROLLBACK = "Rollback"
    PAUSE = "Pause"
    REPORT = "Report"


class ErrorsOf(StrEnum):
    """Which requests count as errors."""

    TROUBLED_REQUESTS = "TroubledRequests"
    ANSWERS = "Answers"


class ErrorRate(Contract):
    """Compares the error rate of the candidate with the baseline's, or with a limit."""

    max_ratio: NumberAboveOne | None = Field(
        None, description="The candidate may have at most this many times the baseline's error rate. Default: 1.5."
    )
    floor: PartialShare = Field(
        "0.5%",
        description=(
            "In the comparison an error rate below this share of requests is never harm; without a floor a model "
            "without errors could never pass. Default: 0.5%."
        ),
    )
    max: PartialShare | None = Field(None, description="Absolute limit instead of the comparison, for example 2%.")
    of: ErrorsOf = Field(
        ErrorsOf.TROUBLED_REQUESTS,
        description=(
            "TroubledRequests counts every request that had a failed attempt, also those that a retry saved. "
            "Answers counts only what clients saw. Default: TroubledRequests."
        ),
    )

    rules: ClassVar = (
        Rule(
            "!(has(self.maxRatio) && has(self.max))",
            lambda rate: rate.max_ratio is None or rate.max is None,
            "maxRatio compares with the baseline and max is an absolute limit: declare one of them, "
            "or two guardrails with one each",
        ),
    )


class Latency(Contract):
    """Compares a latency quantile of the candidate with the baseline's, or with a limit, from histogram buckets."""

    quantile: Quantile = Field(0.95, description="Which quantile, between 0.5 and 0.999. Default: 0.95.")
    max_increase: PositiveShare | None = Field(
        None, description="The candidate's quantile may be at most this much above the baseline's. Default: 20%."
    )
    floor: Duration = Field("10ms", description="In the comparison a quantile below this is never harm. Default: 10ms.")
    max: PositiveDuration | None = Field(
        None, description="Absolute limit instead of the comparison, for example 250ms."
    )

    rules: ClassVar = (
        Rule(
            "!(has(self.maxIncrease) && has(self.max))",
            lambda latency: latency.max_increase is None or latency.max is None,
            "maxIncrease compares with the baseline and max is an absolute limit: declare one of them, "
            "or two guardrails with one each",
        ),
    )


class Query(Contract):
    """A plain threshold on a PromQL value, for what is no count. It gives no evidence for a promotion."""

    promql: str = Field(
        min_length=1,
        max_length=4096,
        description="PromQL that gives one value. {{model}} stands for the candidate, {{baseline}} for the baseline.",
    )
    max: Decimal | None = Field(None, description="The value must not be above this.")
    min: Decimal | None = Field(None, description="The value must not be below this.")
    for_: Duration = Field(
        "1m", alias="for", description="The value must be beyond the limit this long to fail. Default: 1m."
    )

    rules: ClassVar = (
        Rule(
            "has(self.max) || has(self.min)",
            lambda query: query.max is not None or query.min is not None,
            "declare max, min or both: without a limit there is nothing to guard",
        ),
        Rule(
            "!has(self.max) || !has(self.min) || double(self.min) <= double(self.max)",
            lambda query: query.max is None or query.min is None or float(query.min) <= float(query.max),
            "min {seen}: no value can be within both",
            seen_cel="self.min + ' is above max ' + self.max",
            seen=lambda query: f"{query.min} is above max {query.max}",
            given={"max": DECIMAL, "min": DECIMAL},
        ),
    )


class Guardrail(Contract):
    """One declared quality."""

    name: Name = Field(description="Name of the guardrail; status and events call it by this name.")
    error_rate: ErrorRate | None = Field(None, description="Error rate against the baseline's, or against a limit.")
    latency: Latency | None = Field(None, description="Latency quantile against the baseline's, or against a limit.")
    ratio: Ratio | None = Field(
        None, description="Share of good ones, such as accuracy, from two counters that the models export."
    )
    mean: Mean | None = Field(
        None, description="Mean of a value, such as a reward, from three counters that the models export."
    )
    query: Query | None = Field(None, description="A plain threshold on a PromQL value.")
    action: GuardrailAction = Field(
        GuardrailAction.ROLLBACK, description="What its failure does: Rollback, Pause or Report. Default: Rollback."
    )
    critical: bool = Field(
        False, strict=True, description="A critical guardrail gets twice the share of alpha. Default: false."
    )

    rules: ClassVar = (
        Rule(
            "[has(self.errorRate), has(self.latency), has(self.ratio), has(self.mean), has(self.query)]"
            ".filter(declared, declared).size() == 1",
            lambda rail: (
                [rail.error_rate, rail.latency, rail.ratio, rail.mean, rail.query].count(None) == 4  # all but one
            ),
            "guardrail '{seen}' must have exactly one of errorRate, latency, ratio, mean or query",
            seen_cel="self.name",
            seen=lambda rail: rail.name,
        ),
    )
