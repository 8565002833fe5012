"""The guardrail on a share of good ones, such as accuracy, from two counters that the models export."""

from typing import ClassVar

from pydantic import Field

from modelrollout.api.contract import Contract, Rule
from modelrollout.api.counters import DELAY_MEANING, LABEL_MEANING, Limit, declared, label_left_out, one_limit
from modelrollout.api.forms import DurationUpToAWeek, LabelName, NumberAboveOne, PartialShare, Points, Selector


class Ratio(Contract):
    """Compares the share of good ones among all with the baseline's, or with a limit, from two counters."""

    good: Selector | None = Field(None, description="Counter of the good ones. Exactly one of good and bad.")
    bad: Selector | None = Field(None, description="Counter of the bad ones; the good ones are total less bad.")
    total: Selector = Field(description="Counter of all of them.")
    label: LabelName = Field("model", description=LABEL_MEANING)
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
        None, description="With maxRatio: a share of bad ones below this is never harm. Default: 0.5%."
    )
    label_delay: DurationUpToAWeek = Field("0s", description=DELAY_MEANING)

    rules: ClassVar = (
        Rule(
            "has(self.good) != has(self.bad)",
            lambda ratio: (ratio.good is None) != (ratio.bad is None),
            "declare good or bad, exactly one of them: the other follows from total",
        ),
        Rule(
            "(has(self.good) ? self.good : '') != self.total && (has(self.bad) ? self.bad : '') != self.total",
            lambda ratio: ratio.total not in (ratio.good, ratio.bad),
            "'{seen}' is given as a part and as total: total must be another counter",
            seen_cel="self.total",
            seen=lambda ratio: ratio.total,
        ),
        label_left_out("good", "bad", "total"),
        one_limit("max_drop", "max_ratio", "min"),
        Rule(
            "!has(self.floor) || has(self.maxRatio)",
            lambda ratio: ratio.floor is None or ratio.max_ratio is not None,
            "floor belongs to maxRatio: declare maxRatio too, or leave floor out",
            field="floor",
        ),
    )

    @property
    def limit(self) -> Limit:
        """The limit that holds: `maxDrop`, `maxRatio` or `min`."""
        return next(iter(declared(self, "max_drop", "max_ratio", "min")), Limit("maxDrop", "2pp"))
