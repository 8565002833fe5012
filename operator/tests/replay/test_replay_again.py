"""A rollout that is over is read again from a real Prometheus, and the same functions say the same."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import replay_past
import yaml
from factories import stage
from modelrollout.__main__ import main
from prometheus_bench import Prometheus

pytestmark = pytest.mark.stack

Object = dict[str, Any]


@pytest.fixture(scope="module")
def rolled_back(prometheus: Prometheus) -> Object:
    return asyncio.run(replay_past.roll_out(prometheus, "slow"))


@pytest.fixture(scope="module")
def promoted(prometheus: Prometheus) -> Object:
    return asyncio.run(replay_past.roll_out(prometheus, "good", baseline="replaced"))


@pytest.fixture
def replay(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def run(found: Any, *more: str) -> tuple[int, str]:
        file = tmp_path / "rollout.yaml"
        file.write_text(found if isinstance(found, str) else yaml.safe_dump(found))
        address = [] if "--prometheus" in more else ["--prometheus", prometheus.address]
        code = main(["replay", "-f", str(file), *address, *more])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


Replay = Callable[..., tuple[int, str]]


def test_a_rollback_is_reached_again_from_the_same_numbers(rolled_back: Object, replay: Replay) -> None:
    code, said = replay(rolled_back)

    ended = rolled_back["status"]["history"][0]
    looks = rolled_back["status"]["looks"]
    assert (ended["reason"], code) == ("RolledBack", 0)
    assert looks > 2
    assert said.splitlines()[-1] == (
        f"Same verdict: RolledBack at {ended['time']} because latency failed "
        f"({looks} looks, bit for bit the same numbers)."
    )


def test_a_promotion_with_a_silence_and_a_gate_is_reached_again(promoted: Object, replay: Replay) -> None:
    code, said = replay(promoted)

    status = promoted["status"]
    assert status["outcome"] == "Promoted"
    assert [blocks["stage"] for blocks in status["blocks"]] == sorted(blocks["stage"] for blocks in status["blocks"])
    assert max(blocks["seconds"] for blocks in status["blocks"]) > 30  # of the silence
    assert code == 0, said
    assert f"Same verdict: Promoted at {status['history'][0]['time']}" in said
    assert "bit for bit" in said


def test_all_looks_are_shown_when_asked_for(promoted: Object, replay: Replay) -> None:
    _, short = replay(promoted)
    _, long = replay(promoted, "--all")

    assert len(long.splitlines()) == promoted["status"]["looks"] + 2
    numbers = [line.split()[0] for line in short.splitlines()[1:-1] if line[0].isdigit()]
    assert numbers[0] == "1"
    assert numbers[-1] == str(promoted["status"]["looks"])
    assert f"(--all shows the {len(long.splitlines()) - len(short.splitlines()) + 1} more" in short


def test_a_long_stage_with_every_kind_of_guardrail_is_replayed(prometheus: Prometheus, replay: Replay) -> None:
    """So many alike blocks are read as ranges: one query for all of them."""
    guardrails = [replay_past.ERRORS, replay_past.LATENCY, replay_past.ACCURACY, replay_past.PROFIT, replay_past.QUEUE]
    stages = [stage(20, soak="20h"), stage(100)]
    analysis = {"interval": "10s"}
    running = asyncio.run(
        replay_past.roll_out(prometheus, "good", guardrails=guardrails, stages=stages, analysis=analysis)
    )
    code, said = replay(running)

    status = running["status"]
    assert max(blocks["count"] for blocks in status["blocks"]) > 100
    assert {rail["verdict"] for rail in status["guardrails"]} == {"Pass"}, status["guardrails"]
    assert code == 0, said
    assert "bit for bit the same numbers" in said


def test_a_rollout_that_runs_is_replayed_so_far(prometheus: Prometheus, replay: Replay) -> None:
    running = asyncio.run(replay_past.roll_out(prometheus, "good", 3, "replaced"))
    code, said = replay(running)

    assert "outcome" not in running["status"]
    assert code == 0, said
    assert f"Same verdict so far: {running['status']['verdict']} at " in said


def test_a_stage_that_has_just_begun_has_let_go_of_its_pass(prometheus: Prometheus, replay: Replay) -> None:
    """Right after a gate, before the first look of the new stage."""
    minutes = 3.0
    while True:
        running = asyncio.run(replay_past.roll_out(prometheus, "good", minutes, "replaced"))
        if running["status"]["blocks"][-1]["count"] == 0 and running["status"]["looks"]:
            break
        minutes += 5 / 60
        assert minutes < 30
    code, said = replay(running)

    assert code == 0, said
    assert "Same verdict so far: Inconclusive" in said


def _less_one_look(found: Object) -> None:
    found["status"]["blocks"][-1]["count"] -= 1
    found["status"]["looks"] -= 1


def _said_otherwise(found: Object) -> None:
    found["status"] |= {"outcome": "Promoted", "verdict": "Pass"}


DIFFERENT: dict[str, tuple[Callable[[Object], None], str]] = {
    "another verdict": (_said_otherwise, r"Different: the verdict is Fail, but the rollout's was Pass\."),
    "a look too few": (_less_one_look, r"Different: .*ln E of errors is at -?\d+\.\d\d % of the bound to fail"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_differs_is_said(case: str, rolled_back: Object, promoted: Object, replay: Replay) -> None:
    change, sentence = DIFFERENT[case]
    found = copy.deepcopy(rolled_back if case == "another verdict" else promoted)
    change(found)
    code, said = replay(found)

    assert code == 1, said
    assert re.search(sentence, said), said


def _without(*path: str) -> Callable[[Object], Any]:
    def change(found: Object) -> Any:
        at = found
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]
        return found

    return change


def _with(value: Any, *path: str) -> Callable[[Object], Any]:
    def change(found: Object) -> Any:
        at = found
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        return found

    return change


def _with_policy_change(found: Object) -> Object:
    entry = {"time": "2026-11-20T12:00:00Z", "reason": "PolicyChanged", "message": "", "attempt": 1, "weight": 20}
    found["status"]["history"].insert(1, entry)
    return found


BAD: dict[str, tuple[Callable[[Object], Any], str]] = {
    "no object": (lambda _: "- 1\n", "this is no ModelRollout but list"),
    "no YAML": (lambda _: "a: [", "is no YAML of one object"),
    "several objects": (lambda _: "a: 1\n---\nb: 2\n", "is no YAML of one object"),
    "another kind": (_with("Model", "kind"), "this is no ModelRollout but Model"),
    "no spec": (_without("spec"), "this ModelRollout has no spec"),
    "a broken spec": (_with({}, "spec", "guardrails"), "guardrails"),
    "no status": (_without("status"), "rollout predictor has no look to replay"),
    "a broken status": (_with("many", "status", "looks"), "its status cannot be read"),
    "no record": (_without("status", "blocks"), "has no record of its blocks"),
    "a record with holes": (_with(999, "status", "looks"), "of its 999 looks"),
    "another spec": (_with({"interval": "10s"}, "spec", "analysis"), "the spec is not the one that was judged"),
    "a policy change": (_with_policy_change, "were changed at 2026-11-20T12:00:00Z, in the middle of the attempt"),
    "no namespace": (_without("metadata", "namespace"), "names no namespace"),
    "a broken state": (_with("bnonsense", "status", "engine", 1, "state"), "the stored state of guardrail latency"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_replayed_is_refused_in_a_sentence(case: str, rolled_back: Object, replay: Replay) -> None:
    change, sentence = BAD[case]
    code, said = replay(change(copy.deepcopy(rolled_back)))

    assert sentence in said
    assert (code, len(said.splitlines())) == (2, 1), said


def test_a_prometheus_that_is_not_there_is_told_apart(rolled_back: Object, replay: Replay) -> None:
    code, said = replay(rolled_back, "--prometheus", "http://127.0.0.1:9")

    assert said == "Prometheus at http://127.0.0.1:9 refuses the connection: is it running, on this port?\n"
    assert code == 3


def test_a_prometheus_that_has_forgotten_says_from_when_it_knows(rolled_back: Object, replay: Replay) -> None:
    older = copy.deepcopy(rolled_back)
    for blocks in older["status"]["blocks"]:
        blocks["since"] -= 90_000
    code, said = replay(older)

    assert code == 3, said
    assert "cannot be read again: Prometheus has no series of models old and slow" in said
    day = r"2025-10-09T0\d:\d\d:\d\dZ"
    assert re.search(f"Prometheus has samples of model old from {day} on", said), said
