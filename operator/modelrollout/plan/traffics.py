"""What is known of the traffic of both arms: from the baseline's past, and from the evidence of a running stage."""

from collections.abc import Mapping
from math import ceil

import numpy as np

from modelrollout.api.spec import Guardrail, RolloutSpec
from modelrollout.judge.growth import Traffic
from modelrollout.judge.guardrails import State
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.rule import Rule
from modelrollout.plan.world import History, Windows

RECENT_SECONDS = 3600.0  # the traffic of today is that of the last hour, if there was any
BELIEF_EVENTS = 4.0  # events' worth of belief that the candidate is like the baseline, until it shows more
BELIEF_VALUES = 100.0  # the same for measured values


def of_past(
    spec: RolloutSpec, rules: Mapping[str, Rule], latencies: Histogram | None, history: History | None
) -> dict[str, Traffic]:
    """What the baseline's past says of its traffic, per guardrail; those of which it says nothing are absent.

    The past knows errors and latencies; of shares and means that models count it says nothing. The candidate's share is
    left at 0: a stage sets it.
    """
    if history is None or history.errors is None:
        return {}
    errors, per_second = history.errors, _per_second(history.errors)
    known = {
        rail.name: _rates(rail, rules[rail.name], latencies, errors) for rail in spec.guardrails if rail.name in rules
    }
    return {name: Traffic(per_second, 0.0, rates) for name, rates in known.items() if rates and per_second > 0}


def of_evidence(rule: Rule, state: State, interval_seconds: float, candidate_share: float) -> Traffic | None:
    """What the looks since the last gate say of both arms' traffic; None before the baseline showed any."""
    total = state.seen.baseline_total[0]
    if state.looks_since_gate == 0 or not (total > 0).all():
        return None
    means = state.seen.baseline_events[0] / total
    variances = np.maximum(state.seen.baseline_squares[0] / total - means**2, 0.0)
    both = float(np.max(total + state.seen.candidate_total[0]))
    return Traffic(
        per_second=both / (state.looks_since_gate * interval_seconds),
        candidate_share=candidate_share,
        baseline=tuple(map(float, means)),
        deviations=tuple(map(float, np.sqrt(variances))) if rule.has_values else None,
    )


def estimated(rule: Rule, state: State, traffic: Traffic) -> tuple[float, ...]:
    """The candidate's rates (means) per column: as it showed them, mixed with what little belief there was before."""
    totals, events = state.seen.candidate_total[0], state.seen.candidate_events[0]
    believed = [BELIEF_VALUES if rule.has_values else BELIEF_EVENTS / max(base, 1e-3) for base in traffic.baseline]
    return tuple(
        float((count + belief * base) / (total + belief))
        for total, count, base, belief in zip(totals, events, traffic.baseline, believed, strict=True)
    )


def _per_second(windows: Windows) -> float:
    """Requests per second in the last hour, or in all the past when the last hour had none."""
    recent = max(1, ceil(RECENT_SECONDS / windows.step_seconds))
    for totals in (windows.total[-recent:], windows.total):
        if sum(totals) > 0:
            return sum(totals) / (len(totals) * windows.step_seconds)
    return 0.0


def _rates(rail: Guardrail, rule: Rule, latencies: Histogram | None, errors: Windows) -> tuple[float, ...]:
    """The baseline's share of events per column; empty when the past does not say."""
    if rail.error_rate is not None and sum(errors.total) > 0:
        return (sum(errors.events) / sum(errors.total),)
    if rail.latency is None or latencies is None or latencies.total == 0:
        return ()
    is_known = set(rule.edges_ms) <= set(latencies.edges_ms)
    return tuple(latencies.survival(edge) for edge in rule.edges_ms) if is_known else ()
