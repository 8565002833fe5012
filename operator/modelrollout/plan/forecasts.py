"""How soon the plan will know, and what it will never know: forecasts and warnings for the status.

Before the first stage they come from what is known of the traffic (`at_start`), while a stage runs from the evidence
of its guardrails (`live`). They are words for people and decide nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from modelrollout.api import contract
from modelrollout.api.contract import fraction, seconds
from modelrollout.api.spec import Guardrail, GuardrailAction, RolloutSpec
from modelrollout.api.status import StageForecast
from modelrollout.judge import advice, dispersion, forecast, restarts
from modelrollout.judge.advice import Advice, StagePace
from modelrollout.judge.forecast import Forecast, Terms
from modelrollout.judge.growth import Traffic
from modelrollout.judge.guardrails import State
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.rule import Rule
from modelrollout.plan import evidence, itinerary, traffics, wording
from modelrollout.plan.world import History

MOST_WARNINGS = 16
LONGEST_WARNING = 512
FULL = 100


@dataclass(frozen=True)
class Outlook:
    """What can be said before the first stage."""

    stages: tuple[StageForecast, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Pace:
    """When a guardrail will have its verdict, for people; empty where it is not known or already there."""

    fail_in: str = ""
    pass_in: str = ""


Running = tuple[Rule, State]
"""A counting guardrail in a running stage, and its evidence."""


@dataclass(frozen=True)
class _Plan:
    """What is to be forecast: a spec, the rules of its counting guardrails, and the traffic of those it is known of."""

    spec: RolloutSpec
    rules: Mapping[str, Rule]
    traffic: Mapping[str, Traffic]

    def terms(self, name: str, index: int) -> Terms:
        share = self.spec.stages[index].weight / FULL
        return _terms(self.spec, name, index, _phi(self.spec, self.rules[name], None, share))

    def in_stage(self, name: str, index: int) -> Traffic:
        return replace(self.traffic[name], candidate_share=self.spec.stages[index].weight / FULL)


def at_start(
    spec: RolloutSpec,
    rules: Mapping[str, Rule],
    traffic: Mapping[str, Traffic],
    history: Histogram | None = None,
    windows: History | None = None,
) -> Outlook:
    """How long each stage will need under this traffic, and what the plan cannot do as it is written.

    rules: of the counting guardrails; traffic: of those of which something is known (`traffics.of_past`); history: the
    baseline's latencies; windows: how its counts scattered, if that was asked. The scatter of the forecast is what the
    rules' own history says, unless the spec fixes it.
    """
    plan = _Plan(spec, rules, traffic)
    paces = [_paces(plan, index) for index in range(len(spec.stages))]
    about_stages = (_about_stage(plan, index, pace) for index, pace in enumerate(paces))
    stages = tuple(_stage_forecast(spec, index, pace) for index, pace in enumerate(paces))
    said = [*_about_edges(spec, history), *_about_all_stages(plan, paces), *about_stages, _about_noise(plan, windows)]
    return Outlook(stages, _sentences(said))


def live(
    spec: RolloutSpec, stage_index: int, soaked_seconds: float, running: Mapping[str, Running]
) -> tuple[dict[str, Pace], tuple[str, ...]]:
    """(pace per guardrail, warnings) in the stage of this index, `soaked_seconds` after its beginning.

    Paces say how soon a harmful candidate would fail and an equal one pass from where the evidence stands; a warning
    says when the candidate, as it does, will probably not pass before maxDuration.
    """
    stage = spec.stages[stage_index]
    left = max(0.0, seconds(stage.max_duration) - soaked_seconds)
    paces: dict[str, Pace] = {}
    said: list[Advice | None] = []
    for name, (rule, state) in running.items():
        traffic = traffics.of_evidence(rule, state, seconds(spec.analysis.interval), stage.weight / FULL)
        if traffic is None:
            continue
        phi = _phi(spec, rule, state, traffic.candidate_share)
        terms = _terms(spec, name, stage_index, phi)
        paces[name] = _pace(forecast.forecast(rule, traffic, terms, state=state))
        said.append(advice.clustered_traffic(name, phi, spec.analysis.clustered))
        if _needs_pass(spec, stage_index) and name in _deciding(spec):
            candidate = traffics.estimated(rule, state, traffic)
            _, most = forecast.until_pass(rule, traffic, terms, candidate, state)
            said.append(advice.late_for_deadline(name, most, left))
    return paces, _sentences(said)


# --- paces ------------------------------------------------------------------------------------------------------------


def _phi(spec: RolloutSpec, rule: Rule, state: State | None, share: float) -> float:
    """The dispersion of the next look: as the spec fixes it, or as the evidence and the rule's history show it."""
    fixed = contract.dispersion(spec.analysis.dispersion)
    if fixed is not None:
        return fixed
    scatter = dispersion.start(1) if state is None else state.scatter
    return float(dispersion.factor(scatter, rule.scatter_kind, rule.prior, share)[0])


def _paces(plan: _Plan, index: int) -> dict[str, Forecast]:
    """The forecast of every guardrail that decides and of which the traffic is known, in the stage of this index."""
    known = [name for name in plan.rules if name in plan.traffic and name in _deciding(plan.spec)]
    return {
        name: forecast.forecast(plan.rules[name], plan.in_stage(name, index), plan.terms(name, index)) for name in known
    }


def _terms(spec: RolloutSpec, name: str, index: int, phi: float) -> Terms:
    """The terms of a guardrail in a stage: FAIL goes on from stage to stage, PASS begins anew after each gate."""
    interval = seconds(spec.analysis.interval)
    planned = evidence.planned_looks(spec)
    schedule = restarts.Schedule(planned, len(itinerary.weighty(spec)))
    begun = itinerary.ordinal(spec, index)
    first_look, staged = (float(schedule.gamma(look, begun)) for look in (1, 2))
    return Terms(
        alpha=fraction(spec.analysis.alpha),
        weight_of_alpha=evidence.alpha_shares(_counting(spec)).get(name, 1.0),
        dispersion=phi,
        interval_seconds=interval,
        planned_looks=planned,
        fail_stake=first_look if index == 0 else staged,
        pass_stake=first_look,
    )


def _counting(spec: RolloutSpec) -> list[Guardrail]:
    return [rail for rail in spec.guardrails if rail.query is None]


def _deciding(spec: RolloutSpec) -> set[str]:
    return {rail.name for rail in _counting(spec) if rail.action is not GuardrailAction.REPORT}


def _needs_pass(spec: RolloutSpec, index: int) -> bool:
    """True when the stage itself waits for a Pass; an approval has it from the stage before."""
    return spec.stages[index].approval is None and itinerary.needs_pass(spec, index)


def _slowest(paces: Mapping[str, Forecast]) -> str | None:
    return max(paces, key=lambda name: paces[name].pass_90_seconds) if paces else None


def _stage_forecast(spec: RolloutSpec, index: int, paces: Mapping[str, Forecast]) -> StageForecast:
    """The stage's line in the status; without times where nothing is known, and where nothing is judged anew."""
    weight = spec.stages[index].weight
    soaks_only = itinerary.is_last(spec, index) or spec.stages[index].approval is not None
    name = None if soaks_only else _slowest(paces)
    if name is None:
        return StageForecast(stage=index + 1, weight=weight)
    pace = paces[name]
    return StageForecast(
        stage=index + 1,
        weight=weight,
        guardrail=name,
        pass_in=advice.short(pace.pass_median_seconds),
        pass_by=advice.short(pace.pass_90_seconds),
        fail_in=advice.short(pace.fail_median_seconds),
        fail_by=advice.short(pace.fail_90_seconds),
    )


def _pace(found: Forecast) -> Pace:
    return Pace(
        _both(found.fail_median_seconds, found.fail_90_seconds), _both(found.pass_median_seconds, found.pass_90_seconds)
    )


def _both(median: float, most: float) -> str:
    if median == 0:
        return ""
    return advice.short(median) if median == inf else f"{advice.short(median)} (90 %: {advice.short(most)})"


# --- warnings ---------------------------------------------------------------------------------------------------------


def _about_edges(spec: RolloutSpec, history: Histogram | None) -> list[Advice | None]:
    """What the bucket edges cannot show."""
    said: list[Advice | None] = []
    for rail in spec.guardrails:
        latency = rail.latency
        if latency is None or history is None:
            continue
        if latency.max is not None:
            limit_ms = seconds(latency.max) * 1000
            said.append(advice.no_edge_near_limit(rail.name, latency.quantile, limit_ms, history.edges_ms))
        elif history.total > 0:
            increase, floor_ms = fraction(latency.max_increase or "20%"), seconds(latency.floor) * 1000
            said.append(advice.quantile_in_widest_bucket(rail.name, latency.quantile, increase, floor_ms, history))
    return said


def _about_all_stages(plan: _Plan, paces: Sequence[Mapping[str, Forecast]]) -> list[Advice | None]:
    """What no stage can do."""
    spec = plan.spec
    weights = tuple(stage.weight for stage in itinerary.weighty(spec))
    said: list[Advice | None] = [advice.blind_at_full_weight(_relative_alone(plan), weights)]
    for rail in _counting(spec):
        if rail.name in plan.rules:
            phi = plan.terms(rail.name, 0).dispersion
            said.append(advice.clustered_traffic(rail.name, phi, spec.analysis.clustered))
        gated = [pace[rail.name] for at, pace in enumerate(paces) if _needs_pass(spec, at) and rail.name in pace]
        if gated and all(pace.pass_90_seconds == inf for pace in gated):
            said.append(_never(rail, plan.rules[rail.name]))
    return said


def _about_noise(plan: _Plan, windows: History | None) -> Advice | None:
    """Whose history does not tell how much equal arms scatter, although the spec leaves it to be measured."""
    analysis = plan.spec.analysis
    if windows is None or analysis.clustered or contract.dispersion(analysis.dispersion) is not None:
        return None
    compared = (rail for rail in plan.spec.guardrails if rail.error_rate is not None and rail.name in plan.rules)
    relative = tuple(rail.name for rail in compared if not plan.rules[rail.name].is_absolute)
    return advice.noise_unknown(relative, len(windows.replicas))


def _relative_alone(plan: _Plan) -> tuple[str, ...]:
    """The guardrails that roll back, when all of them compare with the baseline; else none."""
    armed = [rail.name for rail in plan.spec.guardrails if rail.action is GuardrailAction.ROLLBACK]
    relative = [name for name in armed if name in plan.rules and not plan.rules[name].is_absolute]
    return tuple(relative) if len(relative) == len(armed) else ()


def _never(rail: Guardrail, rule: Rule) -> Advice:
    """Why a candidate like the baseline can never pass."""
    if rule.is_absolute:
        return advice.baseline_beyond_limit(rail.name, wording.limit(rail))
    if rail.latency is not None:
        return advice.too_few_events(rail.name, "give it a larger floor, or guard a lower quantile")
    return advice.too_few_events(rail.name, "give it a larger floor, or an absolute limit instead")


def _about_stage(plan: _Plan, index: int, paces: Mapping[str, Forecast]) -> Advice | None:
    """What the stage's slowest guardrail will not do in time, of those that can pass at all."""
    stage = plan.spec.stages[index]
    deadline = seconds(stage.max_duration)
    name = _slowest({name: pace for name, pace in paces.items() if pace.pass_90_seconds < inf})
    if name is None or not _needs_pass(plan.spec, index) or paces[name].pass_90_seconds <= deadline:
        return None
    share = forecast.share_needed(plan.rules[name], plan.traffic[name], plan.terms(name, index), deadline)
    median, most = paces[name].pass_median_seconds, paces[name].pass_90_seconds
    return advice.too_slow(StagePace(name, stage.weight, median, most, deadline, share))


def _sentences(said: Sequence[Advice | None]) -> tuple[str, ...]:
    """Each sentence once, as many and as long as the status may hold."""
    sentences = dict.fromkeys(one.sentence for one in said if one is not None)
    return tuple(
        sentence if len(sentence) <= LONGEST_WARNING else f"{sentence[: LONGEST_WARNING - 3]}..."
        for sentence in list(sentences)[:MOST_WARNINGS]
    )
