"""How many requests an attempt judged in all: counted through its stages, and kept with every decision."""

from decisions import decide
from factories import BASELINE, CANDIDATE, NOW, SINCE, experiment, look, model, spec, status, world
from modelrollout.api.status import RolloutStatus

PLAIN = spec()
AT_10, AT_50 = experiment(90, 10), experiment(50, 50)


def in_the_second_stage() -> RolloutStatus:
    """Two looks were made, of which the second ended the first stage, and one in the second stage."""
    known = decide(PLAIN, status(PLAIN), world(AT_10, look=look((90_000, 10_000)))).status
    known = decide(PLAIN, known, world(AT_10, look=look((90_000, 10_000), since=SINCE + 30)), NOW + 30).status
    taken = known.model_copy(update={"traffic": known.traffic.model_copy(update={"applied_at": NOW + 31})})
    return decide(PLAIN, taken, world(AT_50, look=look((600, 500), since=SINCE + 60)), NOW + 60).status


def test_a_stage_begins_from_nothing_and_the_attempt_goes_on() -> None:
    known = in_the_second_stage()

    assert known.stage is not None
    assert (known.stage.index, known.stage.arm_requests) == (1, [600, 500])
    assert known.arm_requests == [180_600, 20_500]


def test_each_decision_keeps_what_was_judged_until_then() -> None:
    ended = decide(
        PLAIN, in_the_second_stage(), world(AT_50, look=look((600, 500), (0, 400), since=SINCE + 90)), NOW + 90
    )

    assert [(one.reason, one.requests) for one in ended.status.history] == [
        ("RolledBack", [181_200, 21_000]),
        ("StageStarted", [180_000, 20_000]),
    ]


def test_after_the_end_nothing_more_is_judged() -> None:
    known = in_the_second_stage()
    ended = decide(PLAIN, known, world(AT_50, look=look((600, 500), (0, 400), since=SINCE + 90)), NOW + 90).status
    taken = ended.model_copy(update={"traffic": ended.traffic.model_copy(update={"applied_at": NOW + 91})})

    later = decide(PLAIN, taken, world(experiment(100, 0), look=look((900, 0), since=SINCE + 120)), NOW + 120).status

    assert later.arm_requests == ended.arm_requests == [181_200, 21_000]


def test_a_superseded_attempt_keeps_its_own_and_the_next_begins_from_nothing() -> None:
    newer = (model(BASELINE), model(CANDIDATE, artefact="v2"))

    anew = decide(PLAIN, in_the_second_stage(), world(AT_50, models=newer), NOW + 90).status

    assert anew.arm_requests == []
    assert [(one.reason, one.attempt, one.requests) for one in anew.history[:2]] == [
        ("AttemptStarted", 2, []),
        ("Superseded", 1, [180_600, 20_500]),
    ]


def test_a_part_of_an_attempt_never_stands_for_the_whole() -> None:
    begun_before = in_the_second_stage().model_copy(update={"arm_requests": []})

    known = decide(PLAIN, begun_before, world(AT_50, look=look((600, 500), since=SINCE + 90)), NOW + 90).status

    assert known.looks == begun_before.looks + 1
    assert known.arm_requests == []
