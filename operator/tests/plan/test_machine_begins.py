"""How an attempt begins: from weight 0, with models that are ready and a baseline that is known."""

from dataclasses import replace

import pytest
from decisions import Case, Told, condition, decide, sentences, told
from factories import (
    BASELINE,
    CANDIDATE,
    ERRORS,
    LATENCY,
    NOW,
    experiment,
    model,
    spec,
    stage,
    status,
    world,
)
from modelrollout.api.status import Outcome, Phase, RolloutStatus
from modelrollout.judge.histograms import Histogram
from modelrollout.plan.world import NoData

PLAIN = spec()
GUARDED = spec(guardrails=[ERRORS, LATENCY])
BEGUN = status(PLAIN, None)
NEW = ("AttemptStarted",)
STARTED = ("StageStarted",)
RENAMED = spec(candidate="newer")
REBASED = spec(baseline="golden")
NEWER, GOLDEN = model("newer"), model("golden")

CASES = {
    "the first attempt creates the Experiment with all traffic on the baseline": Case(
        PLAIN, RolloutStatus(), world(None), Told(Phase.PENDING, "NotApplied", (100, 0), ("create 100:0",), NEW, 0)
    ),
    "a candidate that does not exist is waited for, and no Experiment is created": Case(
        PLAIN,
        RolloutStatus(),
        world(None, models=(model(BASELINE),)),
        Told(Phase.PENDING, "ModelMissing", (100, 0), (), NEW, 0),
        mentions=("Model new does not exist: create it, or correct its name",),
    ),
    "a baseline that does not exist is waited for": Case(
        PLAIN,
        RolloutStatus(),
        world(None, models=(model(CANDIDATE),)),
        Told(Phase.PENDING, "ModelMissing", (100, 0), (), NEW, 0),
        mentions=("Model old does not exist",),
    ),
    "a cluster that does not know models is told so": Case(
        PLAIN,
        RolloutStatus(),
        replace(world(None, models=()), unserved="this cluster does not serve models: install it"),
        Told(Phase.PENDING, "ModelMissing", (100, 0), (), NEW, 0),
        mentions=("Model old does not exist: this cluster does not serve models: install it",),
    ),
    "a candidate that is not ready is waited for in Seldon's own words": Case(
        PLAIN,
        BEGUN,
        world(None, models=(model(BASELINE), model(CANDIDATE, False, reason="ModelFailed: no such bucket"))),
        Told(Phase.PENDING, "ModelNotReady", (100, 0), stage=0),
        mentions=("Model new is not ready: ModelFailed: no such bucket",),
    ),
    "a reason of a thousand words is cut to what the API server takes": Case(
        PLAIN,
        BEGUN,
        world(None, models=(model(BASELINE), model(CANDIDATE, False, reason="rclone " * 1000))),
        Told(Phase.PENDING, "ModelNotReady", (100, 0), stage=0),
        mentions=("Model new is not ready: rclone rclone",),
    ),
    "a latency guardrail waits until the baseline has a history, with the Experiment at weight 0": Case(
        GUARDED,
        RolloutStatus(),
        world(None, history=None),
        Told(Phase.PENDING, "NoBaselineHistory", (100, 0), ("create 100:0",), NEW, 0),
        mentions=("Waits to begin: the baseline's latency histogram is not known yet",),
    ),
    "no stage begins while Prometheus cannot be asked": Case(
        PLAIN,
        BEGUN,
        world(experiment(100, 0), look=NoData("PrometheusUnreachable", "Prometheus at X refuses the connection")),
        Told(Phase.PENDING, "NoData", (100, 0), stage=0),
        mentions=("Waits to begin: see condition MetricsAvailable", "Prometheus at X refuses the connection"),
    ),
    "a history of a few requests is not enough": Case(
        GUARDED,
        status(GUARDED, None),
        world(experiment(100, 0), history=Histogram((5.0, 10.0, float("inf")), (30.0, 40.0, 50.0))),
        Told(Phase.PENDING, "NoBaselineHistory", (100, 0), stage=0),
        mentions=("the baseline has shown 50 requests and p95 needs 100",),
    ),
    "the first stage waits until weight 0 is in force": Case(
        PLAIN,
        status(PLAIN, None, traffic={"applied_at": None, "written_at": NOW - 1}),
        world(experiment(100, 0, settled=False)),
        Told(Phase.PENDING, "NotApplied", (100, 0), stage=0),
    ),
    "the first stage begins once weight 0 is in force": Case(
        PLAIN,
        BEGUN,
        world(experiment(100, 0)),
        Told(Phase.PROGRESSING, "Progressing", (90, 10), ("100:0 to 90:10",), STARTED),
    ),
    "a rollout that is paused from the start stays at weight 0": Case(
        spec(paused=True),
        BEGUN,
        world(experiment(100, 0)),
        Told(Phase.PAUSED, "PausedBySpec", (100, 0), stage=0),
    ),
    "a new version of the candidate begins a new attempt from weight 0": Case(
        PLAIN,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(model(BASELINE), model(CANDIDATE, artefact="v2"))),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
        mentions=("Superseded attempt 1: model new got a new version",),
    ),
    "a new version of the baseline does as well": Case(
        PLAIN,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(model(BASELINE, artefact="v2"), model(CANDIDATE))),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
        mentions=("model old got a new version",),
    ),
    "a new version that is still loading gets no traffic": Case(
        PLAIN,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(model(BASELINE), model(CANDIDATE, False, "v2", "ModelProgressing"))),
        Told(Phase.PENDING, "ModelNotReady", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
    ),
    "a new version after a promotion is rolled out from weight 0 again": Case(
        PLAIN,
        status(PLAIN, 2, outcome=Outcome.PROMOTED),
        world(experiment(0, 100), models=(model(BASELINE), model(CANDIDATE, artefact="v2"))),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("0:100 to 100:0",), NEW, 0),
    ),
    "a new version after a rollback is a new chance": Case(
        PLAIN,
        status(PLAIN, 1, outcome=Outcome.ROLLED_BACK),
        world(experiment(100, 0), models=(model(BASELINE), model(CANDIDATE, artefact="v2"))),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("100:0 to 100:0",), NEW, 0),
    ),
    "other stages begin a new attempt": Case(
        spec(stage(20), stage(100)),
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50)),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
        mentions=("the models or the stages of the spec changed",),
    ),
    "another candidate takes the place of the old one once it is ready": Case(
        RENAMED,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(model(BASELINE), NEWER)),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
    ),
    "while another candidate is not ready the old arms stay, with all traffic on the baseline": Case(
        RENAMED,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(model(BASELINE), model("newer", False))),
        Told(Phase.PENDING, "ModelNotReady", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
    ),
    "those old arms are no drift when the candidate becomes ready": Case(
        RENAMED,
        status(RENAMED, None, traffic={"applied_at": None, "written_at": NOW - 20}),
        world(experiment(100, 0), models=(model(BASELINE), NEWER)),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("100:0 to 100:0",), (), 0),
    ),
    "another baseline that is not ready leaves all traffic with the one that serves": Case(
        REBASED,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(model("golden", False), model(CANDIDATE))),
        Told(Phase.PENDING, "ModelNotReady", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
    ),
    "another baseline that is ready becomes the default": Case(
        REBASED,
        status(PLAIN, 1, soaked=30),
        world(experiment(50, 50), models=(GOLDEN, model(CANDIDATE))),
        Told(Phase.PENDING, "NotApplied", (100, 0), ("50:50 to 100:0",), ("Superseded", *NEW), 0),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_attempt_begins(case: Case) -> None:
    decision = decide(case.spec, case.status, case.world, case.now)

    assert told(decision) == case.told
    assert [words for words in case.mentions if words not in sentences(decision)] == []
    assert RolloutStatus.model_validate(decision.status.model_dump(by_alias=True)) == decision.status


def test_what_waits_for_a_model_says_so_in_its_conditions() -> None:
    decision = decide(PLAIN, RolloutStatus(), world(None, models=(model(BASELINE), model(CANDIDATE, False))))

    assert condition(decision, "CandidatesReady").reason == "ModelNotReady"
    assert condition(decision, "TrafficSynced").status == "False"
    assert condition(decision, "Reconciling").status == "True"


def test_old_arms_without_the_new_baseline_keep_the_default_that_seldon_would_accept() -> None:
    unready = world(experiment(50, 50), models=(model("golden", False), model(CANDIDATE)))
    (action,) = decide(REBASED, status(PLAIN, 1), unready).actions

    assert action.default == BASELINE
    assert action.weights == ((BASELINE, 100), (CANDIDATE, 0))


def test_while_the_old_arms_stay_the_written_weights_are_not_called_in_force() -> None:
    waiting = status(RENAMED, None, traffic={"applied_at": None, "written_at": NOW - 20, "candidate_weight": 50})
    decision = decide(RENAMED, waiting, world(experiment(100, 0), models=(model(BASELINE), model("newer", False))))

    assert condition(decision, "TrafficSynced").status == "False"
    assert decision.status.traffic.candidate_weight == 0
    assert decision.actions == ()


def test_the_history_of_earlier_attempts_is_kept() -> None:
    first = decide(PLAIN, RolloutStatus(), world(None)).status
    second = decide(spec(stage(20), stage(100)), first, world(experiment(100, 0))).status

    assert [entry.reason for entry in second.history] == ["AttemptStarted", "Superseded", "AttemptStarted"]
    assert [entry.attempt for entry in second.history] == [2, 1, 1]


def test_a_new_attempt_shuts_out_the_older_one_before_it_goes_on() -> None:
    waiting = status(PLAIN, None, attempt=2, traffic={"applied_at": None, "written_at": None})
    decision = decide(PLAIN, waiting, world(experiment(100, 0)))

    assert told(decision).does == ("100:0 to 100:0",)
    assert told(decision).because == "NotApplied"
    fenced = experiment(100, 0, fence="0e6f-rollout/2")
    assert decide(PLAIN, decision.status, world(fenced)).status.traffic.applied_at == NOW
