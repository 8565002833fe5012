"""Why a rollout stays: pause, missing data, failed guardrails that do not roll back, and what a look may count."""

from typing import Any

import pytest
from decisions import Case, Told, condition, conditions, decide, sentences, told
from factories import (
    BAD,
    BASELINE,
    CANDIDATE,
    EDGES,
    ERRORS,
    GOOD,
    HISTORY,
    LATENCY,
    NOW,
    SILENT,
    SINCE,
    experiment,
    look,
    model,
    spec,
    stage,
    status,
    world,
)
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import Outcome, Phase, RolloutStatus, Verdict
from modelrollout.plan import engine, hashes
from modelrollout.plan.world import LookData, NoData

PASS, FAIL = Verdict.PASS, Verdict.FAIL
AT_10 = experiment(90, 10)
PAUSED = spec(paused=True)
PLAIN = spec()
STAYS = Told(Phase.PROGRESSING, "NoData", (90, 10))
BACK = Told(
    Phase.ROLLING_BACK, "RollingBack", (100, 0), ("90:10 to 100:0",), ("RolledBack",), outcome=Outcome.ROLLED_BACK
)
LONG_SILENT: dict[str, Any] = {"soaked": 60, "verdict": PASS, "no_data_since": NOW - 600}
QUEUE = {"name": "queue", "query": {"promql": "q", "max": "50", "for": "1m"}}
FLOW = {"name": "flow", "query": {"promql": "f", "min": "3", "for": "30s"}}


def on_no_data(action: str) -> RolloutSpec:
    return spec(analysis={"onNoData": action})


UNDECIDED = spec(stage(10, soak="1m", maxDuration="1m"), stage(100))

CASES = {
    "paused by the spec at a stage that passed": Case(
        PAUSED,
        status(PAUSED, soaked=60, verdict=PASS),
        world(AT_10),
        Told(Phase.PAUSED, "PausedBySpec", (90, 10)),
        mentions=("spec.paused is true: set it to false to go on",),
    ),
    "resumed": Case(
        PLAIN,
        status(PAUSED, soaked=60, verdict=PASS),
        world(AT_10),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), ("StageStarted",), 2),
    ),
    "a look without data holds the weights though the stage had passed": Case(
        PLAIN, status(PLAIN, soaked=60, verdict=PASS), world(AT_10, look=SILENT), STAYS
    ),
    "it goes on when data is back": Case(
        PLAIN,
        status(PLAIN, **LONG_SILENT),
        world(AT_10, look=GOOD),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), ("StageStarted",), 2),
    ),
    "after noDataDeadline it still holds by default": Case(PLAIN, status(PLAIN, **LONG_SILENT), world(AT_10), STAYS),
    "after noDataDeadline it pauses when the user says so": Case(
        on_no_data("Pause"),
        status(PLAIN, **LONG_SILENT),
        world(AT_10),
        Told(Phase.PAUSED, "NoData", (90, 10)),
    ),
    "before noDataDeadline it only holds": Case(
        on_no_data("Rollback"),
        status(PLAIN, **(LONG_SILENT | {"no_data_since": NOW - 599})),
        world(AT_10),
        STAYS,
    ),
    "after noDataDeadline it goes back when the user says so": Case(
        on_no_data("Rollback"),
        status(PLAIN, **LONG_SILENT),
        world(AT_10),
        BACK,
        mentions=("no data for 10m, and analysis.onNoData is Rollback",),
    ),
    "it does so while paused as well": Case(
        spec(analysis={"onNoData": "Rollback"}, paused=True), status(PLAIN, **LONG_SILENT), world(AT_10), BACK
    ),
    "an undecided stage stays paused while data is missing": Case(
        UNDECIDED,
        status(UNDECIDED, soaked=60, no_data_since=NOW - 60),
        world(AT_10, look=SILENT),
        Told(Phase.PAUSED, "Inconclusive", (90, 10)),
        mentions=(SILENT.message,),
    ),
    "an undecided stage stays paused while a model is not ready": Case(
        UNDECIDED,
        status(UNDECIDED, soaked=60),
        world(AT_10, models=(model(BASELINE), model(CANDIDATE, False, reason="ScheduleFailed"))),
        Told(Phase.PAUSED, "Inconclusive", (90, 10)),
        mentions=("Model new is not ready: ScheduleFailed",),
    ),
    "an undecided stage goes back after noDataDeadline when the user says so": Case(
        UNDECIDED.model_copy(update={"analysis": on_no_data("Rollback").analysis}),
        status(UNDECIDED, soaked=60, no_data_since=NOW - 600),
        world(AT_10),
        BACK,
    ),
    "a candidate that is no longer ready holds the stage": Case(
        PLAIN,
        status(PLAIN, soaked=60, verdict=PASS),
        world(AT_10, models=(model(BASELINE), model(CANDIDATE, False, reason="ScheduleFailed"))),
        Told(Phase.PROGRESSING, "ModelNotReady", (90, 10)),
        mentions=("Model new is not ready: ScheduleFailed",),
    ),
    "a candidate that was deleted holds the stage": Case(
        PLAIN,
        status(PLAIN, soaked=60, verdict=PASS),
        world(AT_10, models=(model(BASELINE),)),
        Told(Phase.PROGRESSING, "ModelMissing", (90, 10)),
    ),
    "a failed guardrail whose action is Pause pauses": Case(
        spec(guardrails=[ERRORS | {"action": "Pause"}]),
        status(spec(guardrails=[ERRORS | {"action": "Pause"}])),
        world(AT_10, look=BAD),
        Told(Phase.PAUSED, "GuardrailFailed", (90, 10)),
        mentions=("errors failed: 50.00 % of 1,000 candidate requests in error",),
    ),
    "a failed guardrail whose action is Report changes nothing": Case(
        spec(guardrails=[ERRORS, QUEUE | {"action": "Report"}]),
        status(
            spec(guardrails=[ERRORS, QUEUE | {"action": "Report"}]),
            soaked=60,
            verdict=PASS,
            verdicts={"errors": PASS, "queue": FAIL},
        ),
        world(AT_10),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), ("StageStarted",), 2),
    ),
    "a Report guardrail without data holds nothing": Case(
        spec(guardrails=[ERRORS, QUEUE | {"action": "Report"}]),
        status(spec(guardrails=[ERRORS, QUEUE | {"action": "Report"}]), soaked=30),
        world(AT_10, look=look((180_000, 20_000), values={"queue": "The query gives no series."})),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), ("StageStarted",), 2),
    ),
    "any other guardrail without data holds the stage": Case(
        spec(guardrails=[ERRORS, QUEUE]),
        status(spec(guardrails=[ERRORS, QUEUE]), soaked=30),
        world(AT_10, look=look((180_000, 20_000), values={"queue": "The query gives no series."})),
        STAYS,
        mentions=("queue: The query gives no series.",),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_rollout_stays_where_it_is(case: Case) -> None:
    known = case.status.model_copy(update={"policy_hash": hashes.policy(case.spec)})
    decision = decide(case.spec, known, case.world, case.now)

    assert told(decision) == case.told
    assert [words for words in case.mentions if words not in sentences(decision)] == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_word_of_the_decision_stays_the_same_when_nothing_changes(case: Case) -> None:
    known = case.status.model_copy(update={"policy_hash": hashes.policy(case.spec)})
    first = decide(case.spec, known, case.world, case.now)
    unlooked = world(case.world.experiment, models=tuple(case.world.models.values()))
    if first.actions:
        return
    again = decide(case.spec, first.status, unlooked, case.now)

    assert again.status.model_dump_json() == first.status.model_dump_json()
    assert again.notices == ()


def test_a_rollback_for_lack_of_data_is_not_called_paused() -> None:
    going = decide(spec(analysis={"onNoData": "Rollback"}, paused=True), status(PLAIN, **LONG_SILENT), world(AT_10))

    assert condition(going, "Paused").status == "False"


def test_a_pause_shows_in_its_condition() -> None:
    said = conditions(decide(PAUSED, status(PAUSED), world(AT_10)))

    assert said["Paused"] == "True PausedBySpec"
    assert (said["Ready"], said["Stalled"]) == ("False PausedBySpec", "False NotStalled")


def test_missing_data_shows_in_its_condition_until_data_is_back() -> None:
    silent = decide(PLAIN, status(PLAIN), world(AT_10, look=SILENT))
    between = decide(PLAIN, silent.status, world(AT_10))
    back = decide(PLAIN, between.status, world(AT_10, look=GOOD))

    seen = [conditions(one)["MetricsAvailable"] for one in (silent, between, back)]
    assert seen == ["False NoData", "False NoData", "True Available"]
    assert condition(silent, "MetricsAvailable").message == SILENT.message


SOAKS = {
    "a look of one interval": (status(PLAIN), look(), 30.0),
    "a look after an hour of nobody looking counts as one interval": (status(PLAIN), look(seconds=3600), 30.0),
    "a look from before the weights were in force": (
        status(PLAIN, traffic={"applied_at": SINCE + 40}),
        look(),
        0.0,
    ),
    "a look in which the weights came into force counts from then on": (
        status(PLAIN, traffic={"applied_at": SINCE + 20}),
        look(),
        10.0,
    ),
    "a look while the weights are not in force": (status(PLAIN, traffic={"applied_at": None}), look(), 0.0),
    "a look while clients' traffic contradicts the weights": (status(PLAIN, traffic={"mismatch": True}), look(), 0.0),
    "a look that found nothing": (status(PLAIN), SILENT, 0.0),
}


@pytest.mark.parametrize(("known", "seen", "soaked"), SOAKS.values(), ids=SOAKS)
def test_soak_is_time_that_was_looked_at(known: RolloutStatus, seen: LookData | NoData, soaked: float) -> None:
    after = decide(PLAIN, known, world(experiment(90, 10, settled=False, is_ready=False), look=seen)).status

    assert after.stage is not None
    assert after.stage.soaked_seconds == soaked


def test_soak_stands_still_while_paused() -> None:
    after = decide(PAUSED, status(PAUSED), world(AT_10, look=look())).status

    assert after.stage is not None
    assert (after.stage.soaked_seconds, after.stage.looks) == (0.0, 1)


def test_soak_stands_still_while_a_model_is_not_ready() -> None:
    unready = (model(BASELINE), model(CANDIDATE, False))
    after = decide(PLAIN, status(PLAIN), world(AT_10, models=unready, look=look())).status

    assert after.stage is not None
    assert after.stage.soaked_seconds == 0.0


def test_a_silence_too_long_to_bridge_restarts_the_count_at_its_end() -> None:
    gap = NoData("TooOld", "The last look is too long ago", restart_from=NOW - 20)

    assert decide(PLAIN, status(PLAIN), world(AT_10, look=gap)).status.last_look_at == NOW - 20
    assert decide(PLAIN, status(PLAIN), world(AT_10, look=SILENT)).status.last_look_at == SINCE


def test_a_look_that_is_due_but_has_nothing_new_is_not_asked_for_again_at_once() -> None:
    overdue = status(PLAIN, look_due_at=NOW - 1, last_look_at=NOW)  # the interval was lengthened, or the clock set back
    decision = decide(PLAIN, overdue, world(AT_10))

    assert decision.check_again_at is not None
    assert decision.check_again_at > NOW
    assert decision.status.looks == 0


QUERIES = {
    "a value above max for its time fails": (QUEUE, [60.0, 60.0], FAIL),
    "a value above max for less is undecided": (QUEUE, [60.0], Verdict.INCONCLUSIVE),
    "a value that came back within the limit passes": (QUEUE, [60.0, 40.0], PASS),
    "a value above, within and above again begins its time anew": (QUEUE, [60.0, 40.0, 60.0], Verdict.INCONCLUSIVE),
    "a value below min for its time fails": (FLOW, [2.0], FAIL),
    "a value at its limit passes": (FLOW, [3.0], PASS),
}


@pytest.mark.parametrize(("rail", "values", "verdict"), QUERIES.values(), ids=QUERIES)
def test_a_query_is_judged_by_its_limit_and_its_time(
    rail: dict[str, object], values: list[float], verdict: Verdict
) -> None:
    guarded = spec(stage(10, "10m"), stage(100), guardrails=[ERRORS, rail])
    known = status(guarded)
    for value in values:
        known = decide(guarded, known, world(AT_10, look=look(values={str(rail["name"]): value}))).status

    assert known.guardrails[1].verdict is verdict
    assert (known.outcome is Outcome.ROLLED_BACK) == (verdict is FAIL)


def test_a_changed_query_without_a_value_is_missing_data_from_its_first_look() -> None:
    before, guarded = spec(), spec(guardrails=[ERRORS, QUEUE])
    known = decide(guarded, status(before), world(AT_10, look=look(values={"queue": "it does not parse"}))).status

    assert known.no_data_since == NOW
    assert known.stage is not None
    assert known.stage.soaked_seconds == 0


def test_time_in_which_nobody_looked_is_no_time_beyond_a_limit() -> None:
    guarded = spec(guardrails=[ERRORS, QUEUE])
    after = decide(guarded, status(guarded), world(AT_10, look=look(seconds=3600, values={"queue": 60.0}))).status

    assert after.guardrails[1].verdict is Verdict.INCONCLUSIVE


def test_other_analysis_keeps_the_attempt_and_is_recorded() -> None:
    changed = spec(analysis={"alpha": "1%"})
    decision = decide(changed, status(PLAIN, soaked=30), world(AT_10))

    assert told(decision) == Told(Phase.PROGRESSING, "Soaking", (90, 10), says=("PolicyChanged",))
    assert decision.status.history[0].reason == "PolicyChanged"
    assert decide(changed, decision.status, world(AT_10)).notices == ()


def test_a_changed_guardrail_begins_its_evidence_anew_and_the_others_keep_theirs() -> None:
    before = spec(stage(10, "10m"), stage(100), guardrails=[ERRORS, LATENCY])
    after = spec(stage(10, "10m"), stage(100), guardrails=[{"name": "errors", "errorRate": {"maxRatio": 1.2}}, LATENCY])
    known = decide(before, status(before), world(AT_10, look=look())).status
    known = decide(after, known, world(AT_10, look=look(since=SINCE + 30))).status
    known = decide(after, known, world(AT_10, look=look(since=SINCE + 60))).status

    looks = {one.name: engine.unpack(one)[1].looks for one in known.engine}
    assert looks == {"errors": 1, "latency": 3}


def test_a_verdict_under_the_old_guardrails_does_not_open_the_next_stage() -> None:
    stricter = spec(guardrails=[{"name": "errors", "errorRate": {"maxRatio": 1.2}}])
    decision = decide(stricter, status(PLAIN, soaked=60, verdict=PASS), world(AT_10))

    assert told(decision).wanted == (90, 10)
    assert decision.status.verdict is Verdict.INCONCLUSIVE


def test_a_guardrail_that_was_loosened_no_longer_pauses() -> None:
    strict = spec(guardrails=[ERRORS | {"action": "Pause"}])
    loose = spec(guardrails=[{"name": "errors", "errorRate": {"maxRatio": 9}, "action": "Pause"}])

    assert told(decide(loose, status(strict, verdict=FAIL), world(AT_10))).phase is Phase.PROGRESSING


def test_a_latency_guardrail_that_is_added_waits_for_a_look_that_reads_its_edges() -> None:
    more = spec(guardrails=[ERRORS, LATENCY])
    without_edges = look((180_000, 20_000))
    bare = type(without_edges.candidate)(20_000, 0, 0, 0)
    blind = type(without_edges)(SINCE, SINCE + 30, type(bare)(180_000), bare)
    first = decide(more, status(PLAIN, soaked=30), world(AT_10, look=blind)).status

    assert first.guardrails[1].verdict is Verdict.INCONCLUSIVE
    assert first.no_data_since is None
    assert set(engine.edges_wanted(first.engine)) <= set(EDGES)
    assert engine.edges_wanted(first.engine) == engine.edges_wanted(engine.open_all(more, HISTORY))


def test_a_bucket_edge_that_is_gone_is_missing_data() -> None:
    guarded = spec(guardrails=[LATENCY])
    seen = look((180_000, 20_000))
    other = {edge * 3: count for edge, count in seen.candidate.at_or_below.items()}
    broken = type(seen.candidate)(20_000, 0, 0, 20_000, other)
    decision = decide(guarded, status(guarded), world(AT_10, look=type(seen)(SINCE, SINCE + 30, seen.baseline, broken)))

    assert told(decision).because == "NoData"
    assert "ms is no longer exported: put it back, or start a new attempt" in sentences(decision)


def test_a_slow_candidate_is_rolled_back() -> None:
    guarded = spec(guardrails=[LATENCY])
    decision = decide(guarded, status(guarded), world(AT_10, look=look(slow=(90, 600))))

    assert decision.status.outcome is Outcome.ROLLED_BACK
    assert "latency failed" in decision.status.message
