"""What a plan will not do as it is written, known from the spec alone (pure): no cluster and no traffic is asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelrollout.api.contract import seconds
from modelrollout.api.guardrails import Guardrail, GuardrailAction
from modelrollout.api.spec import Advance, OnInconclusive, OnNoData, RolloutSpec, Stage
from modelrollout.cli.findings import Level
from modelrollout.cli.manifests import Path
from modelrollout.judge import advice

FULL = 100
PLACEHOLDERS = ("model", "baseline")
STAGES: Path = ("spec", "strategy", "canary", "stages")


@dataclass(frozen=True)
class Foreseen:
    """One sentence about the field at the path."""

    path: Path
    level: Level
    sentence: str


def look_ahead(spec: RolloutSpec, name: str) -> list[Foreseen]:
    """Everything that can be foreseen; `name` is the rollout's."""
    stages = [said for index, stage in enumerate(spec.stages) for said in _of_stage(spec, index, stage, name)]
    rails = [said for index, rail in enumerate(spec.guardrails) for said in _of_guardrail(spec, index, rail)]
    return [*stages, *rails, *_of_all_guardrails(spec), *_of_analysis(spec), *_of_prometheus(spec), *_of_pause(spec)]


def is_relative(rail: Guardrail) -> bool:
    """True when the guardrail compares with the baseline, so that it is blind where the baseline has no traffic."""
    if rail.error_rate is not None:
        return rail.error_rate.max is None
    if rail.latency is not None:
        return rail.latency.max is None
    counted = rail.ratio or rail.mean
    return counted is not None and counted.limit.name not in {"min", "max"}


def _of_stage(spec: RolloutSpec, index: int, stage: Stage, name: str) -> Iterator[Foreseen]:
    at = (*STAGES, index)
    if stage.approval is not None:
        if stage.approval.deadline is None:
            told = f"stage {index + 1} waits for ever for a person: kubectl modelrollout approve {name}"
            yield Foreseen((*at, "approval"), Level.NOTE, told)
        return
    is_last, given = index + 1 == len(spec.stages), stage.model_fields_set
    idle = {"advance": "advance", "min_requests": "minRequests", "max_duration": "maxDuration"}
    for field in [field for field in idle if is_last and field in given]:
        told = f"{idle[field]} has no effect in the last stage, which ends with its soak: leave it out"
        yield Foreseen((*at, idle[field]), Level.WARNING, told)
    if is_last:
        return
    if stage.advance is Advance.ON_PASS and "min_requests" in given:
        told = "minRequests has no effect with advance OnPass: leave it out, or set advance to OnSoak"
        yield Foreseen((*at, "minRequests"), Level.WARNING, told)
    if stage.advance is Advance.ON_SOAK and spec.stages[index + 1].weight == FULL:
        told = "advance OnSoak has no effect before weight 100, which always needs Pass: leave it out"
        yield Foreseen((*at, "advance"), Level.WARNING, told)
    yield from _of_times(spec, stage, at)


def _of_times(spec: RolloutSpec, stage: Stage, at: Path) -> Iterator[Foreseen]:
    interval = spec.analysis.interval
    if seconds(stage.soak) < seconds(interval) and "soak" in stage.model_fields_set:
        told = f"soak {stage.soak} is shorter than analysis.interval {interval}: the stage lasts one look in any case"
        yield Foreseen((*at, "soak"), Level.WARNING, told)
    if seconds(stage.max_duration) < 2 * seconds(interval):
        told = f"maxDuration {stage.max_duration} leaves room for one look every {interval}: allow at least ten looks"
        yield Foreseen((*at, "maxDuration"), Level.WARNING, told)


def _of_guardrail(spec: RolloutSpec, index: int, rail: Guardrail) -> Iterator[Foreseen]:
    at: Path = ("spec", "guardrails", index)
    if rail.query is not None:
        yield from _of_query(rail, (*at, "query", "promql"))
    counted = rail.ratio or rail.mean
    if counted is None or rail.action is GuardrailAction.REPORT:
        return
    gate = next((place for place in range(len(spec.stages) - 1) if _is_gate(spec, place)), None)
    if gate is not None and seconds(counted.label_delay) >= sum(_longest(stage) for stage in spec.stages[: gate + 1]):
        told = (
            f"{rail.name} begins labelDelay {counted.label_delay} after the attempt, and by then stage {gate + 1} has "
            "reached its maxDuration: raise that maxDuration, or let the guardrail only report"
        )
        yield Foreseen((*at, "ratio" if rail.ratio else "mean", "labelDelay"), Level.WARNING, told)


def _is_gate(spec: RolloutSpec, index: int) -> bool:
    """True when the stage is left by a Pass."""
    return spec.stages[index].advance is Advance.ON_PASS or spec.stages[index + 1].weight == FULL


def _longest(stage: Stage) -> float:
    """How long the stage can last, in seconds; a person may take any time."""
    return float("inf") if stage.approval is not None else seconds(stage.max_duration)


def _of_query(rail: Guardrail, at: Path) -> Iterator[Foreseen]:
    assert rail.query is not None
    found = re.findall(r"\{\{\s*([^{}]*?)\s*\}\}", rail.query.promql)
    for name in [name for name in found if name not in PLACEHOLDERS]:
        told = f"{{{{{name}}}}} stands for nothing: write {{{{model}}}} for the candidate or {{{{baseline}}}}"
        yield Foreseen(at, Level.ERROR, told)
    if not found:
        told = (
            f"{rail.name} names no model, so the candidate may not be what it guards: put {{{{model}}}} into a matcher"
        )
        yield Foreseen(at, Level.WARNING, told)


def _of_all_guardrails(spec: RolloutSpec) -> Iterator[Foreseen]:
    armed = [rail for rail in spec.guardrails if rail.action is GuardrailAction.ROLLBACK]
    if not armed:
        told = "no guardrail rolls back, the worst that can happen is a pause: set action Rollback on one of them"
        yield Foreseen(("spec", "guardrails"), Level.WARNING, told)
        return
    relative = tuple(rail.name for rail in armed) if all(map(is_relative, armed)) else ()
    blind = advice.blind_at_full_weight(relative, tuple(stage.weight for stage in spec.stages))
    if blind is not None:
        yield Foreseen((*STAGES, len(spec.stages) - 1), Level.WARNING, blind.sentence)


def _of_analysis(spec: RolloutSpec) -> Iterator[Foreseen]:
    analysis = spec.analysis
    if analysis.on_inconclusive is OnInconclusive.PROMOTE:
        told = "onInconclusive Promote lets a candidate go on that no evidence speaks for"
        yield Foreseen(("spec", "analysis", "onInconclusive"), Level.NOTE, told)
    acts = analysis.on_no_data is not OnNoData.HOLD
    if acts and seconds(analysis.no_data_deadline) < 2 * seconds(analysis.interval):
        told = (
            f"noDataDeadline {analysis.no_data_deadline} is less than two looks of {analysis.interval}: one failed "
            f"scrape is enough for onNoData {analysis.on_no_data}, allow at least 5m"
        )
        yield Foreseen(("spec", "analysis", "noDataDeadline"), Level.WARNING, told)


def _of_prometheus(spec: RolloutSpec) -> Iterator[Foreseen]:
    source, interval = spec.prometheus, spec.analysis.interval
    if source.scrape_interval is not None and seconds(interval) < seconds(source.scrape_interval):
        told = (
            f"analysis.interval {interval} is shorter than scrapeInterval {source.scrape_interval}: some looks find "
            f"nothing new, look every {source.scrape_interval} or less often"
        )
        yield Foreseen(("spec", "analysis", "interval"), Level.WARNING, told)
    if source.matchers is not None and "namespace" not in source.matchers:
        told = (
            "matchers take the place of the namespace matcher and name no namespace: "
            "models of the same name elsewhere would be counted in"
        )
        yield Foreseen(("spec", "prometheus", "matchers"), Level.WARNING, told)
    if source.secret_ref is not None and (source.address or "").startswith("http://"):
        told = "credentials go to an http:// address, where others can read them: use https://"
        yield Foreseen(("spec", "prometheus", "address"), Level.WARNING, told)


def _of_pause(spec: RolloutSpec) -> Iterator[Foreseen]:
    if spec.paused:
        yield Foreseen(("spec", "paused"), Level.NOTE, "spec.paused is true: nothing goes on until it is false")
