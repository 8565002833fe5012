"""What the forecast of the judge says of a simulated cell, to hold it against what happened."""

from modelrollout.judge import forecast
from modelrollout.judge.forecast import Forecast, Terms
from modelrollout.judge.growth import Traffic
from modelrollout.simulate import scenarios
from modelrollout.simulate.qualities import Latency
from modelrollout.simulate.scenarios import SHARE, Kind


def of_cell(kind: Kind, per_second: float, harmful: bool) -> Forecast:
    """The forecast for a candidate of which the truth is known: equal, or with this kind's harm."""
    rule = scenarios.rule_of(kind)
    if isinstance(kind.quality, Latency):
        columns = [kind.quality.edges_ms.index(edge) for edge in rule.edges_ms]
        baseline, worse = (tuple(kind.quality.beyond(factor)[columns].tolist()) for factor in (1.0, kind.harm))
    else:
        baseline, worse = (kind.baseline,), (kind.candidate,)
    return forecast.forecast(rule, Traffic(per_second, SHARE, baseline), Terms(), worse if harmful else baseline)
