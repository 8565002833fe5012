"""The guardrail on the mean of a value, such as a reward, from three counters that the models export."""

import re
from typing import ClassVar

from pydantic import Field

from modelrollout.api.contract import DECIMAL, MARGIN, Contract, Rule, quoted
from modelrollout.api.counters import DELAY_MEANING, LABEL_MEANING, Limit, declared, label_left_out, one_limit
from modelrollout.api.forms import Decimal, DurationUpToAWeek, LabelName, MeanMargin, Selector


class Range(Contract):
    """Where values lie: the models clip them to it."""

    min: Decimal = Field(description="No value is below this.")
    max: Decimal = Field(description="No value is above this.")

    rules: ClassVar = (
        Rule(
            "double(self.min) < double(self.max)",
            lambda ends: float(ends.min) < float(ends.max),
            "min {seen}: different values need room between them",
            seen_cel="self.min + ' is not below max ' + self.max",
            seen=lambda ends: f"{ends.min} is not below max {ends.max}",
            given={"min": DECIMAL, "max": DECIMAL},
        ),
    )


# What `Mean.limit` says, in CEL.
_LIMIT = (
    "(has(self.maxDrop) ? self.maxDrop : has(self.maxIncrease) ? self.maxIncrease : "
    "has(self.min) ? self.min : has(self.max) ? self.max : '0.05sd')"
)
_LIMIT_NAME = (
    "(has(self.maxDrop) ? 'maxDrop' : has(self.maxIncrease) ? 'maxIncrease' : "
    "has(self.min) ? 'min' : has(self.max) ? 'max' : 'maxDrop')"
)
_LIMIT_IS_PLAIN = f"{_LIMIT}.matches({quoted(DECIMAL)})"
_FORMS = {"maxDrop": MARGIN, "maxIncrease": MARGIN, "min": DECIMAL, "max": DECIMAL}
_ENDS = {"range.min": DECIMAL, "range.max": DECIMAL}


class Mean(Contract):
    """Compares the mean of a value with the baseline's, or with a limit, from three counters."""

    count: Selector = Field(description="Counter of the values.")
    sum: Selector = Field(description="Sum of the values.")
    sum_of_squares: Selector = Field(description="Sum of the squares of the values.")
    label: LabelName = Field("model", description=LABEL_MEANING)
    max_drop: MeanMargin | None = Field(
        None,
        description=(
            "More is better: the candidate's mean may be at most this much below the baseline's. 5% of the baseline's "
            "mean, 0.05sd (standard deviations), or a plain number. Default: 0.05sd, when no other limit is declared."
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
            "The models clip every value to this range. With it the test is exact from the first value on; without "
            "it the test is exact for many values only."
        ),
    )
    label_delay: DurationUpToAWeek = Field("0s", description=DELAY_MEANING)

    rules: ClassVar = (
        Rule(
            "self.count != self.sum",
            lambda mean: mean.count != mean.sum,
            "'{seen}' is given as count and as sum: sum must be another counter",
            seen_cel="self.count",
            seen=lambda mean: mean.count,
        ),
        label_left_out("count", "sum", "sum_of_squares"),
        one_limit("max_drop", "max_increase", "min", "max"),
        Rule(
            f"!has(self.range) || {_LIMIT_IS_PLAIN}",
            lambda mean: mean.range is None or mean.has_plain_limit,
            "{seen} is no plain number: with a range declare min, max, or maxDrop or maxIncrease in the values' unit, "
            "because the exact test needs a limit that stays where it is",
            seen_cel=f"{_LIMIT_NAME} + ' ' + {_LIMIT}",
            seen=lambda mean: " ".join(mean.limit),
            given=_FORMS,
        ),
        Rule(
            f"!has(self.range) || !{_LIMIT_IS_PLAIN} || double(self.range.min) >= double(self.range.max) || "
            "(has(self.min) || has(self.max) "
            f"? double({_LIMIT}) > double(self.range.min) && double({_LIMIT}) < double(self.range.max) "
            f": double({_LIMIT}) < double(self.range.max) - double(self.range.min))",
            lambda mean: mean.range is None or not mean.has_plain_limit or _can_be_broken(mean.limit, mean.range),
            "{seen} decides nothing: choose a limit that some means in the range keep and others break",
            seen_cel=f"{_LIMIT_NAME} + ' ' + {_LIMIT} + ' with range ' + self.range.min + ' to ' + self.range.max",
            seen=lambda mean: f"{' '.join(mean.limit)} with range {mean.range.min} to {mean.range.max}",
            given=_FORMS | _ENDS,
        ),
    )

    @property
    def limit(self) -> Limit:
        """The limit that holds: `maxDrop`, `maxIncrease`, `min` or `max`."""
        found = declared(self, "max_drop", "max_increase", "min", "max")
        return next(iter(found), Limit("maxDrop", "0.05sd"))

    @property
    def has_plain_limit(self) -> bool:
        """True when the limit is in the unit of the values, so that it stays where it is."""
        return re.fullmatch(DECIMAL, self.limit.written) is not None


def _can_be_broken(limit: Limit, ends: Range) -> bool:
    """True when some means within the range keep a plain limit and others break it."""
    value, low, high = float(limit.written), float(ends.min), float(ends.max)
    return low < value < high if limit.name in {"min", "max"} else value < high - low
