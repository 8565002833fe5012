"""A spec that becomes invalid in mid-run: the last valid one is followed, but nothing begins and no stage ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from decisions import condition, decide, told
from factories import BAD, CANDIDATE, ERRORS, GOOD, NAME, NOW, experiment, raw_spec, spec, stage, status, world
from modelrollout.api import spec as api_spec
from modelrollout.api.status import Outcome, Phase, RolloutStatus, Verdict
from modelrollout.plan import attempts, hashes, machine
from modelrollout.plan.actions import Decision
from modelrollout.plan.world import World
from simulator import Simulation

CORPUS = Path(__file__).parents[1] / "api" / "corpus" / "good"
PLAIN = spec()
WRONG = "spec.surprise: no such field: check the spelling, or remove it"
AT_10, AT_100 = experiment(90, 10), experiment(0, 100)


def followed(known: RolloutStatus, seen: World) -> Decision:
    """The decision under the last valid spec, while the present one is refused."""
    return machine.next_step(PLAIN, known, seen, NOW, NAME, WRONG)


def test_a_fail_rolls_back() -> None:
    decision = followed(status(PLAIN), world(AT_10, look=BAD))

    assert decision.status.outcome is Outcome.ROLLED_BACK
    assert told(decision).does == ("90:10 to 100:0",)
    assert told(decision).because == "RollingBack"
    assert condition(decision, "SpecValid").message == WRONG


HELD = {
    "a stage that passed": (status(PLAIN, soaked=60, verdict=Verdict.PASS), world(AT_10), (90, 10)),
    "a bake that is over": (status(PLAIN, 2, soaked=60), world(AT_100), (0, 100)),
    "an attempt that could begin": (status(PLAIN, None), world(experiment(100, 0)), (100, 0)),
    "a promoted rollout": (status(PLAIN, 2, outcome=Outcome.PROMOTED), world(AT_100), (0, 100)),
}


@pytest.mark.parametrize(("known", "seen", "weights"), HELD.values(), ids=HELD)
def test_nothing_begins_and_no_stage_ends(known: RolloutStatus, seen: World, weights: tuple[int, int]) -> None:
    decision = followed(known, seen)

    assert (told(decision).wanted, told(decision).does, told(decision).says) == (weights, (), ())
    assert (told(decision).phase, told(decision).because) == (Phase.DEGRADED, "SpecInvalid")
    assert decision.status.message == f"{WRONG}; until then the last valid spec is followed"
    assert [condition(decision, kind).status for kind in ("SpecValid", "Ready", "Stalled")] == [
        "False",
        "False",
        "True",
    ]


def test_looks_are_counted_and_the_stage_goes_on_once_the_spec_is_valid_again() -> None:
    held = followed(status(PLAIN, soaked=30), world(AT_10, look=GOOD))
    again = decide(PLAIN, held.status, world(AT_10))

    assert held.status.looks == 2
    assert told(held).wanted == (90, 10)
    assert told(again).wanted == (50, 50)
    assert condition(again, "SpecValid").status == "True"


def test_weights_that_somebody_changed_are_put_right() -> None:
    assert told(followed(status(PLAIN), world(experiment(50, 50)))).does == ("50:50 to 90:10",)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_kept_is_the_spec(path: Path) -> None:
    declared = api_spec.parse(yaml.safe_load(path.read_text())["spec"])
    kept = attempts.followed(RolloutStatus(followed=json.dumps(hashes.chosen(declared))))

    assert kept is not None
    assert hashes.chosen(kept) == hashes.chosen(declared)
    assert (hashes.revision(kept), hashes.policy(kept)) == (hashes.revision(declared), hashes.policy(declared))


def test_the_spec_is_kept_anew_when_the_object_changed() -> None:
    first = decide(PLAIN, RolloutStatus(), world(None)).status
    stricter = spec(analysis={"alpha": "1%"})
    same = decide(stricter, first, world(None)).status
    other = decide(stricter, first.model_copy(update={"observed_generation": 6}), world(None)).status

    assert attempts.followed(first) == PLAIN
    assert same.followed == first.followed
    assert attempts.followed(other) == stricter


@pytest.mark.parametrize("text", ["", "{}", '{"baseline": 1}'])
def test_a_kept_spec_that_cannot_be_read_is_none(text: str) -> None:
    assert attempts.followed(RolloutStatus(followed=text)) is None


@pytest.fixture
def sim() -> Iterator[Simulation]:
    played = Simulation(raw_spec(stage(50, "100h", maxDuration="200h"), stage(100), guardrails=[ERRORS]))
    for _ in range(3):
        played.run(31)
    yield played
    played.close()


def _break(sim: Simulation) -> None:
    sim.is_spec_broken = True
    sim.set_spec()
    sim.run(31)


@pytest.mark.parametrize("dies", [False, True], ids=["the operator lives", "the operator is started again"])
def test_a_bad_candidate_is_rolled_back_though_the_spec_is_invalid(sim: Simulation, dies: bool) -> None:
    _break(sim)
    if dies:
        sim.restart()
    sim.run(31)
    held = sim.status
    sim.error_rate = 0.5
    for _ in range(8):
        sim.run(31)

    assert (held.phase, held.outcome, held.traffic.wanted[1].weight) == (Phase.DEGRADED, None, 50)
    assert WRONG in held.message
    assert (sim.status.outcome, sim.weight, sim.candidate_share) == (Outcome.ROLLED_BACK, 0, 0.0)
    assert sim.status.message.startswith("Rolled back at stage 1 of 2 (50 %): errors failed")


def test_a_rollout_that_is_deleted_with_an_invalid_spec_leaves_all_traffic_with_the_baseline(sim: Simulation) -> None:
    _break(sim)
    sim.release()

    assert sim.weight == 0


def test_a_new_version_under_an_invalid_spec_gets_no_traffic(sim: Simulation) -> None:
    _break(sim)
    sim.set_model(CANDIDATE, version="v2")
    for _ in range(4):
        sim.run(31)

    assert (sim.weight, sim.status.attempt, sim.status.stage) == (0, 2, None)
