"""What is written to the Experiment, what never is, and when written weights are believed to be in force."""

import pytest
from decisions import Case, Told, condition, decide, sentences, told
from factories import (
    BASELINE,
    CANDIDATE,
    GOOD,
    NOW,
    SINCE,
    experiment,
    look,
    model,
    spec,
    stage,
    status,
    world,
)
from modelrollout.api.status import Outcome, Phase, RolloutStatus, Verdict
from modelrollout.plan.actions import Level, WriteWeights
from modelrollout.plan.world import ExperimentView

PLAIN = spec(stage(10, "10m"), stage(50), stage(100))
RUNNING = status(PLAIN)
AT_10 = experiment(90, 10)
STAYS = Told(Phase.PROGRESSING, "Soaking", (90, 10))
DRIFT = ("WeightsChanged",)
WRITTEN = {"applied_at": None, "written_at": NOW - 1}
LATE = {"applied_at": None, "written_at": NOW - 10}
# At 90:10 everything goes to the candidate: a split that nobody wrote.
REVERSED = look(requests=(1000, 9000), since=SINCE + 60)

CASES = {
    "weights that somebody changed are put right at once, and the tool is named": Case(
        PLAIN,
        RUNNING,
        world(experiment(50, 50, writer="kubectl-edit")),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("50:50 to 90:10",), DRIFT),
        mentions=("kubectl-edit changed Experiment predictor to old 50, new 50: put right to old 90, new 10",),
    ),
    "weights that a nameless tool changed are put right": Case(
        PLAIN,
        RUNNING,
        world(experiment(50, 50)),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("50:50 to 90:10",), DRIFT),
        mentions=("Somebody changed Experiment predictor",),
    ),
    "the same split in other numbers is put right as well": Case(
        PLAIN,
        RUNNING,
        world(experiment(900, 100)),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("900:100 to 90:10",), DRIFT),
    ),
    "a changed default is put right": Case(
        PLAIN,
        RUNNING,
        world(experiment(90, 10, default=CANDIDATE)),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("90:10 to 90:10",), DRIFT),
    ),
    "an arm that somebody added is taken out": Case(
        PLAIN,
        RUNNING,
        world(experiment(90, 10, 5, names=(BASELINE, CANDIDATE, "mine"))),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("90:10:5 to 90:10",), DRIFT),
    ),
    "weights changed after a promotion are put right": Case(
        PLAIN,
        status(PLAIN, 2, outcome=Outcome.PROMOTED),
        world(experiment(50, 50)),
        Told(Phase.HEALTHY, "Promoted", (0, 100), ("50:50 to 0:100",), DRIFT, 3, Outcome.PROMOTED),
    ),
    "weights changed after a rollback are put right": Case(
        PLAIN,
        status(PLAIN, outcome=Outcome.ROLLED_BACK),
        world(experiment(0, 100)),
        Told(Phase.ROLLING_BACK, "RollingBack", (100, 0), ("0:100 to 100:0",), DRIFT, 1, Outcome.ROLLED_BACK),
    ),
    "weights of ours that a crash kept from being written are no drift": Case(
        PLAIN,
        status(PLAIN, traffic=WRITTEN),
        world(experiment(100, 0)),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("100:0 to 90:10",)),
    ),
    "an Experiment that was deleted is created again": Case(
        PLAIN, RUNNING, world(None), Told(Phase.PROGRESSING, "Soaking", (90, 10), ("create 90:10",))
    ),
    "an Experiment that was deleted is not created while a model could not serve in it": Case(
        PLAIN,
        RUNNING,
        world(None, models=(model(BASELINE), model(CANDIDATE, False))),
        Told(Phase.PROGRESSING, "ModelNotReady", (90, 10)),
    ),
    "an Experiment of another rollout is never written": Case(
        PLAIN,
        RUNNING,
        world(experiment(50, 50, owner="ModelRollout other")),
        Told(Phase.DEGRADED, "ExperimentNotOwned", (90, 10)),
        mentions=(
            "Experiment predictor belongs to ModelRollout other: choose another spec.experiment.name, or delete it",
        ),
    ),
    "an Experiment of a person is never written, not even to begin": Case(
        PLAIN,
        status(PLAIN, None),
        world(experiment(50, 50, owner="somebody else (last written by kubectl)")),
        Told(Phase.DEGRADED, "ExperimentNotOwned", (100, 0), stage=0),
    ),
    "a baseline that is the default of another Experiment is never taken": Case(
        PLAIN,
        status(PLAIN, None),
        world(None, default_holder="theirs"),
        Told(Phase.DEGRADED, "BaselineTaken", (100, 0), stage=0),
        mentions=("Model old is already the default of Experiment theirs",),
    ),
    "a default that was changed is not put right while another Experiment has ours": Case(
        PLAIN,
        RUNNING,
        world(experiment(90, 10, default=CANDIDATE), default_holder="theirs"),
        Told(Phase.DEGRADED, "BaselineTaken", (90, 10)),
    ),
    "a split that clients contradict is written again in other numbers": Case(
        PLAIN,
        RUNNING,
        world(AT_10, look=REVERSED),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("90:10 to 900:100",), ("SplitNotAsWritten",)),
    ),
    "a stage whose split clients contradict soaks anew, though its soak was over and all had passed": Case(
        PLAIN,
        status(PLAIN, soaked=600, verdict=Verdict.PASS),
        world(AT_10, look=REVERSED),
        Told(Phase.PROGRESSING, "Soaking", (90, 10), ("90:10 to 900:100",), ("SplitNotAsWritten",)),
    ),
    "a split that clients still contradict holds the rollout": Case(
        PLAIN,
        status(PLAIN, traffic={"scale": 10}),
        world(experiment(900, 100), look=REVERSED),
        Told(Phase.PROGRESSING, "SplitNotAsWritten", (90, 10), (), ("SplitNotAsWritten",)),
        mentions=(
            "Clients' traffic contradicts the written weights: new answered 90.0 % of 10,000 requests, "
            "and its weight is 10: check that Seldon's scheduler reaches Envoy, "
            "and whether clients pin an arm by x-seldon-route",
        ),
    ),
    "that is said once": Case(
        PLAIN,
        status(PLAIN, traffic={"scale": 10, "mismatch": True}),
        world(experiment(900, 100), look=REVERSED),
        Told(Phase.PROGRESSING, "SplitNotAsWritten", (90, 10)),
    ),
    "traffic that agrees again lets the rollout go on": Case(
        PLAIN,
        status(PLAIN, traffic={"scale": 10, "mismatch": True}),
        world(experiment(900, 100), look=look(since=SINCE + 60)),
        STAYS,
    ),
    "a handful of requests does not end the alarm": Case(
        PLAIN,
        status(PLAIN, traffic={"scale": 10, "mismatch": True}),
        world(experiment(900, 100), look=look(requests=(45, 4), since=SINCE + 60)),
        Told(Phase.PROGRESSING, "SplitNotAsWritten", (90, 10)),
    ),
    "a block that began before the weights were in force says nothing of the split": Case(
        PLAIN, status(PLAIN, traffic={"applied_at": SINCE + 61}), world(AT_10, look=REVERSED), STAYS
    ),
    "nor does one that began less than a scrape after that, for it holds older requests": Case(
        PLAIN, status(PLAIN, traffic={"applied_at": SINCE + 46}), world(AT_10, look=REVERSED), STAYS
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_written(case: Case) -> None:
    decision = decide(case.spec, case.status, case.world, case.now)

    assert told(decision) == case.told
    assert [words for words in case.mentions if words not in sentences(decision)] == []


APPLIED = {
    "Seldon was seen to take them up": (status(PLAIN, traffic=WRITTEN), AT_10, True),
    "Seldon was seen to take them up and a model fell over since": (
        status(PLAIN, traffic=WRITTEN),
        experiment(90, 10, is_ready=False),
        False,
    ),
    "Seldon said nothing yet": (status(PLAIN, traffic=WRITTEN), experiment(90, 10, settled=False), False),
    "Seldon said nothing until the deadline": (status(PLAIN, traffic=LATE), experiment(90, 10, settled=False), True),
    "Seldon is not ready at the deadline": (
        status(PLAIN, traffic=LATE),
        experiment(90, 10, settled=False, is_ready=False),
        False,
    ),
}


@pytest.mark.parametrize(("known", "seen", "applied"), APPLIED.values(), ids=APPLIED)
def test_weights_are_in_force_when(known: RolloutStatus, seen: ExperimentView, applied: bool) -> None:
    decision = decide(PLAIN, known, world(seen))

    assert (decision.status.traffic.applied_at == NOW) == applied
    assert condition(decision, "TrafficSynced").status == str(applied)
    assert decision.status.traffic.wanted[1].weight == 10


def test_a_drift_is_reported_once() -> None:
    first = decide(PLAIN, RUNNING, world(experiment(50, 50)))
    retried = decide(PLAIN, first.status, world(experiment(50, 50)))

    assert [notice.level for notice in first.notices] == [Level.WARNING]
    assert (told(retried).does, told(retried).says) == (("50:50 to 90:10",), ())


def test_a_write_names_everything_that_was_read() -> None:
    seen = experiment(50, 50, uid="u", fence="other/3", default=CANDIDATE, is_annotated=False)
    (write,) = decide(PLAIN, RUNNING, world(seen)).actions

    assert isinstance(write, WriteWeights)
    assert write == WriteWeights(
        name="predictor",
        uid="u",
        default=BASELINE,
        weights=((BASELINE, 90), (CANDIDATE, 10)),
        fence="0e6f-rollout/1",
        read_default=CANDIDATE,
        read_weights=((BASELINE, 50), (CANDIDATE, 50)),
        read_fence="other/3",
        read_generation=3,
        is_annotated=False,
    )


def test_the_experiment_is_called_as_the_user_says() -> None:
    named = spec(experiment={"name": "mine"})
    (create,) = decide(named, status(named, None), world(None)).actions

    assert create.name == "mine"


def test_an_experiment_that_is_gone_has_no_weights_in_force() -> None:
    gone = decide(PLAIN, RUNNING, world(None, models=(model(BASELINE), model(CANDIDATE, False))))

    assert condition(gone, "TrafficSynced").status == "False"
    assert (gone.status.traffic.applied_at, gone.status.traffic.candidate_weight) == (None, 0)


def test_a_refusal_of_seldons_is_said_in_its_words() -> None:
    refused = experiment(90, 10, settled=False, is_ready=False, refusal="experiment p has no candidates or mirror")
    decision = decide(PLAIN, status(PLAIN, traffic=WRITTEN), world(refused))

    said = condition(decision, "TrafficSynced")
    assert (said.reason, said.message) == (
        "ExperimentRefused",
        "Seldon refused the Experiment: experiment p has no candidates or mirror",
    )


def test_what_clients_got_is_shown_in_percent() -> None:
    observed = decide(PLAIN, RUNNING, world(AT_10, look=GOOD)).status.traffic.observed

    assert [(share.name, share.percent, share.requests) for share in observed] == [
        (BASELINE, 90.0, 180_000),
        (CANDIDATE, 10.0, 20_000),
    ]


def test_weights_that_wait_for_a_model_are_not_asked_for_every_second() -> None:
    fresh = decide(
        PLAIN, status(PLAIN, look_due_at=NOW + 900, traffic=WRITTEN), world(experiment(90, 10, settled=False))
    )
    old = decide(
        PLAIN,
        status(PLAIN, look_due_at=NOW + 900, traffic=LATE | {"written_at": NOW - 60}),
        world(experiment(90, 10, is_ready=False)),
    )

    assert (fresh.check_again_at, old.check_again_at) == (NOW + 1, NOW + 5)


def test_a_split_that_seldon_cannot_serve_says_nothing_of_the_written_one() -> None:
    """While an arm is lost Seldon gives the baseline everything: no alarm about that, and a fresh start after it."""
    lost = decide(PLAIN, RUNNING, world(experiment(90, 10, is_ready=False)))

    back = decide(PLAIN, lost.status, world(AT_10, look=look(requests=(10_000, 0), since=SINCE + 60)))

    assert lost.status.traffic.applied_at is None
    assert not lost.actions
    assert back.status.traffic.applied_at is not None
    assert (back.status.traffic.scale, back.status.traffic.mismatch, back.notices) == (1, False, ())
