"""Do labels reach the counters alike for both arms? When not, what is counted may be a selection."""

from collections.abc import Mapping
from math import log

from modelrollout.api.contract import seconds
from modelrollout.api.spec import Guardrail, RolloutSpec
from modelrollout.api.status import StageStatus
from modelrollout.judge import dispersion, split
from modelrollout.judge.guardrails import State
from modelrollout.judge.rule import Rule

ALARM = log(1000)  # alpha 0.1 %: it warns, and decides nothing


def warnings(spec: RolloutSpec, stage: StageStatus, running: Mapping[str, tuple[Rule, State]]) -> list[str]:
    """A sentence for each ratio or mean guardrail whose counts do not split as the traffic of this stage does.

    Only where all that was counted is of predictions from this stage: with a delay, only in the first one.
    """
    weight = spec.stages[stage.index].weight
    said = []
    for rail in spec.guardrails:
        known = running.get(rail.name)
        if known is None or not 0 < weight < 100 or not _is_of_this_stage(rail, stage, known[1]):
            continue
        if _log_e(*known, weight / 100, sum(stage.arm_requests)) >= ALARM:
            said.append(_sentence(rail, known[1], weight))
    return said


def _is_of_this_stage(rail: Guardrail, stage: StageStatus, state: State) -> bool:
    counted = rail.ratio or rail.mean
    if counted is None or state.looks_since_gate > stage.looks:
        return False
    return stage.index == 0 or seconds(counted.label_delay) == 0


def _log_e(rule: Rule, state: State, share: float, requests: int) -> float:
    """ln E against "each count is the candidate's with its share of traffic".

    Tempered by the scatter, and by how many are counted for a request: predictions of one request go the same way.
    """
    counts = [state.seen.baseline_total[0, 0], state.seen.candidate_total[0, 0]]
    phi = dispersion.factor(state.scatter, rule.scatter_kind, rule.prior, share)[0]
    together = sum(counts) / max(requests, 1)
    return float(split.log_e(counts, [1 - share, share]) / max(phi, together))


def _sentence(rail: Guardrail, state: State, weight: int) -> str:
    baseline, candidate = state.seen.baseline_total[0, 0], state.seen.candidate_total[0, 0]
    seen = 100 * candidate / (baseline + candidate)
    return (
        f"{rail.name}: {seen:.3g} % of what was counted is the candidate's, which has {weight} % of the traffic: "
        "labels of one arm come later or get lost, so what is compared may be a selection"
    )
