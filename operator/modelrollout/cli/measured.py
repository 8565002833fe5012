"""Does Prometheus have what guardrails need? Asked metric by metric, before a rollout depends on it."""

from collections.abc import Sequence

from modelrollout import errors
from modelrollout.api.contract import seconds
from modelrollout.api.guardrails import Guardrail
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli.findings import Level
from modelrollout.observe import looks, queries, shown, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.counters import Counter
from modelrollout.observe.evidence import NoData, RatioAsk
from modelrollout.observe.prometheus import Connection, Sample
from modelrollout.observe.queries import Scope
from modelrollout.observe.sources import ENVOY, Source
from modelrollout.plan import forecasts, grid

MINUTES_SEEN = 600.0  # a metric that was there in the last ten minutes is there
TIMES_OF_SCRAPES = ((300.0, 2), (60.0, 10), (20.0, 10))  # how far back, and how many samples are enough to measure by
Said = tuple[Level, str]


class Measured:
    """What one Prometheus has of one namespace at one moment (Unix seconds). Its methods raise MetricsError."""

    def __init__(self, reader: Reader, connection: Connection, namespace: str, at: float) -> None:
        self._reader, self._connection = reader, connection
        self._namespace, self._at = namespace, at

    async def answers(self) -> None:
        """Nothing, when it answers."""
        await self._reader.query(self._connection, "vector(1)", self._at)

    async def scrape_seconds(self, matchers: str | None) -> float | None:
        """How often Envoy is really scraped; None when it was not seen for long enough to say."""
        selector = queries.select(ENVOY.alive, self._scope(matchers), _any(ENVOY))
        for window, enough in TIMES_OF_SCRAPES:
            span = queries.duration(window)
            old = f"last_over_time({selector}[{span}] offset {span})"
            found = await self._query(f"max(count_over_time({selector}[{span}]) and {old})")
            if found and found[0].value >= enough:
                return window / found[0].value
        return None

    async def missing(self, spec: RolloutSpec) -> list[Said]:
        """What the guardrails of this spec need and Prometheus has not, in sentences with the cure."""
        return [*await self._of_envoy(spec), *await self._of_counters(spec), *await self._of_queries(spec)]

    async def edges(self, spec: RolloutSpec) -> list[Said]:
        """What the baseline's latency buckets cannot show."""
        if all(rail.latency is None for rail in spec.guardrails):
            return []
        matchers, baseline = spec.prometheus.matchers, spec.baseline.name
        found = await looks.read_history(
            self._reader, self._connection, self._namespace, baseline, self._until(spec), matchers
        )
        history = views.history(found)
        if history is None or isinstance(found, NoData):
            why = found.message if isinstance(found, NoData) else "its histogram has no edges"
            return [(Level.WARNING, f"no latency of {baseline} can be compared yet: {why}")]
        return [(Level.WARNING, told) for told in forecasts.at_start(spec, {}, {}, history).warnings]

    async def _of_envoy(self, spec: RolloutSpec) -> list[Said]:
        """Both arms must be scraped, and the baseline's latencies too, if they are compared."""
        needed = [(ENVOY.alive, "every guardrail")]
        if any(rail.latency is not None for rail in spec.guardrails):
            needed.append((ENVOY.buckets, "the latency guardrails"))
        said: list[Said] = []
        for metric, why in needed:
            known = await self._models_with(metric, ENVOY, spec.prometheus.matchers)
            arms = (spec.baseline.name, spec.candidate.name) if metric == ENVOY.alive else (spec.baseline.name,)
            said += [(self._level(spec, arm), self._absent(metric, arm, why)) for arm in arms if arm not in known]
        return said

    async def _of_counters(self, spec: RolloutSpec) -> list[Said]:
        said: list[Said] = []
        for rail in spec.guardrails:
            for metric, label in _counters(rail):
                counter = Counter(metric, label)
                known = await self._models_with(counter.selector, counter, counter.matchers(spec.prometheus.matchers))
                if spec.baseline.name not in known:
                    told = self._absent(metric, spec.baseline.name, f"guardrail {rail.name}")
                    said.append((Level.WARNING, f"{told}, with a label {label}"))
        return said

    async def _of_queries(self, spec: RolloutSpec) -> list[Said]:
        said: list[Said] = []
        for rail in spec.guardrails:
            if rail.query is None:
                continue
            try:
                found = await self._query(shown.filled(rail.query.promql, spec))
            except errors.QueryRefused as refused:
                said.append((Level.ERROR, f"guardrail {rail.name}: {refused}"))
                continue
            if len(found) > 1:
                told = "gives several series: aggregate it, for example with max(...)"
                said.append((Level.ERROR, f"guardrail {rail.name}: its query {told}"))
            elif not found:
                said.append((Level.WARNING, f"guardrail {rail.name}: its query gives no series now"))
        return said

    async def _models_with(self, metric: str, source: Source | Counter, matchers: str | None) -> set[str]:
        """The models of which the metric has series."""
        selector = queries.select(metric, self._scope(matchers), _any(source))
        recent = f"last_over_time({selector}[{queries.duration(MINUTES_SEEN)}])"
        found = await self._query(f"count by ({source.arm_label}) ({recent})")
        models = (source.model_of(sample.labels.get(source.arm_label, "")) for sample in found)
        return {model for model in models if model is not None}

    async def _query(self, promql: str) -> list[Sample]:
        return await self._reader.query(self._connection, promql, self._at)

    def _scope(self, matchers: str | None) -> Scope:
        return Scope(frozenset({self._namespace}), matchers)

    def _until(self, spec: RolloutSpec) -> float:
        scrape = spec.prometheus.scrape_interval
        return round(self._at - grid.lag_seconds(seconds(scrape) if scrape else 0.0), 3)

    def _absent(self, metric: str, arm: str, why: str) -> str:
        return f"Prometheus has no {metric} of model {arm} in namespace {self._namespace}, needed by {why}"

    @staticmethod
    def _level(spec: RolloutSpec, arm: str) -> Level:
        """A candidate may be on its way."""
        return Level.ERROR if arm == spec.baseline.name else Level.WARNING


def _any(source: Source | Counter) -> str:
    return f'{source.arm_label}=~"{source.arm_pattern}"'


def _counters(rail: Guardrail) -> Sequence[tuple[str, str]]:
    """(metric, label) of every counter that the guardrail reads."""
    asked = views.counters(rail)
    if asked is None:
        return ()
    metrics = (asked.total, asked.part) if isinstance(asked, RatioAsk) else (asked.total, asked.sum, asked.squares)
    return [(metric, asked.label) for metric in metrics]
