"""The values that fields take: each has one form, one sentence that refuses another, and bounds with theirs."""

from collections.abc import Callable
from typing import Annotated

from modelrollout.api.contract import (
    ADDRESS,
    DECIMAL,
    DISPERSION,
    DURATION,
    LABEL,
    MARGIN,
    MATCHERS,
    NAME,
    POINTS,
    SELECTOR,
    SHARE,
    Rule,
    fraction,
    margin,
    number,
    points,
    seconds,
    text,
)

_DURATION_FORM = (DURATION, "not a duration: write it like 90s, 10m or 1h30m", 32)
_SHARE_FORM = (SHARE, "not a share: write it in percent, like 5% or 0.5%", 9)
_DECIMAL_FORM = (DECIMAL, "not a decimal number: write it like 50 or 0.25", 32)
_NAME_FORM = (NAME, "not a name of an object: use lower-case letters, digits and dashes", 63)
_ADDRESS_FORM = (
    ADDRESS,
    "not an address: write it like http://prometheus.monitoring:9090; user and password belong in secretRef",
    2048,
)
_MATCHERS_FORM = (MATCHERS, 'not label matchers: write them like namespace="a",cluster=~"b|c"', 1024)
_SELECTOR_FORM = (SELECTOR, 'not a metric: write it like predictions_total or predictions_total{class="fraud"}', 512)
_LABEL_FORM = (LABEL, "not a label: use letters, digits and underscores, and no digit first", 63)
_POINTS_FORM = (
    POINTS,
    "not percentage points: percentage points are written 2pp, because 2% of 90% would be another limit",
    10,
)
_MARGIN_FORM = (MARGIN, "not a margin: write it like 5%, 0.05sd or 0.25", 32)
_DISPERSION_FORM = (DISPERSION, 'not a dispersion: write Auto, or a number from 1 in quotes, like "4"', 9)

_NEVER_PASSES = "at 0 a candidate that is as good as the baseline could never pass"


def _percent(cel: str, holds: Callable[[float], bool], message: str) -> Rule:
    return Rule(cel.replace("percent", "double(self.replace('%', ''))"), lambda s: holds(100 * fraction(s)), message)


Duration = Annotated[str, *text(*_DURATION_FORM)]
PositiveDuration = Annotated[
    str,
    *text(
        *_DURATION_FORM,
        Rule("duration(self) > duration('0s')", lambda value: seconds(value) > 0, "must be longer than nothing"),
    ),
]
DurationFromOneSecond = Annotated[
    str,
    *text(
        *_DURATION_FORM,
        Rule("duration(self) >= duration('1s')", lambda value: seconds(value) >= 1, "must be at least 1s"),
    ),
]
DurationUpToAWeek = Annotated[
    str,
    *text(
        *_DURATION_FORM,
        Rule("duration(self) <= duration('168h')", lambda value: seconds(value) <= 168 * 3600, "must be at most 168h"),
    ),
]
PositiveShare = Annotated[
    str, *text(*_SHARE_FORM, _percent("percent > 0.0", lambda percent: percent > 0, "must be above 0%"))
]
PartialShare = Annotated[
    str,
    *text(
        *_SHARE_FORM,
        _percent(
            "percent > 0.0 && percent < 100.0", lambda percent: 0 < percent < 100, "must be above 0% and below 100%"
        ),
    ),
]
AlphaShare = Annotated[
    str,
    *text(
        *_SHARE_FORM,
        _percent(
            "percent > 0.0 && percent <= 50.0", lambda percent: 0 < percent <= 50, "must be above 0% and at most 50%"
        ),
    ),
]
Decimal = Annotated[str, *text(*_DECIMAL_FORM)]
NumberAboveOne = Annotated[
    float,
    *number(
        Rule(
            "self > 1.0",
            lambda value: value > 1,
            "must be above 1: at 1 a candidate that is as good as the baseline could never pass",
        ),
    ),
]
Quantile = Annotated[
    float,
    *number(
        Rule("self >= 0.5 && self <= 0.999", lambda value: 0.5 <= value <= 0.999, "must be between 0.5 and 0.999"),
    ),
]
Name = Annotated[str, *text(*_NAME_FORM)]
Address = Annotated[str, *text(*_ADDRESS_FORM)]
Matchers = Annotated[str, *text(*_MATCHERS_FORM)]
Selector = Annotated[str, *text(*_SELECTOR_FORM)]
LabelName = Annotated[str, *text(*_LABEL_FORM)]
Points = Annotated[
    str,
    *text(
        *_POINTS_FORM,
        Rule(
            "double(self.replace('pp', '')) > 0.0 && double(self.replace('pp', '')) < 100.0",
            lambda value: 0 < points(value) < 1,
            f"must be above 0pp and below 100pp: {_NEVER_PASSES}",
        ),
    ),
]
MeanMargin = Annotated[
    str,
    *text(
        *_MARGIN_FORM,
        Rule(
            "double(self.replace('%', '').replace('sd', '')) > 0.0",
            lambda value: margin(value).value > 0,
            f"must be above 0: {_NEVER_PASSES}",
        ),
    ),
]
Dispersion = Annotated[
    str,
    *text(
        *_DISPERSION_FORM,
        Rule(
            "self == 'Auto' || (double(self) >= 1.0 && double(self) <= 1000.0)",
            lambda value: value == "Auto" or 1 <= float(value) <= 1000,
            "must be Auto or from 1 to 1000",
        ),
    ),
]
