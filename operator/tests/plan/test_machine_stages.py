"""What ends a stage: soak, Pass, requests, maxDuration, or a Fail. A Fail comes before every reason to stay."""

import pytest
from decisions import Case, Told, decide, sentences, told
from factories import (
    BAD,
    BASELINE,
    CANDIDATE,
    GOOD,
    NOW,
    SILENT,
    experiment,
    look,
    model,
    spec,
    stage,
    status,
    world,
)
from modelrollout.api.status import Outcome, Phase, RolloutStatus, Verdict
from modelrollout.plan import engine, hashes

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
PLAIN = spec()
QUICK = spec(stage(10, advance="OnSoak", minRequests=500), stage(50, advance="OnSoak"), stage(100))
SHORT_STAGES = [stage(10, maxDuration="1m"), stage(50, maxDuration="1m"), stage(100)]
SHORT = spec(*SHORT_STAGES)
STARVED = spec(stage(10, advance="OnSoak", maxDuration="1m"), stage(50), stage(100))
EAGER = spec(stage(10, soak="0s", advance="OnSoak", minRequests=0), stage(50, soak="0s"), stage(100, soak="0s"))
AT_10, AT_50, AT_100 = experiment(90, 10), experiment(50, 50), experiment(0, 100)
LIMITED = spec(guardrails=[{"name": "errors", "errorRate": {"max": "2%"}}])
UNREADY = (model(BASELINE), model(CANDIDATE, False))
ROLLED_BACK = Told(
    Phase.ROLLING_BACK, "RollingBack", (100, 0), ("90:10 to 100:0",), ("RolledBack",), outcome=Outcome.ROLLED_BACK
)
STARTED = ("StageStarted",)

CASES = {
    "a stage soaks": Case(
        PLAIN, status(PLAIN, soaked=30, verdict=PASS), world(AT_10), Told(Phase.PROGRESSING, "Soaking", (90, 10))
    ),
    "a soaked stage waits for the guardrails": Case(
        PLAIN, status(PLAIN, soaked=60), world(AT_10), Told(Phase.PROGRESSING, "Judging", (90, 10))
    ),
    "a soaked stage that passed goes on": Case(
        PLAIN,
        status(PLAIN, soaked=60, verdict=PASS),
        world(AT_10),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), STARTED, 2),
        mentions=("Stage 2 of 3 begins: 50 % to new",),
    ),
    "the look that ends the soak and passes goes on at once": Case(
        PLAIN,
        status(PLAIN, soaked=30),
        world(AT_10, look=GOOD),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), STARTED, 2),
    ),
    "a soak of no time still needs one look with the weights in force": Case(
        EAGER, status(EAGER, verdict=PASS), world(AT_10), Told(Phase.PROGRESSING, "Soaking", (90, 10))
    ),
    "a bake of no time does as well": Case(
        EAGER, status(EAGER, 2, verdict=PASS), world(AT_100), Told(Phase.PROMOTING, "Soaking", (0, 100), stage=3)
    ),
    "OnSoak goes on undecided once every arm had its requests": Case(
        QUICK,
        status(QUICK, soaked=60, requests=(9000, 500)),
        world(AT_10),
        Told(Phase.PROGRESSING, "Progressing", (50, 50), ("90:10 to 50:50",), STARTED, 2),
    ),
    "OnSoak waits for the requests of the slower arm": Case(
        QUICK,
        status(QUICK, soaked=60, requests=(9000, 499)),
        world(AT_10),
        Told(Phase.PROGRESSING, "Judging", (90, 10)),
        mentions=("Stage 1 waits until every arm has answered 500 requests",),
    ),
    "OnSoak needs Pass before weight 100 all the same": Case(
        QUICK,
        status(QUICK, 1, soaked=6000, requests=(9000, 9000)),
        world(AT_50),
        Told(Phase.PROGRESSING, "Judging", (50, 50), stage=2),
        mentions=("Stage 2 waits for every guardrail to pass",),
    ),
    "Pass opens weight 100": Case(
        QUICK,
        status(QUICK, 1, soaked=60, verdict=PASS),
        world(AT_50),
        Told(Phase.PROMOTING, "Progressing", (0, 100), ("50:50 to 0:100",), STARTED, 3),
    ),
    "the candidate bakes at 100": Case(
        PLAIN, status(PLAIN, 2, soaked=30), world(AT_100), Told(Phase.PROMOTING, "Soaking", (0, 100), stage=3)
    ),
    "a baked candidate is promoted": Case(
        PLAIN,
        status(PLAIN, 2, soaked=60),
        world(AT_100),
        Told(Phase.HEALTHY, "Promoted", (0, 100), (), ("Promoted",), 3, Outcome.PROMOTED),
        mentions=("Promoted: new has taken over from old",),
    ),
    "a promoted rollout stays as it is": Case(
        PLAIN,
        status(PLAIN, 2, outcome=Outcome.PROMOTED),
        world(AT_100),
        Told(Phase.HEALTHY, "Promoted", (0, 100), stage=3, outcome=Outcome.PROMOTED),
    ),
    "a Fail rolls back at once": Case(
        PLAIN,
        status(PLAIN),
        world(AT_10, look=BAD),
        ROLLED_BACK,
        mentions=("Rolled back at stage 1 of 3 (10 %): errors failed",),
    ),
    "a Fail rolls back while paused": Case(spec(paused=True), status(PLAIN), world(AT_10, look=BAD), ROLLED_BACK),
    "a Fail rolls back while a model is not ready": Case(
        PLAIN, status(PLAIN), world(AT_10, models=UNREADY, look=BAD), ROLLED_BACK
    ),
    "a Fail rolls back while a model is gone": Case(
        PLAIN, status(PLAIN), world(AT_10, models=(model(CANDIDATE),), look=BAD), ROLLED_BACK
    ),
    "a Fail that was found before rolls back while data is missing": Case(
        PLAIN, status(PLAIN, verdict=FAIL, no_data_since=NOW - 60), world(AT_10, look=SILENT), ROLLED_BACK
    ),
    "a Fail rolls back from weights that nobody took up": Case(
        PLAIN,
        status(PLAIN, traffic={"applied_at": None}),
        world(experiment(90, 10, is_ready=False), look=BAD),
        ROLLED_BACK,
    ),
    "a Fail rolls back while clients' traffic contradicts the weights": Case(
        PLAIN, status(PLAIN, traffic={"mismatch": True}), world(AT_10, look=BAD), ROLLED_BACK
    ),
    "a Fail of an absolute guardrail at 100 takes all traffic back": Case(
        LIMITED,
        status(LIMITED, 2),
        world(AT_100, look=look((0, 1000), (0, 500))),
        Told(
            Phase.ROLLING_BACK,
            "RollingBack",
            (100, 0),
            ("0:100 to 100:0",),
            ("RolledBack",),
            3,
            Outcome.ROLLED_BACK,
        ),
    ),
    "a rollback that is in force is over": Case(
        PLAIN,
        status(PLAIN, outcome=Outcome.ROLLED_BACK),
        world(experiment(100, 0)),
        Told(Phase.DEGRADED, "RolledBack", (100, 0), outcome=Outcome.ROLLED_BACK),
    ),
    "a rollback is in force after a deadline even when Seldon says nothing, and clients must confirm it": Case(
        PLAIN,
        status(PLAIN, outcome=Outcome.ROLLED_BACK, traffic={"applied_at": None, "written_at": NOW - 11}),
        world(experiment(100, 0, is_ready=False, settled=False)),
        Told(Phase.ROLLING_BACK, "RollingBack", (100, 0), outcome=Outcome.ROLLED_BACK),
        mentions=("clients' requests have yet to confirm it",),
    ),
    "at maxDuration the rollout pauses by default": Case(
        SHORT,
        status(SHORT, soaked=60),
        world(AT_10),
        Told(Phase.PAUSED, "Inconclusive", (90, 10)),
        mentions=("Undecided: stage 1 reached its maxDuration of 1m undecided",),
    ),
    "at maxDuration the rollout goes back when the user says so": Case(
        spec(*SHORT_STAGES, analysis={"onInconclusive": "Rollback"}),
        status(SHORT, soaked=60),
        world(AT_10),
        ROLLED_BACK,
        mentions=("stage 1 reached its maxDuration of 1m undecided, and analysis.onInconclusive is Rollback",),
    ),
    "at maxDuration the rollout goes on when the user says so, and the history has it": Case(
        spec(*SHORT_STAGES, analysis={"onInconclusive": "Promote"}),
        status(SHORT, 1, soaked=60),
        world(AT_50),
        Told(Phase.PROMOTING, "Progressing", (0, 100), ("50:50 to 0:100",), STARTED, 3),
        mentions=("Stage 3 of 3 begins without a Pass, since stage 2 reached its maxDuration of 1m undecided",),
    ),
    "a stage that waits for requests reaches its maxDuration as well": Case(
        STARVED,
        status(STARVED, soaked=60, requests=(9000, 3)),
        world(AT_10),
        Told(Phase.PAUSED, "Inconclusive", (90, 10)),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_stage_is_left_or_kept(case: Case) -> None:
    # What differs between the specs of a case is no new attempt and no new policy, unless the case is about it.
    known = case.status.model_copy(update={"policy_hash": _policy(case)})
    decision = decide(case.spec, known, case.world, case.now)

    assert told(decision) == case.told
    assert [words for words in case.mentions if words not in sentences(decision)] == []


def test_a_gate_starts_new_evidence_to_pass_and_keeps_the_evidence_to_fail() -> None:
    before = decide(PLAIN, status(PLAIN), world(AT_10, look=GOOD)).status
    after = decide(PLAIN, before.model_copy(update={"stage": _soaked(before)}), world(AT_10)).status

    old, new = engine.unpack(before.engine[0])[1], engine.unpack(after.engine[0])[1]
    assert after.stage is not None
    assert after.stage.index == 1
    assert (new.looks, new.looks_since_gate, float(new.pass_max[0])) == (old.looks, 0, 0.0)
    assert (new.fail.bets == old.fail.bets).all()
    assert (after.verdict, after.guardrails[0].verdict) == (OPEN, OPEN)


def test_the_verdict_of_one_stage_does_not_open_the_next() -> None:
    entered = decide(PLAIN, status(PLAIN, soaked=60, verdict=PASS), world(AT_10)).status
    soaked = entered.model_copy(update={"stage": _soaked(entered)})

    assert told(decide(PLAIN, soaked, world(AT_50))).wanted == (50, 50)


def test_a_pass_found_in_an_on_soak_stage_must_still_hold_at_a_look_of_the_next() -> None:
    entered = decide(QUICK, status(QUICK, soaked=60, requests=(900, 900), verdict=PASS), world(AT_10)).status
    soaked = entered.model_copy(update={"stage": _soaked(entered)})

    assert told(decide(QUICK, soaked, world(AT_50))).wanted == (50, 50)
    assert told(decide(QUICK, soaked, world(AT_50, look=GOOD))).wanted == (0, 100)


def test_evidence_of_on_soak_stages_counts_towards_pass() -> None:
    first = decide(QUICK, status(QUICK), world(AT_10, look=GOOD)).status
    soaked = first.model_copy(update={"stage": _soaked(first)})
    entered = decide(QUICK, soaked, world(AT_10)).status

    assert engine.unpack(entered.engine[0])[1].looks_since_gate == 1
    assert told(decide(QUICK, entered, world(AT_50, look=look((10, 10))))).wanted == (50, 50)
    assert decide(QUICK, entered, world(AT_50, look=look((10, 10)))).status.verdict is PASS


def test_a_rolled_back_rollout_is_stalled_for_kstatus() -> None:
    over = decide(PLAIN, status(PLAIN, outcome=Outcome.ROLLED_BACK), world(experiment(100, 0)))
    states = {one.type: one.status for one in over.status.conditions}

    assert (states["Ready"], states["Reconciling"], states["Stalled"]) == ("False", "False", "True")


def test_a_rollback_under_way_is_reconciling_for_kstatus() -> None:
    going = decide(PLAIN, status(PLAIN), world(AT_10, look=BAD))
    states = {one.type: one.status for one in going.status.conditions}

    assert (states["Ready"], states["Reconciling"], states["Stalled"]) == ("False", "True", "False")


def test_a_promoted_rollout_is_ready_for_kstatus() -> None:
    over = decide(PLAIN, status(PLAIN, 2, outcome=Outcome.PROMOTED), world(AT_100))
    states = {one.type: one.status for one in over.status.conditions}

    assert (states["Ready"], states["Reconciling"], states["Stalled"]) == ("True", "False", "False")


def _soaked(status: RolloutStatus) -> object:
    assert status.stage is not None
    return status.stage.model_copy(update={"soaked_seconds": 60.0, "looks": 2, "arm_requests": [900, 900]})


def _policy(case: Case) -> str:
    return hashes.policy(case.spec)
