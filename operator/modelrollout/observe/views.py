"""What a look read, in the plan's own records."""

from collections.abc import Mapping
from types import MappingProxyType

from modelrollout.api.contract import seconds
from modelrollout.api.guardrails import Guardrail
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import EngineState
from modelrollout.judge.histograms import Histogram
from modelrollout.observe import evidence, shown
from modelrollout.observe.prometheus import Connection
from modelrollout.plan import engine, world


def ask(
    spec: RolloutSpec,
    stored: list[EngineState],
    connection: Connection,
    namespace: str,
    block: tuple[float, float],
    scrape_seconds: float,
) -> evidence.LookAsk:
    """Everything that the guardrails need of the block (since, until)."""
    return evidence.LookAsk(
        connection=connection,
        namespace=namespace,
        baseline=spec.baseline.name,
        candidate=spec.candidate.name,
        since=block[0],
        until=block[1],
        scrape_seconds=scrape_seconds,
        matchers=spec.prometheus.matchers,
        errors=any(rail.error_rate is not None for rail in spec.guardrails),
        edges_ms=engine.edges_wanted(stored),
        queries={
            rail.name: shown.filled(rail.query.promql, spec) for rail in spec.guardrails if rail.query is not None
        },
        counters={rail.name: found for rail in spec.guardrails if (found := counters(rail)) is not None},
    )


def look(data: evidence.LookData, asked: Mapping[str, str] = MappingProxyType({})) -> world.LookData | world.NoData:
    """The look as the plan sees it: counts of both arms, or why there are none. asked: PromQL for people (`shown`)."""
    if isinstance(data.arms, evidence.NoData):
        restart = data.until if data.arms.drops_block else None
        return world.NoData(data.arms.reason.value, data.arms.message, restart)
    return world.LookData(
        since=data.since,
        until=data.until,
        baseline=_arm(data.arms.baseline),
        candidate=_arm(data.arms.candidate),
        values={
            name: value.message if isinstance(value, evidence.NoData) else value for name, value in data.values.items()
        },
        gaps={name: found.message for name, found in data.counted.items() if isinstance(found, evidence.NoData)},
        counted={
            name: (found.baseline, found.candidate)
            for name, found in data.counted.items()
            if isinstance(found, evidence.CountedArms)
        },
        asked=asked,
    )


def history(found: evidence.Histogram | evidence.NoData) -> Histogram | None:
    """The baseline's past, or None when Prometheus knows none."""
    if isinstance(found, evidence.NoData) or len(found.edges_ms) < 2:
        return None
    return Histogram(found.edges_ms, found.cumulative)


def obstacle(found: evidence.Histogram | evidence.NoData, needs_past: bool) -> world.NoData | None:
    """Why nothing can begin: Prometheus cannot be asked, or it knows no past and one is needed."""
    if not isinstance(found, evidence.NoData) or (found.reason is evidence.Reason.NO_SERIES and not needs_past):
        return None
    return world.NoData(found.reason.value, found.message)


def scrape_seconds(spec: RolloutSpec, default: float) -> float:
    """How often Prometheus scrapes, as the rollout or else the operator says."""
    return seconds(spec.prometheus.scrape_interval) if spec.prometheus.scrape_interval else default


def counters(rail: Guardrail) -> evidence.RatioAsk | evidence.MeanAsk | None:
    """The metrics of a guardrail that counts with the user's own; None of any other."""
    if rail.mean is not None:
        return evidence.MeanAsk(rail.mean.count, rail.mean.sum, rail.mean.sum_of_squares, rail.mean.label)
    if rail.ratio is None:
        return None
    part = rail.ratio.bad if rail.ratio.good is None else rail.ratio.good
    assert part is not None  # exactly one of the two is declared
    return evidence.RatioAsk(rail.ratio.total, part, rail.ratio.good is not None, rail.ratio.label)


def _arm(counts: evidence.ArmCounts) -> world.ArmCounts:
    return world.ArmCounts(
        requests=counts.completed,
        troubled=counts.troubled,
        server_errors=counts.server_errors,
        timed=counts.buckets.get(float("inf"), 0.0),
        at_or_below=counts.buckets,
        under_way=counts.under_way,
    )
