"""Every metric that exists by the code that exports it, and which metrics a query names."""

import re
from collections.abc import Iterator

import promql_parser as promql
from modelrollout import telemetry
from modelrollout.observe import sources
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector
from rolloutmodels import metrics as serving
from rolloutmodels import outcomes

SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}


def _of_a_collector(collector: Collector) -> Iterator[str]:
    for family in collector.collect():
        yield from (family.name + suffix for suffix in SUFFIXES[family.type])


def _of_the_operator() -> Iterator[str]:
    yield from (series.name for series in telemetry.OF_ROLLOUTS)
    for value in vars(telemetry).values():
        if isinstance(value, MetricWrapperBase):
            yield from _of_a_collector(value)


def _of_seldon() -> Iterator[str]:
    """The sources that looks read, and the rest of the same histogram."""
    told = [getattr(sources.ENVOY, name) for name in sources.Source.__dataclass_fields__]
    names = [re.split(r"\{", text)[0] for text in (*told, sources.REPLICA_ANSWERS) if isinstance(text, str)]
    found = [name for name in names if re.fullmatch("(envoy|seldon)_[a-z_]+", name) and name != sources.ENVOY.arm_label]
    yield from found
    yield from (
        name.removesuffix("_bucket") + part for name in found if name.endswith("_bucket") for part in ("_sum", "_count")
    )


def _of_the_models() -> Iterator[str]:
    for value in vars(serving).values():
        if isinstance(value, MetricWrapperBase):
            yield from _of_a_collector(value)
    yield from _of_a_collector(outcomes.OUTCOMES)


METRICS: dict[str, str] = {
    **dict.fromkeys(_of_the_operator(), "operator"),
    **dict.fromkeys(_of_seldon(), "seldon"),
    **dict.fromkeys(_of_the_models(), "models"),
}
"""Name of each series to who exports it."""


def names_of(query: str) -> set[str]:
    """The metrics that a query reads. Raises ValueError when it is no PromQL."""
    return set(_names(promql.parse(query)))


def _names(part: object) -> Iterator[str]:
    """Depth first, through whatever holds an expression."""
    if isinstance(part, promql.VectorSelector):
        yield part.name or ""
    inner = [getattr(part, name, None) for name in ("expr", "lhs", "rhs", "param", "vector_selector")]
    for one in (*inner, *getattr(part, "args", ())):
        if one is not None:
            yield from _names(one)
