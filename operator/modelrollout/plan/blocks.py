"""What a look counted, as the block that a guardrail's rule asks for."""

from modelrollout.api.spec import ErrorsOf, Guardrail, Mean
from modelrollout.judge import evidence
from modelrollout.judge.evidence import Counts, Values, counts
from modelrollout.judge.refusals import CountsRefused
from modelrollout.judge.rule import Rule
from modelrollout.plan import rails
from modelrollout.plan.world import ArmCounts, ArmSums, LookData


def of(rail: Guardrail, rule: Rule, look: LookData, candidate_share: float) -> Counts:
    """The block; candidate_share (0-1) is the configured one, NaN where it changed within the block.

    Raises CountsRefused for what no counter can show, and for buckets that vanished.
    """
    if rail.error_rate is not None:
        return _errors(rail, look, candidate_share)
    if rail.latency is not None:
        return _exceedances(rule, look, candidate_share)
    if rail.name not in look.counted:
        raise CountsRefused("it was not counted in this look")
    baseline, candidate = look.counted[rail.name]
    if rail.mean is not None:
        return _values(rail.mean, baseline, candidate)
    return counts(candidate.total, candidate.events, baseline.total, baseline.events, candidate_share)


def _errors(rail: Guardrail, look: LookData, share: float) -> Counts:
    answers_only = rail.error_rate is not None and rail.error_rate.of is ErrorsOf.ANSWERS
    wrong = [arm.server_errors if answers_only else arm.troubled for arm in (look.candidate, look.baseline)]
    return counts(look.candidate.requests, wrong[0], look.baseline.requests, wrong[1], share)


def _exceedances(rule: Rule, look: LookData, share: float) -> Counts:
    slower = [_slower(arm, rule.edges_ms) for arm in (look.candidate, look.baseline)]
    return counts([look.candidate.timed], slower[0], [look.baseline.timed], slower[1], share)


def _slower(arm: ArmCounts, edges_ms: tuple[float, ...]) -> list[float]:
    """Requests beyond each edge. An arm without requests has no buckets yet, and nothing beyond them."""
    if arm.timed == 0:
        return [0.0] * len(edges_ms)
    gone = [edge for edge in edges_ms if edge not in arm.at_or_below]
    if gone:
        raise CountsRefused(f"bucket edge {gone[0]:g} ms is no longer exported: put it back, or start a new attempt")
    return [max(0.0, arm.timed - arm.at_or_below[edge]) for edge in edges_ms]


def _values(mean: Mean, baseline: ArmSums, candidate: ArmSums) -> Counts:
    """Values turned so that more is better; within a range, how far from its best end."""
    sign = -1.0 if rails.less_is_better(mean) else 1.0
    candidate_values, baseline_values = (
        Values(arm.total, sign * arm.events, arm.squares) for arm in (candidate, baseline)
    )
    block = evidence.values(candidate_values, baseline_values)
    if mean.range is None:
        return block
    low, high = sorted(sign * end for end in rails.ends(mean))
    return evidence.as_badness(block, low, high)
