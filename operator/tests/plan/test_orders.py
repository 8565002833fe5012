"""What each verb does where the rollout stands, and in which sentence it is refused."""

from dataclasses import replace
from typing import Any

import pytest
from decisions import condition, decide, sentences
from factories import (
    BAD,
    BASELINE,
    CANDIDATE,
    ERRORS,
    GOOD,
    NOW,
    SILENT,
    experiment,
    model,
    spec,
    stage,
    status,
    world,
)
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import Condition, HandledAction, Outcome, Pause, Phase, Result, RolloutStatus, Verdict
from modelrollout.plan import machine
from modelrollout.plan.actions import Decision
from modelrollout.plan.world import World

PLAIN = spec()
APPROVAL = spec(stage(10), {"approval": {}}, stage(50), stage(100))
HELD = Pause(by="bob", reason="lunch", since="2023-11-14T22:00:00Z")
AT_10, AT_100 = experiment(90, 10), experiment(0, 100)
ROLLED_BACK = status(PLAIN, outcome=Outcome.ROLLED_BACK)
PROMOTED = status(PLAIN, 2, outcome=Outcome.PROMOTED)


def told(text: str, of: RolloutSpec, was: RolloutStatus, seen: World) -> Decision:
    """The decision after somebody annotated the rollout so."""
    return decide(of, was, replace(seen, told=text, told_by="kubectl-annotate", is_asked=False))


def answer(decision: Decision) -> tuple[Result, str]:
    handled = decision.status.last_handled_action
    assert handled is not None
    return handled.result, handled.message


def paused_because(reason: str, message: str) -> dict[str, Any]:
    said = Condition(type="Paused", status="True", reason=reason, message=message, last_transition_time="")
    return {"conditions": [said]}


# --- what is done -----------------------------------------------------------------------------------------------------

DONE = {
    "pause": ("pause@1?by=alice&reason=odd", status(PLAIN), AT_10, "Paused by alice at stage 1 of 3 (10 %): odd"),
    "pause before the first stage": ("pause@1", status(PLAIN, None), experiment(100, 0), "Paused by kubectl-annotate"),
    "resume": ("resume@1?by=alice", status(PLAIN, pause=HELD), AT_10, "Resumed by alice at stage 1 of 3 (10 %)"),
    "skip": (
        "skip@1?by=alice&stage=1",
        status(PLAIN),
        AT_10,
        "Skipped by alice at stage 1 of 3 (10 %). Stage 2 begins: 50 % to new",
    ),
    "skip the last stage": (
        "skip@1?by=alice",
        status(PLAIN, 2),
        AT_100,
        "Promoted by alice at stage 3 of 3 (100 %). new has taken over from old",
    ),
    "promote": (
        "promote@1?by=alice&reason=hot+fix",
        status(PLAIN),
        AT_10,
        "Promoted by alice at stage 1 of 3 (10 %): hot fix. Stage 3 begins: 100 % to new",
    ),
    "abort in a stage": (
        "abort@1?by=alice&reason=looks+wrong&stage=9",
        status(PLAIN),
        AT_10,
        "Aborted by alice at stage 1 of 3 (10 %): looks wrong",
    ),
    "abort before the first stage": ("abort@1", status(PLAIN, None), None, "Aborted by kubectl-annotate before the"),
    "abort a held rollout": ("abort@1", status(PLAIN, pause=HELD), AT_10, "Aborted by kubectl-annotate"),
    "abort after a promotion": ("abort@1", PROMOTED, AT_100, "Aborted by kubectl-annotate at stage 3 of 3 (100 %)"),
    "undo": (
        "undo@1?by=carol&reason=complaints",
        PROMOTED,
        AT_100,
        "Promotion taken back by carol: all traffic goes to old (complaints)",
    ),
    "retry": ("retry@1?by=carol", ROLLED_BACK, experiment(100, 0), "Retried by carol"),
    "restart": ("restart@1?by=carol", status(PLAIN), AT_10, "Restarted by carol at stage 1 of 3 (10 %)"),
}
BACK = ("abort", "undo")


@pytest.mark.parametrize(("text", "was", "seen", "message"), DONE.values(), ids=DONE)
def test_it_is_done_and_said_on_whose_word(text: str, was: RolloutStatus, seen: Any, message: str) -> None:
    decision = told(text, PLAIN, was, world(seen))
    after, newest = decision.status, decision.status.history

    result, said = answer(decision)
    assert result is Result.DONE
    assert said.startswith(message)
    by = {"1": "kubectl-annotate"}.get(text.partition("@")[2]) or text.partition("by=")[2].partition("&")[0]
    assert any(entry.by == by and entry.message == said for entry in newest)
    assert said in [notice.message for notice in decision.notices]
    if text.startswith(BACK):
        assert (after.outcome, after.traffic.wanted[1].weight, after.pause) == (Outcome.ROLLED_BACK, 0, None)
        assert seen is None or [action.weights[1][1] for action in decision.actions] == [0]
    assert told(text, PLAIN, after, world(seen)).status.last_handled_action == after.last_handled_action


def test_a_new_attempt_by_hand_begins_from_0_and_supersedes_the_running_one() -> None:
    decision = told("restart@1?by=carol", PLAIN, status(PLAIN, 1), world(experiment(50, 50)))

    assert decision.status.attempt == 2
    assert decision.status.traffic.wanted[1].weight == 0
    assert [(one.reason, one.by) for one in reversed(decision.status.history)] == [
        ("Restarted", "carol"),
        ("Superseded", "carol"),
        ("AttemptStarted", ""),
    ]
    assert decision.status.history[1].message == "Superseded attempt 1: restart by carol"


ALREADY = {
    "abort twice": ("abort@1", ROLLED_BACK, "Nothing to abort: the attempt was rolled back already"),
    "pause twice": ("pause@1", status(PLAIN, pause=HELD), "Nothing to do: bob holds the rollout (lunch) already"),
    "promote twice": ("promote@1", PROMOTED, "Nothing to do: the candidate was promoted already"),
}


@pytest.mark.parametrize(("text", "was", "message"), ALREADY.values(), ids=ALREADY)
def test_what_is_so_already_is_done_and_changes_nothing(text: str, was: RolloutStatus, message: str) -> None:
    decision = told(text, PLAIN, was, world(AT_10))

    assert answer(decision) == (Result.DONE, message)
    assert (decision.status.history, decision.status.pause) == (was.history, was.pause)


# --- what is refused --------------------------------------------------------------------------------------------------

USED = status(
    PLAIN,
    used_tokens=["older"],
    last_handled_action=HandledAction(
        verb="pause", token="old", text="pause@old", result=Result.DONE, message="", time=""
    ),
)
PAUSED = spec(paused=True)
GONE = world(AT_10, models=(model(BASELINE),))
STUCK = paused_because("Inconclusive", "Undecided: stage 1 reached its maxDuration of 24h undecided")
WAITS = status(APPROVAL, 1)
REFUSED: dict[str, tuple[str, RolloutSpec, RolloutStatus, World, str]] = {
    "an unknown verb": ("stop@1", PLAIN, status(PLAIN), world(AT_10), "no verb 'stop'"),
    "no token": ("abort", PLAIN, status(PLAIN), world(AT_10), "write abort@ and a token"),
    "a used token": (
        "abort@old",
        PLAIN,
        USED,
        world(AT_10),
        "token old was used before and acts once: say abort again",
    ),
    "an older token": ("abort@older", PLAIN, USED, world(AT_10), "token older was used before"),
    "another attempt": (
        "abort@1?attempt=2",
        PLAIN,
        status(PLAIN),
        world(AT_10),
        "for attempt 2, and this is attempt 1",
    ),
    "another stage": (
        "skip@1?stage=2",
        PLAIN,
        status(PLAIN),
        world(AT_10),
        "for stage 2, and the rollout is in stage 1",
    ),
    "a stage too early": (
        "promote@1?stage=1",
        PLAIN,
        status(PLAIN, None),
        world(None),
        "for stage 1, and the rollout is not in a stage yet",
    ),
    "before the first attempt": (
        "promote@1",
        PLAIN,
        RolloutStatus(),
        world(None),
        "promote was said before the first attempt and does nothing",
    ),
    "pause after the end": ("pause@1", PLAIN, PROMOTED, world(AT_100), "nothing to pause: attempt 1 was promoted"),
    "resume when nobody holds": ("resume@1", PLAIN, status(PLAIN), world(AT_10), "nobody holds the rollout"),
    "resume of the spec's pause": ("resume@1", PAUSED, status(PAUSED), world(AT_10), "set it to false to go on"),
    "resume of an undecided stage": (
        "resume@1",
        PLAIN,
        status(PLAIN, **STUCK),
        world(AT_10),
        "choose one of kubectl modelrollout skip predictor, kubectl modelrollout abort predictor",
    ),
    "resume of an approval": (
        "resume@1",
        APPROVAL,
        WAITS.model_copy(update=paused_because("AwaitingApproval", "")),
        world(AT_10),
        "waits for approval: kubectl modelrollout approve predictor",
    ),
    "approve of a stage with a weight": (
        "approve@1",
        PLAIN,
        status(PLAIN),
        world(AT_10),
        "nothing to approve: stage 1 of 3 does not wait for approval",
    ),
    "approve of another stage": ("approve@1?stage=3", APPROVAL, WAITS, world(AT_10), "for stage 3"),
    "skip of an approval": ("skip@1", APPROVAL, WAITS, world(AT_10), "kubectl modelrollout approve predictor"),
    "skip while held": (
        "skip@1",
        PLAIN,
        status(PLAIN, pause=HELD),
        world(AT_10),
        "bob holds the rollout (lunch), so kubectl modelrollout resume predictor comes first",
    ),
    "promote under the spec's pause": ("promote@1", PAUSED, status(PAUSED), world(AT_10), "spec.paused is true"),
    "promote while rolling back": (
        "promote@1",
        PLAIN,
        ROLLED_BACK,
        world(AT_10),
        "attempt 1 was rolled back; kubectl modelrollout retry predictor begins a new attempt",
    ),
    "promote of a model that is gone": ("promote@1", PLAIN, status(PLAIN), GONE, "Model new does not exist"),
    "promote before the first stage": (
        "promote@1",
        PLAIN,
        status(PLAIN, None),
        world(experiment(100, 0)),
        "promote is refused before the first stage",
    ),
    "retry of a running attempt": (
        "retry@1",
        PLAIN,
        status(PLAIN),
        world(AT_10),
        "kubectl modelrollout restart predictor begins anew now",
    ),
    "undo of a running attempt": ("undo@1", PLAIN, status(PLAIN), world(AT_10), "kubectl modelrollout abort predictor"),
    "undo after a rollback": ("undo@1", PLAIN, ROLLED_BACK, world(AT_10), "rolled back already"),
}


@pytest.mark.parametrize(("text", "of", "was", "seen", "sentence"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_in_one_sentence_and_nothing_moves(
    text: str, of: RolloutSpec, was: RolloutStatus, seen: World, sentence: str
) -> None:
    decision, without = told(text, of, was, seen), decide(of, was, replace(seen, is_asked=False))

    result, said = answer(decision)
    assert result is Result.REFUSED
    assert sentence in said
    assert [notice.message for notice in decision.notices if notice.reason == "ActionRefused"] == [said]
    assert decision.actions == without.actions
    forgotten = {"last_handled_action": without.status.last_handled_action, "used_tokens": without.status.used_tokens}
    assert decision.status.model_copy(update=forgotten) == without.status


def test_under_an_invalid_spec_only_what_is_safe_is_done() -> None:
    seen = replace(world(AT_10), is_asked=False)
    for text, result in {
        "promote@1": Result.REFUSED,
        "restart@1": Result.REFUSED,
        "pause@1": Result.DONE,
        "abort@1": Result.DONE,
    }.items():
        decision = machine.next_step(PLAIN, status(PLAIN), replace(seen, told=text), NOW, "predictor", "spec.x: wrong")
        assert answer(decision)[0] is result, text
    assert decision.status.outcome is Outcome.ROLLED_BACK


def test_a_rollout_that_never_had_a_valid_spec_answers_that_it_does_nothing() -> None:
    seen = replace(world(None), told="abort@1", told_by="kubectl-annotate")
    decision = machine.refuse(RolloutStatus(), "spec.x: wrong", seen, NOW, "predictor")

    assert answer(decision) == (
        Result.REFUSED,
        "modelrollout.io/action is 'abort@1' and does nothing: spec.x: wrong",
    )
    assert machine.refuse(decision.status, "spec.x: wrong", seen, NOW, "predictor").notices == ()


# --- what a pause and an approval hold --------------------------------------------------------------------------------


def test_a_pause_by_hand_stays_over_looks_and_a_fail_still_rolls_back() -> None:
    held = status(PLAIN, soaked=60, verdict=Verdict.PASS, pause=HELD)
    quiet, bad = decide(PLAIN, held, world(AT_10, look=GOOD)), decide(PLAIN, held, world(AT_10, look=BAD))

    assert (quiet.status.phase, quiet.status.looks) == (Phase.PAUSED, held.looks + 1)
    assert quiet.status.message == (
        "bob holds the rollout (lunch): kubectl modelrollout resume predictor lets it go on"
    )
    assert condition(quiet, "Paused").reason == "PausedByHand"
    assert quiet.status.stage is not None
    assert quiet.status.stage.soaked_seconds == 60
    assert (bad.status.outcome, bad.status.pause) == (Outcome.ROLLED_BACK, None)


def test_resume_under_spec_paused_says_what_still_holds() -> None:
    decision = told("resume@1?by=alice", PAUSED, status(PAUSED, pause=HELD), world(AT_10))

    assert "it is still held: spec.paused is true: set it to false to go on" in answer(decision)[1]
    assert condition(decision, "Paused").reason == "PausedBySpec"


def test_an_approval_begins_where_the_stage_before_would_end_and_moves_nothing() -> None:
    passed = status(APPROVAL, soaked=60, verdict=Verdict.PASS)
    decision = decide(APPROVAL, passed, world(AT_10))

    assert (decision.status.phase, decision.status.stage_summary, decision.actions) == (Phase.PAUSED, "2/4", ())
    assert decision.status.message == "Stage 2 waits for approval: kubectl modelrollout approve predictor"
    assert (decision.status.engine, decision.status.blocks) == (passed.engine, passed.blocks)
    assert decision.status.verdict is Verdict.PASS
    assert decide(APPROVAL, status(APPROVAL, soaked=60), world(AT_10)).status.stage_summary == "1/4"


def test_an_approved_stage_ends_at_once_with_a_pass_and_waits_for_one_without() -> None:
    passed = told("approve@1?by=alice", APPROVAL, status(APPROVAL, 1, verdict=Verdict.PASS), world(AT_10))
    undecided = told("approve@1?by=alice", APPROVAL, WAITS, world(AT_10))
    again = told("approve@2?by=bob", APPROVAL, undecided.status, world(AT_10))
    skipped = told("skip@3?by=bob", APPROVAL, undecided.status, world(AT_10))

    assert passed.status.stage_summary == "3/4"
    assert passed.status.traffic.wanted[1].weight == 50
    assert undecided.status.message == "Stage 2 is approved by alice and waits for every guardrail to pass"
    assert (undecided.status.phase, undecided.status.stage_summary) == (Phase.PROGRESSING, "2/4")
    assert answer(again) == (Result.DONE, "Nothing to do: alice approved already")
    assert (answer(skipped)[0], skipped.status.stage_summary) == (Result.DONE, "3/4")


def test_a_failed_guardrail_rolls_back_while_it_waits_for_approval() -> None:
    assert decide(APPROVAL, WAITS, world(AT_10, look=BAD)).status.outcome is Outcome.ROLLED_BACK


def expiring(on_deadline: str, **fields: Any) -> tuple[RolloutSpec, RolloutStatus]:
    """A stage whose approval is due in ten seconds."""
    of = spec(stage(10), {"approval": {"deadline": "1h", "onDeadline": on_deadline}}, stage(50), stage(100))
    was = status(of, 1, verdict=Verdict.PASS, **fields)
    assert was.stage is not None
    return of, was.model_copy(update={"stage": was.stage.model_copy(update={"expires_at": NOW + 10})})


def test_an_approval_waits_until_its_deadline_and_looks_again_then() -> None:
    of, was = expiring("Rollback")
    decision = decide(of, was, world(AT_10))

    assert decision.status.phase is Phase.PAUSED
    assert "without an answer by 2023-11-14T22:13:40Z onDeadline decides: Rollback" in decision.status.message
    assert decision.check_again_at == NOW + 10


@pytest.mark.parametrize(("on_deadline", "weight"), [("Approve", 50), ("Rollback", 0)])
def test_at_the_deadline_the_declared_default_decides(on_deadline: str, weight: int) -> None:
    of, was = expiring(on_deadline)
    decision = decide(of, was, world(AT_10), NOW + 10)

    assert decision.status.traffic.wanted[1].weight == weight
    assert decision.notices[0].reason == "ApprovalExpired"
    assert f"nobody approved within 1h, and approval.onDeadline is {on_deadline}" in sentences(decision)


def test_the_deadline_decides_without_data_and_not_while_somebody_holds_the_rollout() -> None:
    of, blind = expiring("Rollback", no_data_since=NOW - 5)
    _, held = expiring("Rollback", pause=HELD)

    assert decide(of, blind, world(AT_10, look=SILENT), NOW + 10).status.outcome is Outcome.ROLLED_BACK
    waits = decide(of, held, world(AT_10), NOW + 10)
    assert waits.status.outcome is None
    assert waits.check_again_at == waits.status.look_due_at, "nothing wakes it for a deadline that is over"


def test_an_aborted_rollout_without_an_experiment_has_ended() -> None:
    gone = world(None, models=(model(BASELINE), model(CANDIDATE, False)))
    decision = told("abort@1?by=alice", PLAIN, status(PLAIN, None), gone)

    assert (decision.status.phase, decision.actions) == (Phase.DEGRADED, ())
    assert decision.status.message == "Aborted by alice before the first stage"


def test_a_skip_remembers_the_smallest_weight_that_may_be_in_force() -> None:
    first = told("skip@1", PLAIN, status(PLAIN), world(AT_10))
    second = told("skip@2", PLAIN, first.status, world(experiment(50, 50)))

    assert second.status.stage is not None
    assert (second.status.stage.index, second.status.stage.weight_before) == (2, 10)


def test_who_edited_the_spec_stands_beside_what_came_of_it() -> None:
    edited = replace(world(AT_10), edited_by="argocd-controller")
    other = decide(spec(stage(20), stage(100)), status(PLAIN), edited)
    stricter = decide(spec(guardrails=[ERRORS | {"critical": True}]), status(PLAIN), edited)

    assert [(one.reason, one.by) for one in other.status.history[1:]] == [("Superseded", "argocd-controller")]
    assert [(one.reason, one.by) for one in stricter.status.history] == [("PolicyChanged", "argocd-controller")]
