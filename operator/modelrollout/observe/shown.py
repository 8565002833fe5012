"""PromQL for people: what each guardrail counted in the last interval, as each arm's share or mean.

It runs as it is in Prometheus' own page, at any time, and stays the same from look to look. It counts as a look does
(`queries.increments`), so over the same block it gives the same numbers; but it knows nothing of blocks that a look
leaves out, such as one in which a counter of the user's own began again.
"""

from modelrollout.api.contract import seconds
from modelrollout.api.spec import ErrorRate, ErrorsOf, Guardrail, Mean, Ratio, RolloutSpec
from modelrollout.api.status import LONGEST_QUERY, EngineState
from modelrollout.judge.rule import Rule
from modelrollout.observe import queries
from modelrollout.observe.counters import Counter
from modelrollout.observe.queries import Scope
from modelrollout.observe.sources import ENVOY
from modelrollout.plan import engine, rails

ARM = "model"  # the label of the answer that says which arm it is about


def texts(spec: RolloutSpec, stored: list[EngineState], namespace: str) -> dict[str, str]:
    """The query of each guardrail by its name.

    Absent: a latency guardrail that has yet to choose its edges, and what would be too long for the status.
    """
    rules = {name: rule for name, (rule, _) in engine.running(spec, stored).items()}
    found = {rail.name: _text(rail, rules.get(rail.name), _Arms(spec, namespace)) for rail in spec.guardrails}
    return {name: text for name, text in found.items() if text is not None and len(text) <= LONGEST_QUERY}


def filled(promql: str, spec: RolloutSpec) -> str:
    """A free query with the models' names in it."""
    return promql.replace("{{model}}", spec.candidate.name).replace("{{baseline}}", spec.baseline.name)


class _Arms:
    """Expressions about both arms over one interval, one line for each arm."""

    def __init__(self, spec: RolloutSpec, namespace: str) -> None:
        self.spec = spec
        self._matchers = spec.prometheus.matchers
        self._namespaces = frozenset({namespace})
        self._window = seconds(spec.analysis.interval)
        self._names = "|".join(arm.name for arm in (spec.baseline, spec.candidate))

    def requests(self, metric: str, more: str = "") -> str:
        """How much this metric of Envoy's grew."""
        arm = f'{ENVOY.arm_label}=~"({self._names})_[0-9]+_(http|grpc)"'
        selector = queries.select(metric, Scope(self._namespaces, self._matchers), arm, [more])
        return _by_arm(queries.grown(selector, self._window), ENVOY.arm_label, ENVOY.arm_pattern)

    def counted(self, metric: str, label: str, is_sum: bool = False) -> str:
        """How much this counter of the user's own grew, or its sum changed."""
        counter = Counter(metric, label)
        arm = f'{label}=~"({self._names})(_[0-9]+)?"'
        selector = queries.select(metric, Scope(self._namespaces, counter.matchers(self._matchers)), arm)
        how = queries.changed if is_sum else queries.grown
        return _by_arm(how(selector, self._window), label, counter.arm_pattern)


def _by_arm(expression: str, label: str, pattern: str) -> str:
    """Versions of one model are one arm."""
    return f'sum by ({ARM}) (label_replace({expression}, "{ARM}", "$1", "{label}", "{pattern}"))'


def _text(rail: Guardrail, rule: Rule | None, arms: _Arms) -> str | None:
    if rail.error_rate is not None:
        return _errors(rail.error_rate, arms)
    if rail.latency is not None:
        return None if rule is None else _slower(rule, arms)
    if rail.ratio is not None:
        return _ratio(rail, rail.ratio, arms)
    if rail.mean is not None:
        return _mean(rail.mean, arms)
    return None if rail.query is None else filled(rail.query.promql, arms.spec)


def _errors(rate: ErrorRate, arms: _Arms) -> str:
    wrong = ENVOY.server_errors if rate.of is ErrorsOf.ANSWERS else ENVOY.troubled
    return _over(arms.requests(wrong), arms.requests(ENVOY.completed))


def _slower(rule: Rule, arms: _Arms) -> str:
    """The share beyond the edge that is shown to people first."""
    fast, timed = (queries.le([edge]) for edge in (rule.edges_ms[rule.headline], float("inf")))
    return "1 - " + _over(arms.requests(ENVOY.buckets, fast), arms.requests(ENVOY.buckets, timed))


def _ratio(rail: Guardrail, ratio: Ratio, arms: _Arms) -> str:
    """The share that the status speaks of, whichever of good and bad ones are counted."""
    part, is_good = (ratio.bad, False) if ratio.good is None else (ratio.good, True)
    assert part is not None  # exactly one of the two is declared
    share = _over(arms.counted(part, ratio.label), arms.counted(ratio.total, ratio.label))
    shows_good = rails.turn(rail) != rails.AS_IT_IS
    return share if is_good == shows_good else f"1 - {share}"


def _mean(mean: Mean, arms: _Arms) -> str:
    return _over(arms.counted(mean.sum, mean.label, is_sum=True), arms.counted(mean.count, mean.label))


def _over(part: str, whole: str) -> str:
    return f"{part}\n/ {whole}"
