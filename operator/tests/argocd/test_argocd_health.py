"""What Argo CD shows of a rollout's health, by Argo CD's rules for Lua, over statuses from real runs."""

import copy
from collections.abc import Iterator
from typing import Any

import lives
import pytest
import scripts
import yaml
from modelrollout.api.status import Phase
from scripts import TREE, Object

HEALTH = {
    "not seen yet": "Progressing",
    "traffic goes to the baseline first": "Progressing",
    "Prometheus does not answer before the start": "Progressing",
    "a model is missing": "Progressing",
    "stage 1 of 3": "Progressing",
    "stage 2 of 3": "Progressing",
    "Prometheus does not answer in stage 1": "Progressing",
    "held by spec.paused": "Suspended",
    "held by a guardrail": "Suspended",
    "held as undecided": "Suspended",
    "held by hand": "Suspended",
    "awaits an approval": "Suspended",
    "approved and held by hand": "Suspended",
    "the spec was edited": "Progressing",
    "the spec became invalid": "Degraded",
    "the spec is invalid": "Degraded",
    "the Experiment is somebody else's": "Degraded",
    "the candidate takes over": "Progressing",
    "promoted": "Healthy",
    "going back": "Progressing",
    "rolled back": "Degraded",
    "aborted": "Degraded",
    "a promotion undone": "Degraded",
}
READ = (
    ("status",),
    ("status", "observedGeneration"),
    ("status", "message"),
    ("status", "conditions"),
    ("status", "conditions", 0),
    ("status", "conditions", 0, "type"),
    ("status", "conditions", 0, "status"),
    ("metadata", "generation"),
)
WRONG: tuple[Any, ...] = (None, {}, [], [None], "", "x", 0, True)


def test_every_life_has_a_health() -> None:
    assert set(HEALTH) == set(lives.STORIES)


@pytest.mark.parametrize("name", HEALTH)
def test_the_health_is_what_the_rollout_needs_from_people(name: str) -> None:
    assert scripts.health(lives.life(name))["status"] == HEALTH[name]


def test_the_lives_have_every_phase() -> None:
    seen = {found["status"]["phase"] for found in map(lives.life, lives.STORIES) if "status" in found}

    assert seen == {phase.value for phase in Phase}


def test_the_message_is_the_operators_own() -> None:
    found = lives.life("rolled back")

    assert scripts.health(found)["message"] == found["status"]["message"] != ""


def test_a_status_of_an_older_spec_is_not_believed() -> None:
    said = scripts.health(lives.life("the spec was edited"))

    assert said == {"status": "Progressing", "message": "Waiting for the operator to take up the new spec"}


def test_generations_may_be_text_as_they_are_where_numbers_are_read_from_json() -> None:
    found = lives.life("promoted")
    found["status"]["observedGeneration"] = str(found["status"]["observedGeneration"])

    assert scripts.health(found)["status"] == "Healthy"


def damaged(found: Object, paths: tuple[tuple[Any, ...], ...]) -> Iterator[Object]:
    """The object with each of these fields once missing and once with each wrong value."""
    for path in paths:
        for value in (*WRONG, "missing"):
            broken = copy.deepcopy(found)
            parent: Any = broken
            for part in path[:-1]:
                parent = parent[part]
            parent[path[-1]] = value
            if value == "missing":
                del parent[path[-1]]
            yield broken


@pytest.mark.parametrize("name", ["promoted", "rolled back", "held by spec.paused"])
def test_a_half_filled_status_is_neither_an_error_nor_good_news(name: str) -> None:
    for broken in damaged(lives.life(name), READ):
        said = scripts.health(broken)

        assert said["status"] in ("Progressing", HEALTH[name])
        assert said["message"]


def test_the_examples_beside_the_script_are_told_right() -> None:
    """In the form in which Argo CD runs them in its own tree."""
    cases = yaml.safe_load((TREE / "health_test.yaml").read_text())["tests"]
    told = [scripts.health(yaml.safe_load((TREE / case["inputPath"]).read_text())) for case in cases]

    assert told == [case["healthStatus"] for case in cases]
    assert {one["status"] for one in told} == {"Healthy", "Progressing", "Degraded", "Suspended"}


@pytest.mark.parametrize("script", ["while true do end", "return ('x'):upper()", "return math.pi", "return io.read()"])
def test_these_rules_refuse_what_argo_cd_refuses(script: str) -> None:
    with pytest.raises(scripts.Stopped):
        scripts.run(script, {})
