"""What Prometheus sees of the rollouts: series come and go with the object, and say what its status says."""

from collections.abc import Mapping
from typing import Any

import pytest
from factories import NOW, spec, status
from modelrollout import telemetry
from modelrollout.act.gauges import Gauges
from modelrollout.api.reasons import Reason
from modelrollout.api.status import (
    ArmEvidence,
    Condition,
    GuardrailStatus,
    HandledAction,
    HistoryEntry,
    ObservedShare,
    Outcome,
    Phase,
    Result,
    RolloutStatus,
    Verdict,
)
from modelrollout.plan.actions import Decision, Notice
from modelrollout.plan.draft import timestamp
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

RAIL = GuardrailStatus(
    name="errors",
    verdict=Verdict.INCONCLUSIVE,
    baseline=ArmEvidence(samples=900, rate=0.01),
    candidate=ArmEvidence(samples=100, rate=0.012),
    ratio=1.2,
    interval_low=0.5,
    interval_high=2.0,
    evidence=40,
    evidence_for="Pass",
    always_valid_p_value=0.3,
)
RUNNING = status(
    spec(),
    index=0,
    phase=Phase.PROGRESSING,
    experiment="predictor",
    stage_summary="1/3",
    guardrails=[RAIL],
    conditions=[
        Condition(type=kind, status=said, reason=reason, last_transition_time=timestamp(NOW))
        for kind, said, reason in (
            ("Ready", "False", "Soaking"),
            ("SpecValid", "True", "Valid"),
            ("TrafficSynced", "Unknown", "NotConfirmed"),
        )
    ],
)
MINE = {"namespace": "models", "modelrollout": "predictor"}


@pytest.fixture
def gauges() -> Gauges:
    return Gauges()


def changed(before: RolloutStatus, **fields: Any) -> RolloutStatus:
    return before.model_copy(update=fields)


def told(token: str, verb: str = "pause", result: Result = Result.DONE) -> HandledAction:
    return HandledAction(
        verb=verb, token=token, text=f"{verb}@{token}", result=result, message="Done", time=timestamp(NOW)
    )


def decided(gauges: Gauges, before: RolloutStatus, after: RolloutStatus, *notices: Notice, now: float = NOW) -> None:
    gauges.decided("models", "predictor", before, Decision(after, notices=notices), now)


def scraped(gauges: Gauges) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """What a scrape gives, read back from its text: by name, then by all labels."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(gauges)
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def of(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset({**MINE, **labels}.items())


STANDS: Mapping[str, Mapping[frozenset[tuple[str, str]], float]] = {
    "modelrollout_info": {of(phase="Progressing", baseline="old", candidate="new", experiment="predictor"): 1},
    "modelrollout_condition": {of(type="Ready", reason="Soaking"): 0, of(type="SpecValid", reason="Valid"): 1},
    "modelrollout_attempt": {of(): 1},
    "modelrollout_stage": {of(): 1},
    "modelrollout_stages": {of(): 3},
    "modelrollout_last_look_timestamp_seconds": {of(): RUNNING.last_look_at or 0},
    "modelrollout_look_due_timestamp_seconds": {of(): NOW + 20},
    "modelrollout_weight": {of(arm="old", role="baseline"): 90, of(arm="new", role="candidate"): 10},
    "modelrollout_weight_wanted": {of(arm="old", role="baseline"): 90, of(arm="new", role="candidate"): 10},
    "modelrollout_guardrail_verdict": {of(guardrail="errors", verdict="Inconclusive"): 1},
    "modelrollout_guardrail_evidence_ratio": {
        of(guardrail="errors", toward="Pass"): 0.4,
        of(guardrail="errors", toward="Fail"): 0,
    },
    "modelrollout_guardrail_ratio": {of(guardrail="errors"): 1.2},
    "modelrollout_guardrail_interval_low": {of(guardrail="errors"): 0.5},
    "modelrollout_guardrail_interval_high": {of(guardrail="errors"): 2.0},
    "modelrollout_guardrail_p_value": {of(guardrail="errors"): 0.3},
    "modelrollout_guardrail_rate": {
        of(guardrail="errors", role="baseline"): 0.01,
        of(guardrail="errors", role="candidate"): 0.012,
    },
    "modelrollout_guardrail_samples": {
        of(guardrail="errors", role="baseline"): 900,
        of(guardrail="errors", role="candidate"): 100,
    },
    "modelrollout_outcomes_total": {
        of(outcome="Promoted"): 0,
        of(outcome="RolledBack"): 0,
        of(outcome="Superseded"): 0,
    },
    "modelrollout_weights_put_right_total": {of(): 0},
}


def test_a_scrape_says_what_the_status_says(gauges: Gauges) -> None:
    gauges.show("models", "predictor", RUNNING)
    assert scraped(gauges) == STANDS


def test_shares_that_clients_saw_are_ratios_and_arms_of_another_attempt_have_none(gauges: Gauges) -> None:
    observed = [ObservedShare(name=name, percent=percent, requests=9) for name, percent in (("new", 9.5), ("gone", 1))]
    gauges.show("models", "predictor", changed(RUNNING, traffic=changed_traffic(observed=observed)))
    assert scraped(gauges)["modelrollout_observed_share_ratio"] == {of(arm="new", role="candidate"): 0.095}


def changed_traffic(**fields: Any) -> Any:
    return RUNNING.traffic.model_copy(update=fields)


def test_an_old_phase_verdict_or_candidate_leaves_no_series(gauges: Gauges) -> None:
    gauges.show("models", "predictor", RUNNING)
    other = status(
        spec(candidate="newer"),
        phase=Phase.DEGRADED,
        outcome=Outcome.ROLLED_BACK,
        guardrails=[changed(RAIL, verdict=Verdict.FAIL)],  # type: ignore[arg-type]
    )
    gauges.show("models", "predictor", other)
    found = scraped(gauges)
    assert [dict(labels)["phase"] for labels in found["modelrollout_info"]] == ["Degraded"]
    assert [dict(labels)["verdict"] for labels in found["modelrollout_guardrail_verdict"]] == ["Fail"]
    assert {dict(labels)["arm"] for labels in found["modelrollout_weight"]} == {"old", "newer"}
    assert "modelrollout_look_due_timestamp_seconds" not in found


def test_a_rollout_before_its_first_attempt_has_no_arms(gauges: Gauges) -> None:
    gauges.show("models", "predictor", RolloutStatus())
    found = scraped(gauges)
    assert found["modelrollout_info"] == {of(phase="Pending", baseline="", candidate="", experiment=""): 1}
    assert found["modelrollout_stage"] == {of(): 0}
    assert "modelrollout_weight" not in found


def test_a_rollout_that_is_gone_takes_every_series_with_it_and_no_others(gauges: Gauges) -> None:
    gauges.show("models", "other", RUNNING)
    alone = scraped(gauges)
    gauges.show("models", "predictor", RUNNING)
    decided(gauges, RUNNING, changed(RUNNING, last_handled_action=told("a")))
    assert scraped(gauges) != alone
    gauges.forget("models", "predictor")
    assert scraped(gauges) == alone
    gauges.forget("models", "other")
    assert scraped(gauges) == {}


ENDS = {
    "promoted": (RUNNING, changed(RUNNING, outcome=Outcome.PROMOTED), "Promoted"),
    "rolled back": (RUNNING, changed(RUNNING, outcome=Outcome.ROLLED_BACK), "RolledBack"),
    "superseded": (RUNNING, changed(RUNNING, attempt=2), "Superseded"),
    "promoted, then undone": (
        changed(RUNNING, outcome=Outcome.PROMOTED),
        changed(RUNNING, outcome=Outcome.ROLLED_BACK),
        "RolledBack",
    ),
    "looked at": (RUNNING, changed(RUNNING, looks=2), ""),
    "ended before": (
        changed(RUNNING, outcome=Outcome.ROLLED_BACK),
        changed(RUNNING, outcome=Outcome.ROLLED_BACK, phase=Phase.DEGRADED),
        "",
    ),
    "begun again after a rollback": (
        changed(RUNNING, outcome=Outcome.ROLLED_BACK),
        changed(RUNNING, attempt=2, outcome=None),
        "",
    ),
    "begun for the first time": (RolloutStatus(), RUNNING, ""),
}


@pytest.mark.parametrize("case", ENDS)
def test_each_end_of_an_attempt_is_counted_once(gauges: Gauges, case: str) -> None:
    before, after, outcome = ENDS[case]
    decided(gauges, before, after)
    decided(gauges, after, changed(after, looks=9))
    counted = {
        dict(labels)["outcome"]: value for labels, value in scraped(gauges)["modelrollout_outcomes_total"].items()
    }
    assert counted == {"Promoted": 0, "RolledBack": 0, "Superseded": 0, **({outcome: 1} if outcome else {})}


def test_an_attempt_lasts_from_its_first_decision_to_its_end(gauges: Gauges) -> None:
    history = [
        HistoryEntry(time=timestamp(NOW - ago), reason=reason, message="", attempt=attempt, weight=0)
        for ago, reason, attempt in ((600, "StageStarted", 2), (900, "AttemptStarted", 2), (5000, "AttemptStarted", 1))
    ]
    running = changed(RUNNING, attempt=2, history=history)
    before = lasted()
    decided(gauges, running, changed(running, outcome=Outcome.PROMOTED))
    undone = changed(running, outcome=Outcome.ROLLED_BACK)
    decided(gauges, changed(running, outcome=Outcome.PROMOTED), undone)  # an undoing ends no attempt a second time
    assert lasted() - before == pytest.approx(900, abs=1)


def lasted() -> float:
    (family,) = telemetry.ATTEMPT_DURATION_SECONDS.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_sum"))


def test_what_people_tell_is_counted_by_verb_and_words_of_their_own_are_no_labels(gauges: Gauges) -> None:
    steps = [RUNNING]
    for action in (told("a"), told("b"), told("c", "promote", Result.REFUSED), told("d", "rm -rf", Result.REFUSED)):
        steps.append(changed(RUNNING, last_handled_action=action))
        decided(gauges, *steps[-2:])
        decided(gauges, steps[-1], steps[-1])
    assert scraped(gauges)["modelrollout_actions_total"] == {
        of(verb="pause", result="Done"): 2,
        of(verb="promote", result="Refused"): 1,
        of(verb="unknown", result="Refused"): 1,
    }


def test_weights_that_were_put_right_are_counted(gauges: Gauges) -> None:
    decided(gauges, RUNNING, RUNNING, Notice(Reason.WEIGHTS_CHANGED, "put right"), Notice(Reason.PROGRESSING, ""))
    assert scraped(gauges)["modelrollout_weights_put_right_total"] == {of(): 1}


def test_every_series_of_the_list_is_exported(gauges: Gauges) -> None:
    named = {series.name.removesuffix("_total") for series in telemetry.OF_ROLLOUTS}
    assert {family.name for family in gauges.collect()} == named
    assert len(named) == len(telemetry.OF_ROLLOUTS)
