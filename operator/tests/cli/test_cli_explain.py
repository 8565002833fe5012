"""Why did it do that? In sentences from the record."""

from dataclasses import replace

from cli_corpus import found, moment
from modelrollout.cli import accounts, views
from modelrollout.cli.views import Entry, Pause, Rollout, Running, Said, Stage, Told


def told(rollout: Rollout) -> str:
    return "\n".join(accounts.of(rollout, moment(rollout)))


def of(name: str) -> Rollout:
    return views.rollout(found(name))


def test_every_account_is_made_of_sentences(seen: Rollout) -> None:
    for sentence in accounts.of(seen, moment(seen)):
        assert sentence.endswith((".", "!", "?")) or "kubectl modelrollout" in sentence
        assert ".." not in sentence


def test_a_rollback_says_what_failed_how_sure_that_is_and_who_was_reached() -> None:
    text = told(of("rolled-back"))

    assert text.startswith("Rolled back at stage 1 of 3 (5 %), 1m29s after attempt 1 began.")
    assert "Because errors failed: 1.67 % of 900 candidate requests in error" in text
    assert "at most 5 % over the whole rollout" in text
    assert "Judged in stage 1: 900 candidate and 23,100 baseline requests." in text
    assert "clients' requests have confirmed it." in text
    assert text.endswith("kubectl modelrollout retry predictor")


def test_an_attempt_says_how_many_requests_it_judged_in_all() -> None:
    rollout = replace(of("progressing"), requests=(81_000, 5_400))
    assert rollout.stage is not None
    first = replace(rollout, stage=replace(rollout.stage, index=0, requests=rollout.requests))
    fresh = replace(rollout, stage=replace(rollout.stage, requests=()))

    in_all = "Judged in attempt 1: 5,400 candidate and 81,000 baseline requests"
    assert f"{in_all}, 3,600 and 20,400 of them in stage 2." in told(rollout)
    assert f"{in_all}." in told(first)
    assert f"{in_all}." in told(fresh)
    assert f"{in_all}." in told(replace(fresh, outcome="Promoted"))


def test_a_rollback_on_its_way_does_not_claim_to_be_there() -> None:
    text = told(of("rolling-back"))

    assert "Weight 0 is on its way: 5 % is what is known to be in force." in text
    assert "confirmed" not in text


def test_a_query_has_no_bound_for_chance() -> None:
    text = told(replace(of("rolled-back"), queries=frozenset({"errors"})))

    assert "no bound for chance" in text
    assert "at most 5 %" not in text


def test_an_abort_names_who_said_it_and_claims_nothing_of_evidence() -> None:
    rollout = of("promoted")
    ending = Entry(rollout.history[0].time, "Aborted", "Aborted at stage 2 of 3 (25 %): wrong file", 1, 0, "alice")

    text = told(replace(rollout, outcome="RolledBack", phase="Degraded", history=(ending, *rollout.history[1:])))

    assert text.startswith("Aborted at stage 2 of 3 (25 %) by alice")
    assert "The reason given: wrong file." in text
    assert "Chance" not in text


def test_a_promotion_shows_what_passed_and_how_to_take_it_back() -> None:
    text = told(of("promoted"))

    assert text.startswith("Promoted: new has taken over from old, 16m after attempt 1 began.")
    assert "errors passed: 0.00 % of 135,000 candidate requests in error" in text
    assert text.endswith("kubectl modelrollout undo predictor")


def test_a_promotion_by_hand_does_not_speak_of_chance() -> None:
    rollout = of("promoted")
    skipped = Entry(rollout.history[1].time, "Skipped", "Skipped stage 2 of 3", 1, 100, "bob")

    text = told(replace(rollout, history=(*rollout.history[:1], skipped, *rollout.history[2:])))

    assert "Skipped stage 2 of 3 (by bob)." in text
    assert "Chance" not in text


def test_a_running_one_says_why_it_waits_and_what_comes() -> None:
    text = told(of("progressing"))

    assert "Stage 2 soaks for 5m." in text
    assert "soak ends in 4m31s" in text


def test_without_data_the_cause_is_named() -> None:
    assert "Prometheus does not answer." in told(of("nodata"))


def test_a_hold_names_who_why_and_how_to_go_on() -> None:
    rollout = of("progressing")
    pause = Pause("alice", "market is closed", moment(rollout) - 90)

    text = told(replace(rollout, phase="Paused", pause=pause, message="alice holds the rollout"))

    assert "alice has held it for 1m30s: market is closed." in text
    assert "kubectl modelrollout resume predictor" in text


def test_an_approval_says_what_happens_without_an_answer() -> None:
    rollout = of("progressing")
    stages = (rollout.stages[0], Stage(5, is_approval=True, deadline="2h", on_deadline="Rollback"), *rollout.stages[1:])
    waiting = replace(
        rollout,
        phase="Paused",
        message="Stage 2 waits for an approval",
        stages=stages,
        stage=Running(1, 60.0, expires_at=moment(rollout) + 3600),
        conditions=(Said("Paused", "True", "AwaitingApproval"),),
    )

    text = told(waiting)

    assert "without an answer it is rolled back in 1h" in text
    assert "kubectl modelrollout approve predictor" in text


def test_what_was_refused_is_told() -> None:
    rollout = of("progressing")
    refused = Told("retry", "7f", "bob", "", "Refused", "retry needs an attempt that was rolled back", None)

    assert "bob said retry, which was refused: retry needs" in told(replace(rollout, told=refused))


def test_an_operator_that_never_came_is_named() -> None:
    assert "check that it runs and watches this namespace" in told(of("empty"))
