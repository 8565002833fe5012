"""Where clients' requests go: what a split that is not as written does, between the ends, at 100, and after the end."""

import pytest
from decisions import Told, condition, decide, sentences, told
from factories import (
    BASELINE,
    CANDIDATE,
    NOW,
    SILENT,
    arm,
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
from modelrollout.plan.world import LookData, World

PLAIN = spec()  # 10, 50, 100
SINCE = NOW - 40
OFF, ON = experiment(100, 0), experiment(0, 100)
OFF_ANEW, ON_ANEW = experiment(1000, 0), experiment(0, 1000)
ALARM = ("SplitNotAsWritten",)
BACK, DONE = Outcome.ROLLED_BACK, Outcome.PROMOTED
GOING = Told(Phase.ROLLING_BACK, "RollingBack", (100, 0), stage=2, outcome=BACK)
OVER = Told(Phase.DEGRADED, "RolledBack", (100, 0), stage=2, outcome=BACK)
HEALTHY = Told(Phase.HEALTHY, "Promoted", (0, 100), stage=3, outcome=DONE)
NUDGED = Told(Phase.ROLLING_BACK, "RollingBack", (100, 0), ("100:0 to 1000:0",), ALARM, 2, BACK)
STUBBORN = Told(Phase.DEGRADED, "RolledBack", (100, 0), (), ALARM, 2, BACK)


def split(baseline: float, candidate: float, since: float = SINCE) -> LookData:
    """A look in which the arms answered so many requests."""
    return look(requests=(baseline, candidate), since=since)


def rolled_back(soaked: float = 60, **traffic: object) -> RolloutStatus:
    """Rolled back from 50 % a minute ago, and not yet confirmed."""
    return status(PLAIN, 1, soaked=soaked, outcome=BACK, look_due_at=NOW - 1, traffic=traffic)


def promoted(**traffic: object) -> RolloutStatus:
    """Promoted from 50 %, and not yet confirmed."""
    return status(PLAIN, 2, soaked=60, outcome=DONE, look_due_at=NOW - 1, traffic=traffic)


CASES = {
    "a rollback is over when clients' requests no longer reach the candidate": (
        rolled_back(),
        world(OFF, look=split(60, 0)),
        OVER,
    ),
    "clients who pin the candidate are no contradiction while they are fewer than half of before": (
        rolled_back(),
        world(OFF, look=split(760, 240)),
        OVER,
    ),
    "a rollback that does not reach clients is written again in other numbers": (
        rolled_back(),
        world(OFF, look=split(690, 310)),
        NUDGED,
    ),
    "a rollback that still does not is said to be so": (
        rolled_back(scale=10),
        world(OFF_ANEW, look=split(690, 310)),
        STUBBORN,
    ),
    "that is said once": (
        rolled_back(scale=10, mismatch=True),
        world(OFF_ANEW, look=split(690, 310)),
        OVER,
    ),
    "an alarm ends when the requests come back after all": (
        rolled_back(scale=10, mismatch=True),
        world(OFF_ANEW, look=split(1000, 10)),
        OVER,
    ),
    "a handful of requests tells nothing": (rolled_back(), world(OFF, look=split(59, 0)), GOING),
    "nor do few that still reach the candidate": (rolled_back(), world(OFF, look=split(29, 30)), GOING),
    "handfuls add up": (rolled_back(seen=[40, 0]), world(OFF, look=split(20, 0)), OVER),
    "a stretch that told something is over: the next one begins anew": (
        rolled_back(scale=10, mismatch=True, seen=[500, 500]),
        world(OFF_ANEW, look=split(500, 0)),
        OVER,
    ),
    "a block that began less than a scrape after the weights came into force tells nothing": (
        rolled_back(applied_at=SINCE - 14),
        world(OFF, look=split(690, 310)),
        GOING,
    ),
    "a look without data tells nothing": (rolled_back(), world(OFF, look=SILENT), GOING),
    "until a whole look was made in a stage the weights before it may be what must be halved": (
        rolled_back(soaked=29),
        world(OFF, look=split(940, 60)),
        NUDGED,
    ),
    "a candidate that does not exist any more gets nothing": (
        rolled_back(),
        world(OFF, models=(model(BASELINE),)),
        OVER,
    ),
    "a promotion is confirmed when the baseline gets nothing any more": (
        promoted(),
        world(ON, look=split(0, 60)),
        HEALTHY,
    ),
    "a promotion that does not reach clients is written again in other numbers": (
        promoted(),
        world(ON, look=split(500, 500)),
        Told(Phase.HEALTHY, "Promoted", (0, 100), ("0:100 to 0:1000",), ALARM, 3, DONE),
    ),
    "a promotion that still does not is said to be so, and stands": (
        promoted(scale=10),
        world(ON_ANEW, look=split(500, 500)),
        Told(Phase.HEALTHY, "Promoted", (0, 100), (), ALARM, 3, DONE),
    ),
    "no evidence is judged after a promotion": (
        promoted(),
        world(ON, look=LookData(SINCE, NOW, arm(10), arm(9000, 9000))),
        HEALTHY,
    ),
}
CONFIRMED = ("True AsWritten", False)
AWAITED = ("Unknown NotConfirmed", True)
HELD_BACK = ("False SplitNotAsWritten", True)
WRITTEN_ANEW = ("False NotApplied", True)


@pytest.mark.parametrize(("known", "seen", "expected"), CASES.values(), ids=CASES)
def test_after_the_end(known: RolloutStatus, seen: World, expected: Told) -> None:
    decision = decide(PLAIN, known, seen)

    assert told(decision) == expected
    assert decision.status.engine == known.engine
    assert decision.status.looks == known.looks


def synced(known: RolloutStatus, seen: World, now: float = NOW) -> tuple[str, bool]:
    """Condition TrafficSynced, and whether the looks go on."""
    decision = decide(PLAIN, known, seen, now)
    said = condition(decision, "TrafficSynced")
    return f"{said.status} {said.reason}", decision.status.look_due_at is not None


STANDS = {
    "confirmed": (rolled_back(), split(60, 0), CONFIRMED),
    "pinned": (rolled_back(), split(760, 240), CONFIRMED),
    "unknown": (rolled_back(), split(59, 0), AWAITED),
    "blind": (rolled_back(), SILENT, AWAITED),
    "still reached": (rolled_back(), split(690, 310), WRITTEN_ANEW),
    "still reached though written again": (rolled_back(scale=10), split(690, 310), HELD_BACK),
    "reached no longer": (rolled_back(scale=10, mismatch=True), split(1000, 10), CONFIRMED),
    "a promotion that is confirmed": (promoted(), split(0, 60), CONFIRMED),
    "a promotion that is not": (promoted(scale=10), split(500, 500), HELD_BACK),
}


@pytest.mark.parametrize(("known", "seen", "expected"), STANDS.values(), ids=STANDS)
def test_what_is_said_of_the_traffic_and_whether_looks_go_on(
    known: RolloutStatus, seen: LookData, expected: tuple[str, bool]
) -> None:
    total = sum(share.weight for share in known.traffic.wanted) * known.traffic.scale
    weights = tuple(total if share.weight else 0 for share in known.traffic.wanted)

    assert synced(known, world(experiment(*weights), look=seen)) == expected


def test_looks_go_on_once_a_rollback_is_in_force_from_a_scrape_later() -> None:
    written = status(PLAIN, 1, outcome=BACK, traffic={"applied_at": None, "written_at": NOW - 1})
    going = decide(PLAIN, written, world(OFF)).status

    assert going.traffic.applied_at == NOW
    assert going.last_look_at == NOW + 15
    assert going.look_due_at is not None
    assert NOW + 15 + 15 + 20 < going.look_due_at <= NOW + 15 + 15 + 20 + 30
    assert going.phase is Phase.ROLLING_BACK


def test_weights_that_somebody_changed_after_the_end_are_looked_after_again() -> None:
    ended = status(PLAIN, 1, outcome=BACK)
    meddled = decide(PLAIN, ended, world(experiment(50, 50))).status
    going = decide(PLAIN, meddled, world(OFF), NOW + 1).status

    assert (ended.look_due_at, meddled.look_due_at) == (None, None)
    assert going.look_due_at is not None


BLIND = {
    "nobody asks": (world(OFF), "clients' requests have yet to confirm it"),
    "Prometheus is down": (world(OFF, look=SILENT), "nothing to see it by: see condition MetricsAvailable"),
}


@pytest.mark.parametrize(("seen", "sentence"), BLIND.values(), ids=BLIND)
def test_a_rollback_that_nobody_confirms_is_over_for_people_after_a_deadline(seen: World, sentence: str) -> None:
    soon = decide(PLAIN, rolled_back(), seen, NOW + 59)
    late = decide(PLAIN, rolled_back(), seen, NOW + 60)

    assert (soon.status.phase, late.status.phase) == (Phase.ROLLING_BACK, Phase.DEGRADED)
    assert late.status.message.endswith("; not confirmed by clients: see condition TrafficSynced")
    assert sentence in condition(late, "TrafficSynced").message
    assert (late.actions, late.notices) == ((), ())
    assert late.status.look_due_at is not None


def test_the_sentence_has_observed_and_wanted_share_and_stays_the_same() -> None:
    first = decide(PLAIN, rolled_back(scale=10), world(OFF_ANEW, look=split(690, 310)))
    later = decide(PLAIN, first.status, world(OFF_ANEW, look=split(600, 400, SINCE + 30)), NOW + 30)

    sentence = condition(first, "TrafficSynced").message
    assert "new answered 31.0 % of 1,000 requests, and its weight is 0:" in sentence
    assert "check that Seldon's scheduler reaches Envoy, and whether clients pin an arm by x-seldon-route" in sentence
    assert condition(later, "TrafficSynced").message == sentence
    assert first.status.message.endswith("; clients still reach it: see condition TrafficSynced")


# --- between the ends, and at 100 -------------------------------------------------------------------------------------

WRONG = {0: split(1000, 9000), 1: split(9000, 1000), 2: split(5000, 5000)}
ENTERED = {
    index: experiment(100 - planned.weight, planned.weight, names=(BASELINE, CANDIDATE))
    for index, planned in enumerate(PLAIN.stages)
}
ANEW = {
    index: experiment(1000 - 10 * planned.weight, 10 * planned.weight) for index, planned in enumerate(PLAIN.stages)
}
EAGER = [spec(analysis={"onInconclusive": action}) for action in ("Pause", "Promote", "Rollback")]
SHORT = [
    spec(
        stage(10, maxDuration="1m", advance="OnSoak", minRequests=0),
        stage(50, maxDuration="1m"),
        stage(100, maxDuration="1m"),
        analysis={"onInconclusive": action},
    )
    for action in ("Pause", "Promote", "Rollback")
]


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("declared", [*EAGER, *SHORT])
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE])
def test_a_split_that_is_not_as_written_holds_every_stage_and_never_decides(
    declared: RolloutSpec, index: int, verdict: Verdict
) -> None:
    """Though soak and maxDuration are over. It is written again once and then held, with the shares in a sentence."""
    known = status(declared, index, soaked=6000, verdict=verdict, requests=(9000, 9000))
    nudge = decide(declared, known, world(ENTERED[index], look=WRONG[index]))
    alarm = decide(
        declared,
        known.model_copy(update={"traffic": known.traffic.model_copy(update={"scale": 10})}),
        world(ANEW[index], look=WRONG[index]),
    )
    later = decide(declared, alarm.status, world(ANEW[index], look=WRONG[index]), NOW + 30)

    for one in (nudge, alarm, later):
        assert (told(one).stage, told(one).outcome) == (index + 1, None)
        assert one.status.traffic.wanted[1].weight == declared.stages[index].weight
    assert told(nudge).says == told(alarm).says == ALARM
    assert nudge.status.stage is not None
    assert nudge.status.stage.soaked_seconds == 0
    assert (told(alarm).does, told(later).does, told(later).says) == ((), (), ())
    assert condition(alarm, "Ready").reason == condition(later, "Ready").reason == "SplitNotAsWritten"
    assert f" % of 10,000 requests, and its weight is {declared.stages[index].weight}:" in sentences(alarm)


def test_the_looks_end_with_a_promotion_that_clients_have_confirmed_in_the_bake() -> None:
    baked = status(PLAIN, 2, soaked=60, traffic={"seen": [0, 100]})
    unseen = status(PLAIN, 2, soaked=60, traffic={"seen": [0, 10]})

    assert decide(PLAIN, baked, world(ON)).status.look_due_at is None
    assert synced(unseen, world(ON)) == AWAITED


def test_an_alarm_at_100_ends_when_the_baseline_gets_nothing_any_more() -> None:
    known = status(PLAIN, 2, soaked=30, traffic={"scale": 10, "mismatch": True})
    decision = decide(PLAIN, known, world(ON_ANEW, look=split(10, 1000)))

    assert told(decision).because == "Soaking"
    assert not decision.status.traffic.mismatch
