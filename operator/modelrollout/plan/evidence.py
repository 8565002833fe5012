"""What one look adds to the evidence, and what the evidence then says of every guardrail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, nan

from modelrollout.api.contract import dispersion, fraction, seconds
from modelrollout.api.spec import Guardrail, GuardrailAction, RolloutSpec
from modelrollout.api.status import EngineState, GuardrailStatus, RolloutStatus, Traffic, Verdict
from modelrollout.judge import figures, guardrails, restarts, thresholds, verdicts
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.refusals import CountsRefused, Refusal
from modelrollout.plan import blocks, engine, grid, itinerary, wording
from modelrollout.plan.world import History, LookData


@dataclass(frozen=True)
class Judged:
    """What one look made of the guardrails. It is complete when every guardrail that may decide was told of."""

    engine: list[EngineState]
    guardrails: list[GuardrailStatus]
    verdict: Verdict
    is_complete: bool


def judge(
    spec: RolloutSpec,
    status: RolloutStatus,
    look: LookData,
    weight: int | None,
    past: Histogram | None,
    windows: History | None = None,
) -> Judged:
    """The evidence after this look, and what it says. Guardrails without data keep their evidence as it was.

    weight: the candidate's, None unless it was in force for all requests of the block (`weight_in_force`).
    A counting guardrail that is new or changed begins with the next look: this one did not read its edges.
    """
    states, gaps = dict[str, EngineState](), dict(look.gaps)
    for rail in spec.guardrails:
        kept = engine.kept(rail, spec.analysis, status.engine)
        try:
            states[rail.name] = kept or engine.opened(rail, spec.analysis, past, windows)
            if _waits_for_labels(rail, spec, status):
                gaps.pop(rail.name, None)
            # A query has no past: not to judge its first value would count the look as soak though nothing was known.
            elif rail.name not in gaps and (kept is not None or rail.query is not None):
                states[rail.name] = _advanced(rail, states[rail.name], spec, status, look, weight)
        except Refusal as refusal:
            gaps[rail.name] = str(refusal)
    read = [one.model_copy(update={"query": look.asked.get(one.name, "")}) for one in _read(spec, status, states, gaps)]
    return Judged(list(states.values()), read, _together(spec, read), not gaps.keys() & _deciding(spec))


def looked_at_seconds(spec: RolloutSpec, look: LookData, since: float) -> float:
    """The part of a look after `since` that counts as time: at most one interval, for nobody looked at the rest."""
    return max(0.0, min(look.until - max(look.since, since), seconds(spec.analysis.interval)))


def weight_in_force(traffic: Traffic, look: LookData, scrape_seconds: float) -> int | None:
    """The candidate's weight, None unless it was in force for all requests of the look's block.

    What a counter last said when the block began can be a scrape old, and a histogram is handed on some seconds late:
    the block holds requests from before it began.
    """
    is_in_force = traffic.applied_at is not None and (
        traffic.applied_at <= look.since - grid.lag_seconds(scrape_seconds)
    )
    return traffic.candidate_weight if is_in_force else None


def _deciding(spec: RolloutSpec) -> set[str]:
    return {rail.name for rail in spec.guardrails if rail.action is not GuardrailAction.REPORT}


def failed(spec: RolloutSpec, status: RolloutStatus, action: GuardrailAction) -> str:
    """The sentence of the first guardrail that failed and asks for this action; empty when there is none."""
    asking = {rail.name for rail in spec.guardrails if rail.action is action}
    said = [one for one in status.guardrails if one.name in asking and one.verdict is Verdict.FAIL]
    return said[0].message if said else ""


def _waits_for_labels(rail: Guardrail, spec: RolloutSpec, status: RolloutStatus) -> bool:
    """True while labels can still be of predictions from before this attempt; time is counted in looks."""
    counted = rail.ratio or rail.mean
    return counted is not None and status.looks * seconds(spec.analysis.interval) < seconds(counted.label_delay)


def _advanced(
    rail: Guardrail,
    stored: EngineState,
    spec: RolloutSpec,
    status: RolloutStatus,
    look: LookData,
    weight: int | None,
) -> EngineState:
    if rail.query is not None:
        return _advanced_query(rail, stored, look, looked_at_seconds(spec, look, look.since))
    rule, state = engine.unpack(stored)
    schedule = restarts.Schedule(planned_looks(spec), len(itinerary.weighty(spec)))
    begins = itinerary.ordinal(spec, status.stage.index) if status.stage and status.stage.looks == 0 else 0
    if begins:
        state = guardrails.begin_stage(rule, state)
    gamma_fail = schedule.gamma(state.looks + 1, begins)
    gamma_pass = schedule.gamma(state.looks_since_gate + 1, begins)
    block = blocks.of(rail, rule, look, nan if weight is None else weight / 100)
    phi = dispersion(spec.analysis.dispersion)
    return engine.after(stored, guardrails.advance(rule, state, block, gamma_fail, gamma_pass, phi))


def _advanced_query(rail: Guardrail, stored: EngineState, look: LookData, counted_seconds: float) -> EngineState:
    assert rail.query is not None
    value = look.values.get(rail.name, "it was not asked")
    if isinstance(value, str):
        raise CountsRefused(value)
    rule, state = engine.threshold(rail, rail.query), engine.unpack_threshold(stored)
    beyond = engine.excess(rail.query, value)
    return engine.pack_threshold(rail, thresholds.advance(rule, state, beyond, counted_seconds))


def planned_looks(spec: RolloutSpec) -> int:
    """How many looks the plan has when every stage lasts its maxDuration, and every approval until its deadline."""
    planned = sum(map(itinerary.longest_seconds, spec.stages))
    return max(1, ceil(planned / seconds(spec.analysis.interval)))


def _read(
    spec: RolloutSpec, status: RolloutStatus, states: Mapping[str, EngineState], gaps: Mapping[str, str]
) -> list[GuardrailStatus]:
    findings = _findings(spec, states)
    said = []
    for rail in spec.guardrails:
        one = _status(rail, spec, states.get(rail.name), findings.get(rail.name), gaps.get(rail.name))
        said.append(wording.waiting(one, rail) if _waits_for_labels(rail, spec, status) else one)
    return said


def _status(
    rail: Guardrail, spec: RolloutSpec, stored: EngineState | None, finding: verdicts.Finding | None, gap: str | None
) -> GuardrailStatus:
    if rail.query is not None and stored is not None:
        said = wording.of_query(rail, rail.query, engine.threshold(rail, rail.query), engine.unpack_threshold(stored))
    elif finding is not None and stored is not None:
        rule, state = engine.unpack(stored)
        said = wording.of_counts(rail, finding, rule, figures.read(rule, state, dispersion(spec.analysis.dispersion)))
        if rail.latency is not None:
            bounds = figures.quantiles(rule, state, rail.latency.quantile)
            said = wording.with_quantiles(said, rail.latency.quantile, *bounds)
    else:
        said = GuardrailStatus(name=rail.name, limit=wording.limit(rail))
    return said if gap is None or said.verdict is Verdict.FAIL else wording.without_data(said, gap)


def _findings(spec: RolloutSpec, states: Mapping[str, EngineState]) -> dict[str, verdicts.Finding]:
    """Guardrails that may roll back share alpha; any other is judged by itself at the whole alpha."""
    counted = [rail for rail in spec.guardrails if rail.query is None and rail.name in states]
    shares = alpha_shares(counted)
    judged = [
        verdicts.Judged(rail.name, guardrails.read(*engine.unpack(states[rail.name])), shares.get(rail.name, 0.0))
        for rail in counted
    ]
    alpha = fraction(spec.analysis.alpha)
    return {finding.name: finding for finding in verdicts.decide(judged, alpha, alpha).findings}


def alpha_shares(counted: Sequence[Guardrail]) -> dict[str, float]:
    """The share of alpha of each of these guardrails that may roll back."""
    armed = [rail for rail in counted if rail.action is GuardrailAction.ROLLBACK]
    return verdicts.equal_weights([rail.name for rail in armed], [rail.name for rail in armed if rail.critical])


def _together(spec: RolloutSpec, read: list[GuardrailStatus]) -> Verdict:
    """One verdict of all guardrails that may decide. Fail wins, then missing data, then doubt."""
    deciding = _deciding(spec)
    said = {one.verdict for one in read if one.name in deciding}
    for verdict in (Verdict.FAIL, Verdict.NO_DATA, Verdict.INCONCLUSIVE):
        if verdict in said:
            return verdict
    return Verdict.PASS
