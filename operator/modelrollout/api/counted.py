"""Guardrails over counters that the models export themselves: a share of good ones, and the mean of a value."""

from pydantic import Field

from modelrollout.api.contract import Contract
from modelrollout.api.forms import (
    Decimal,
    DurationUpToAWeek,
    LabelName,
    MeanMargin,
    NumberAboveOne,
    PartialShare,
    Points,
    Selector,
)

_LABEL = "Label that names the model: <model> or <model>_<version>; versions are summed. Default: model."
_DELAY = (
    "Labels come this long after the prediction. Evidence begins that long after the attempt's first stage: "
    "earlier labels speak of the version before. At most 168h. Default: 0s."
)


class Ratio(Contract):
    """Compares the share of good ones among all with the baseline's, or with a limit, from two counters."""

    good: Selector | None = Field(None, description="Counter of the good ones. Exactly one of good and bad.")
    bad: Selector | None = Field(None, description="Counter of the bad ones; good ones are total less bad.")
    total: Selector = Field(description="Counter of all of them.")
    label: LabelName = Field("model", description=_LABEL)
    max_drop: Points | None = Field(
        None,
        description=(
            "The candidate's share of good ones may be at most this many percentage points below the baseline's. "
            "Default: 2pp, when no other limit is declared."
        ),
    )
    max_ratio: NumberAboveOne | None = Field(
        None, description="Instead: the candidate may have at most this many times the baseline's share of bad ones."
    )
    min: PartialShare | None = Field(
        None, description="Instead, an absolute limit: the least share of good ones, for example 90%."
    )
    floor: PartialShare | None = Field(
        None,
        description="With maxRatio: a share of bad ones below this is never harm. Default: 0.5%.",
    )
    label_delay: DurationUpToAWeek = Field("0s", description=_DELAY)


class Range(Contract):
    """Where values lie: the models clip them to it."""

    min: Decimal = Field(description="No value is below this.")
    max: Decimal = Field(description="No value is above this.")


class Mean(Contract):
    """Compares the mean of a value with the baseline's, or with a limit, from three counters."""

    count: Selector = Field(description="Counter of the values.")
    sum: Selector = Field(description="Sum of the values.")
    sum_of_squares: Selector = Field(description="Sum of the squares of the values.")
    label: LabelName = Field("model", description=_LABEL)
    max_drop: MeanMargin | None = Field(
        None,
        description=(
            "More is better: the candidate's mean may be at most this much below the baseline's. 5% of the baseline's "
            "mean, 0.05sd standard deviations, or a plain number. Default: 0.05sd, when no other limit is declared."
        ),
    )
    max_increase: MeanMargin | None = Field(
        None, description="Instead, less is better: it may be at most this much above the baseline's."
    )
    min: Decimal | None = Field(None, description="Instead, an absolute limit: the least mean.")
    max: Decimal | None = Field(None, description="Instead, an absolute limit: the greatest mean.")
    range: Range | None = Field(
        None,
        description=(
            "The models clip every value to this. Then the test is exact, also with few values; without it the test "
            "is exact only with many."
        ),
    )
    label_delay: DurationUpToAWeek = Field("0s", description=_DELAY)
