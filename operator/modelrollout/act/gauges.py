"""Where each rollout stands, as Prometheus sees it.

The series are made from the newest status at the moment of a scrape. So nothing is set at a look, and no old value can
stay behind: a phase, a verdict or a candidate that is over has no series, nor has a rollout that is gone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from modelrollout import telemetry
from modelrollout.api.orders import Verb
from modelrollout.api.reasons import Reason
from modelrollout.api.status import GuardrailStatus, Outcome, RolloutStatus, Verdict
from modelrollout.plan.actions import Decision
from modelrollout.telemetry import Series

Family = GaugeMetricFamily | CounterMetricFamily
Sample = tuple[Series, tuple[str, ...], float]
"""A series, the values of its own labels, and its value."""

VERBS = frozenset(Verb)
UNKNOWN = "unknown"  # the label of a verb that nobody knows: what people write must not become labels


@dataclass
class Shown:
    """A rollout's newest status, and what happened since this process began to run it."""

    status: RolloutStatus
    outcomes: Counter[str] = field(default_factory=Counter)
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    put_right: int = 0

    def samples(self) -> Iterator[Sample]:
        """All series of this rollout."""
        yield from of_status(self.status)
        for outcome in Outcome:  # from 0 on: a counter born with its first event would hide it from increase()
            yield telemetry.OUTCOMES, (outcome,), self.outcomes[outcome]
        for labels, count in list(self.actions.items()):
            yield telemetry.ACTIONS, labels, count
        yield telemetry.WEIGHTS_PUT_RIGHT, (), self.put_right


class Gauges(Collector):
    """The rollouts that this process runs. The event loop shows them; the thread of a scrape only reads."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], Shown] = {}

    def show(self, namespace: str, name: str, status: RolloutStatus) -> Shown:
        """From now on the rollout stands here."""
        shown = self._shown.setdefault((namespace, name), Shown(status))
        shown.status = status
        return shown

    def decided(self, namespace: str, name: str, before: RolloutStatus, decision: Decision, now: float) -> None:
        """Show where a decision led, and count what it did. now is Unix seconds."""
        after = decision.status
        shown = self.show(namespace, name, after)
        outcome = ended(before, after)
        if outcome is not None:
            shown.outcomes[outcome] += 1
        if outcome is not None and before.outcome is None:
            telemetry.ATTEMPT_DURATION_SECONDS.labels(outcome).observe(_lasted(before.attempt, after, now))
        told = after.last_handled_action
        if told is not None and told != before.last_handled_action:
            shown.actions[told.verb if told.verb in VERBS else UNKNOWN, told.result] += 1
        shown.put_right += sum(notice.reason == Reason.WEIGHTS_CHANGED for notice in decision.notices)

    def forget(self, namespace: str, name: str) -> None:
        """The rollout is gone, and its series with it."""
        self._shown.pop((namespace, name), None)

    def collect(self) -> Iterable[Family]:
        """For Prometheus."""
        families = {series: _family(series) for series in telemetry.OF_ROLLOUTS}
        for rollout, shown in list(self._shown.items()):
            for series, labels, value in shown.samples():
                families[series].add_metric([*rollout, *labels], value)
        return families.values()

    def describe(self) -> Iterable[Family]:
        """The same without values; the registry asks for names once."""
        return [_family(series) for series in telemetry.OF_ROLLOUTS]


def ended(before: RolloutStatus, after: RolloutStatus) -> Outcome | None:
    """How an attempt ended between the two; None when none did."""
    if after.attempt != before.attempt:
        return Outcome.SUPERSEDED if before.attempt and before.outcome is None else None
    return after.outcome if after.outcome is not before.outcome else None


def of_status(status: RolloutStatus) -> Iterator[Sample]:
    """The gauges that a status speaks of; what is not known has none."""
    arms = [arm.name for arm in status.traffic.wanted]
    roles = dict(zip(arms, ("baseline", *["candidate"] * len(arms)), strict=False))
    baseline, candidate = [*arms, "", ""][:2]
    yield telemetry.INFO, (status.phase, baseline, candidate, status.experiment), 1
    yield telemetry.ATTEMPT, (), status.attempt
    yield telemetry.STAGE, (), status.stage.index + 1 if status.stage else 0
    yield telemetry.STAGES, (), int(status.stage_summary.partition("/")[2] or 0)
    for condition in status.conditions:
        if condition.status != "Unknown":
            yield telemetry.CONDITION, (condition.type, condition.reason), condition.status == "True"
    for series, time in ((telemetry.LAST_LOOK, status.last_look_at), (telemetry.LOOK_DUE, status.look_due_at)):
        if time is not None:
            yield series, (), time
    yield from _traffic(status, roles)
    for rail in status.guardrails:
        yield from _guardrail(rail)


def _traffic(status: RolloutStatus, roles: dict[str, str]) -> Iterator[Sample]:
    traffic = status.traffic
    for arm, role in roles.items():
        in_force = traffic.candidate_weight if role == "candidate" else 100 - traffic.candidate_weight
        yield telemetry.WEIGHT, (arm, role), in_force
    for share in traffic.wanted:
        yield telemetry.WEIGHT_WANTED, (share.name, roles[share.name]), share.weight
    for seen in traffic.observed:
        if seen.name in roles:
            yield telemetry.OBSERVED_SHARE, (seen.name, roles[seen.name]), seen.percent / 100


def _guardrail(rail: GuardrailStatus) -> Iterator[Sample]:
    name = rail.name
    yield telemetry.VERDICT, (name, rail.verdict), 1
    for toward in (Verdict.PASS, Verdict.FAIL):
        yield telemetry.EVIDENCE, (name, toward), rail.evidence / 100 if rail.evidence_for == toward else 0
    numbers = (
        (telemetry.RATIO, rail.ratio),
        (telemetry.INTERVAL_LOW, rail.interval_low),
        (telemetry.INTERVAL_HIGH, rail.interval_high),
        (telemetry.P_VALUE, rail.always_valid_p_value),
    )
    for series, number in numbers:
        if number is not None:
            yield series, (name,), number
    for role, arm in (("baseline", rail.baseline), ("candidate", rail.candidate)):
        yield telemetry.SAMPLES, (name, role), arm.samples
        if arm.rate is not None:
            yield telemetry.RATE, (name, role), arm.rate


def _lasted(attempt: int, status: RolloutStatus, now: float) -> float:
    """Seconds since the attempt's first decision that the history still holds."""
    times = [datetime.fromisoformat(entry.time).timestamp() for entry in status.history if entry.attempt == attempt]
    return max(0.0, now - min(times, default=now))


def _family(series: Series) -> Family:
    kind = CounterMetricFamily if series.kind == "counter" else GaugeMetricFamily
    return kind(series.name, series.meaning, labels=[*telemetry.OBJECT, *series.labels])


GAUGES = Gauges()
REGISTRY.register(GAUGES)
