"""One screen says where a rollout stands, why, and what happens next, at every width."""

import re
from dataclasses import replace

import pytest
from cli_corpus import found, moment
from modelrollout.cli import history, layout, listing, picture, views
from modelrollout.cli.parts import Part
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Entry, Rollout, Told

PARTS = (
    Part("Experiment", "predictor", True),
    Part("Model", "old", True),
    Part("Model", "new", False, "ModelFailed: server replica would not load it"),
)
WIDTHS = (40, 80, 120)


def drawn(rollout: Rollout, width: int | None = None, colours: bool = False, is_wide: bool = False) -> str:
    return layout.tree(picture.of(rollout, PARTS, moment(rollout), is_wide), Screen(width, colours=colours))


def words(text: str) -> str:
    """The text without the tree around it, on one line."""
    return " ".join(re.sub("[│├└─]", " ", text).split())


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(seen: Rollout, width: int) -> None:
    texts = [
        drawn(seen, width),
        drawn(seen, width, is_wide=True),
        history.text(seen, None, moment(seen), Screen(width)),
        listing.table([seen], moment(seen), Screen(width), is_wide=False, everywhere=True),
    ]

    assert [line for text in texts for line in text.splitlines() if layout.width(line) > width] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_tells_the_same(seen: Rollout, width: int) -> None:
    assert "".join(words(drawn(seen, width)).split()) == "".join(words(drawn(seen)).split())


def test_it_tells_where_the_rollout_stands_and_why(seen: Rollout) -> None:
    text = words(drawn(seen))

    assert text.startswith(f"{seen.name} {seen.phase}")
    assert seen.message.split(":")[0] in text
    for rail in seen.rails:
        assert f"{rail.evidence} %" in text
        assert rail.estimate in text
        assert f"limit {rail.limit}" in text
    for arm in seen.arms:
        assert f"{arm.name} {arm.wanted} %" in text
    assert "Model new not ready: ModelFailed: server replica would not load it" in text


def test_colours_change_no_letter(seen: Rollout) -> None:
    plain, painted = drawn(seen, 80), drawn(seen, 80, colours=True)

    assert re.sub("\x1b\\[[0-9;]*m", "", painted) == plain
    assert "\x1b" in painted
    assert "\x1b" not in plain


def test_stages_show_what_was_done_what_is_on_and_what_comes() -> None:
    text = drawn(views.rollout(found("progressing")))

    assert "5 ✔ 2m59s   25 ● 29s (5m to 6h)   100" in text
    assert "soak ends in 4m31s" in text


def test_a_stage_that_was_skipped_lends_its_time_to_no_other() -> None:
    rollout = views.rollout(found("promoted"))
    assert [stage.weight for stage in rollout.stages] == [5, 25, 100]
    said = [
        (600.0, "Promoted", "Promoted: new has taken over from old"),
        (400.0, "PromotedByHand", "Promoted by bob at stage 1 of 3 (5 %): Stage 2 begins late. Stage 3 begins: 100 %"),
        (300.0, "StageStarted", "Stage 1 of 3 begins: 5 % to new"),
        (200.0, "AttemptStarted", "Attempt 1 begins: new against old"),
    ]
    history = tuple(Entry(time, reason, message, rollout.attempt, 0) for time, reason, message in said)

    assert "5 ✔ 1m40s   25 ✔   100 ✔ 3m20s" in drawn(replace(rollout, history=history))


def test_samples_stand_once_when_all_guardrails_have_the_same() -> None:
    rollout = views.rollout(found("progressing"))
    errors, latency = rollout.rails
    uneven = replace(rollout, rails=(errors, replace(latency, candidate_samples=7)))

    assert "3,600 candidate and 20,400 baseline requests since the last gate" in drawn(rollout)
    assert "of 3,600 vs 20,400" in drawn(uneven)
    assert "of 7 vs 20,400" in drawn(uneven)


def test_the_end_says_how_to_try_again() -> None:
    assert "kubectl modelrollout retry predictor" in words(drawn(views.rollout(found("rolled-back"))))


def test_a_look_that_does_not_come_points_to_the_operator() -> None:
    rollout = views.rollout(found("progressing"))
    late = layout.tree(picture.of(rollout, (), (rollout.look_due_at or 0) + 90), Screen())

    assert "a look is due for 1m30s: check that the operator runs" in late


def test_what_was_told_stands_there_in_its_own_attempt_alone() -> None:
    rollout = views.rollout(found("progressing"))
    began = min(one.time or 0.0 for one in rollout.entries())
    told = Told("approve", "t", "bob", "", "Done", "Approved by bob", began - 60.0)

    assert "Approved by bob" not in drawn(replace(rollout, told=told))
    assert "Approved by bob" in drawn(replace(rollout, told=replace(told, time=began)))
    assert "Approved by bob" in drawn(replace(rollout, told=replace(told, result="Refused")))


def test_a_newer_spec_than_the_status_is_told() -> None:
    rollout = replace(views.rollout(found("progressing")), is_current=False)

    assert "the operator has not read the newest spec yet" in drawn(rollout)


def test_what_may_not_be_read_is_not_known_and_says_why_once() -> None:
    rollout = views.rollout(found("progressing"))
    parts = [Part(kind, name, None, "bob may not get models") for kind, name in (("Model", "old"), ("Model", "new"))]

    text = layout.tree(picture.of(rollout, parts, moment(rollout)), Screen())

    assert text.count("not known: bob may not get models") == 1


def test_words_of_others_cannot_steer_the_terminal() -> None:
    rollout = replace(views.rollout(found("progressing")), message="\x1b[2Jgone\r\nnext line")

    text = drawn(rollout)

    assert "\x1b" not in text
    assert "\r" not in text


def test_a_wide_screen_shows_every_condition_and_query() -> None:
    rollout = views.rollout(found("rolled-back"))
    text = words(drawn(rollout, is_wide=True))

    for said in rollout.conditions:
        assert f"{said.type} {said.status}" in text
    for rail in rollout.rails:
        assert " ".join(rail.query.split()) in text


def test_a_list_that_is_too_wide_loses_its_last_columns_first() -> None:
    rollouts = [views.rollout(found(name)) for name in ("progressing", "rolled-back")]
    now = moment(rollouts[1])
    heads = {
        width: listing.table(rollouts, now, Screen(width), is_wide=False, everywhere=False).splitlines()[0].split("   ")
        for width in (20, 60, 200)
    }

    assert [head.strip() for head in heads[200] if head.strip()][:2] == ["NAME", "PHASE"]
    assert "CANDIDATE" in "".join(heads[200])
    assert "CANDIDATE" not in "".join(heads[60])
    assert "PHASE" in "".join(heads[20])


def test_an_empty_list_says_where_else_to_look() -> None:
    assert "-A" in listing.table([], 0.0, Screen(), is_wide=False, everywhere=False)


def test_a_decision_says_how_many_requests_it_stands_on() -> None:
    rollout = views.rollout(found("promoted"))
    newest, *others = rollout.history
    counted = replace(rollout, history=(replace(newest, requests=(81_000, 5_400)), *others))

    for width in (None, 80):
        lines = history.text(counted, None, moment(rollout), Screen(width)).splitlines()
        assert [line for line in lines if "5,400 vs 81,000 requests" in line] == lines[:1]


def test_one_line_of_a_file_is_one_decision() -> None:
    rollout = views.rollout(found("promoted"))

    assert len(history.text(rollout, None, moment(rollout), Screen()).splitlines()) == len(rollout.history)
