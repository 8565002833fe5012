"""A person at the wheel: every verb as an annotation, each token once, and an abort that waits for nobody."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.rollouts import Object, Rollout, on_soak, stage
from e2e.story import ROLLOUTS, Story, percents

pytestmark = pytest.mark.stack

ACTION = "modelrollout.io/action"
LONG = "300s"


def test_a_rollout_is_led_by_hand_from_its_first_stage_to_an_undone_promotion(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        story.begin([on_soak(20, soak="2s"), {"approval": {}}, stage(50, soak=LONG), stage(100, soak=LONG)])
        waits = story.until_rollout(lambda seen: seen.stage == 2, "it waits for approval")
        early = _tell(story, "approve@one?attempt=1&stage=1")
        approved = _tell(story, "approve@two?attempt=1&stage=2&by=alice&reason=looks+good")
        story.until_at(3, 50)
        reused = _tell(story, "skip@two")
        _tell(story, "pause@three?by=bob")
        held = story.until_rollout(lambda seen: seen.phase == "Paused", "it is held")
        not_now = _tell(story, "skip@four")
        _tell(story, "resume@five?by=bob")
        _tell(story, "skip@six?by=alice&reason=hot+fix")
        story.until_at(4, 100)
        _tell(story, "promote@seven?by=alice")
        healthy = story.until_rollout(lambda seen: seen.phase == "Healthy", "it is promoted")
        _tell(story, "undo@eight?by=carol&reason=complaints")
        too_late = _tell(story, "promote@nine")
        story.until(lambda: story.weights[story.candidate] == 0, "all traffic is back")
        _tell(story, "retry@ten?by=carol")
        again = story.until_rollout(
            lambda seen: seen.attempt == 2 and seen.weight_in_force == 20, "it is at 20 % again"
        )

    assert (waits.phase, waits.weight_in_force) == ("Paused", 20)
    assert waits.message == f"Stage 2 waits for approval: kubectl modelrollout approve {story.name}"
    assert early == _refused("approve was said for stage 1, and the rollout is in stage 2")
    assert approved == ("Done", "Approved by alice at stage 2 of 4 (20 %): looks good")
    assert reused == _refused("token two was used before and acts once: say skip again with another token")
    assert (held.stage, held.condition("Paused")[0]) == (3, "True")
    sentence = f"bob holds the rollout, so kubectl modelrollout resume {story.name} comes first"
    assert not_now == _refused(f"skip is refused: {sentence}")
    assert healthy.message == (
        f"Promoted by alice at stage 4 of 4 (100 %). {story.candidate} has taken over from {story.baseline}"
    )
    sentence = f"attempt 1 was rolled back; kubectl modelrollout retry {story.name} begins a new attempt"
    assert too_late == _refused(f"promote is refused: {sentence}")
    assert _on_whose_word(again) == [
        *(("Approved", "alice"), ("PausedByHand", "bob"), ("Resumed", "bob"), ("Skipped", "alice")),
        *(("PromotedByHand", "alice"), ("Undone", "carol"), ("Retried", "carol")),
    ]
    assert _handled(again)["manager"] == "kubectl-annotate"
    assert percents(written) == [0, 20, 50, 100, 0, 20]
    assert [event["note"] for event in story.events() if event["reason"] == "ActionRefused"] == [
        said[1] for said in (early, reused, not_now, too_late)
    ]
    assert not traffic.seen().failed


def test_an_abort_waits_neither_for_prometheus_nor_for_anything_else(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic, _one_who_never_answers() as (address, asked):
        story.begin([stage(30, soak=LONG), stage(100)])
        story.until_at(1, 30)
        story.edit(prometheus={"address": address})
        story.until(asked.is_set, "a look hangs")
        sees = story.rollout.condition("MetricsAvailable")
        order = "abort@now?by=alice&reason=looks+wrong"
        story.patch(ROLLOUTS, story.name, {"metadata": {"annotations": {ACTION: order}}})
        said_at = time.time()
        story.until(lambda: story.weights[story.candidate] == 0, "all traffic is written back")
        print(f"abort while Prometheus hangs: weight 0 written {time.time() - said_at:.2f} s after the annotation")
        aborted = story.rollout
        ended = story.until_rollout(lambda seen: seen.weight_in_force == 0, "it is in force")
        story.until(lambda: traffic.seen(ended.traffic["appliedAt"]).arms.total() > 120, "clients ask on")

    assert aborted.condition("MetricsAvailable") == sees, "it waited for an answer of Prometheus, or for its silence"
    assert _handled(aborted)["message"] == "Aborted by alice at stage 1 of 2 (30 %): looks wrong"
    assert ended.status["outcome"] == "RolledBack"
    assert _on_whose_word(ended) == [("Aborted", "alice")]
    assert traffic.seen(ended.traffic["appliedAt"]).share(story.candidate) == 0
    assert not traffic.seen().failed


def _tell(story: Story, order: str) -> tuple[str, str]:
    """Result and message, once the operator has answered."""
    story.kubectl("annotate", "modelrollout", story.name, f"{ACTION}={order}", "--overwrite")

    def answered(seen: Rollout) -> bool:
        return bool(_handled(seen).get("text") == order)

    found = _handled(story.until_rollout(answered, f"{order} is answered"))
    return found["result"], found["message"]


def _handled(seen: Rollout) -> Object:
    return seen.status.get("lastHandledAction") or {}


def _refused(sentence: str) -> tuple[str, str]:
    return "Refused", sentence


def _on_whose_word(seen: Rollout) -> list[tuple[str, str]]:
    """What was decided on somebody's word, and whose, oldest first."""
    return [(one["reason"], one["by"]) for one in reversed(seen.status["history"]) if one.get("by")]


@contextmanager
def _one_who_never_answers() -> Iterator[tuple[str, threading.Event]]:
    """The address of a server that takes every request and keeps silent, and whether it was asked."""
    asked, taken = threading.Event(), list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return
                asked.set()

        threading.Thread(target=take, daemon=True, name="silent").start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
    for one in taken:
        one.close()
