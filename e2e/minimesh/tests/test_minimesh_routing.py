"""The pure parts: tables, Envoy resources, refusals, conditions, reports of attempts, memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2e.minimesh import conditions, envoy, routing
from e2e.minimesh.attempts import Attempts, Incomplete, unpack
from e2e.minimesh.conditions import ACTIVE, Facts
from e2e.minimesh.desired import Candidate, Experiment, Mirror
from e2e.minimesh.memory import Memory, Record
from e2e.minimesh.routing import Route, Target
from e2e.minimesh.validation import refusal

SERVING = {"a": "a_1", "b": "b_2", "m": "m_1"}


def experiment(name: str = "e", **changes: Any) -> Experiment:
    fields = {"generation": 1, "candidates": (Candidate("a", 80), Candidate("b", 20)), "default": "a"}
    return Experiment(name=name, **{**fields, **changes})


def routes(*experiments: Experiment) -> dict[str, Route]:
    return {route.key: route for route in routing.table(experiments, SERVING).routes}


def test_the_default_and_the_experiment_are_split_alike() -> None:
    table = routes(experiment(mirror=Mirror("m", 50)))

    assert table["a"].targets == table["e.experiment"].targets == (Target("a_1", 80), Target("b_2", 20))
    assert table["a"].mirror == Target("m_1", 50)
    assert table["b"].targets == (Target("b_2", 1),)


@pytest.mark.parametrize(
    "incomplete",
    [
        pytest.param(experiment(candidates=(Candidate("a", 1), Candidate("gone", 1))), id="a candidate is missing"),
        pytest.param(experiment(mirror=Mirror("gone", 1)), id="the mirror is missing"),
        pytest.param(experiment(resource_type="pipeline"), id="it is about pipelines"),
        pytest.param(experiment(candidates=(), default=""), id="it has a mirror only"),
    ],
)
def test_no_split_when(incomplete: Experiment) -> None:
    table = routes(incomplete)

    assert table["a"].targets == (Target("a_1", 1),)
    assert "e.experiment" not in table


def test_a_leaving_version_keeps_its_cluster_but_no_route() -> None:
    table = routing.table([], {"a": "a_2"}, leaving={"a_1"})

    assert table.internal_names == ("a_1", "a_2")
    assert table.routes == (Route("a", (Target("a_2", 1),)),)


def test_pins_come_before_the_split_and_have_neither_retries_nor_mirrors() -> None:
    table = routing.table([experiment(mirror=Mirror("m", 250))], SERVING)

    entries = envoy.route_configuration("listener_0", table.routes, "1")["resources"][0]["virtual_hosts"][0]["routes"]
    of_default = [entry["route"] for entry in entries if entry["match"]["headers"][0]["string_match"]["exact"] == "a"]

    assert [action.get("cluster") for action in of_default] == ["a_1_http", "b_2_http", None]
    assert ["retry_policy" in action for action in of_default] == [False, False, True]
    copied = of_default[2]["request_mirror_policies"][0]["runtime_fraction"]["default_value"]
    assert copied == {"numerator": 100, "denominator": "HUNDRED"}


@pytest.mark.parametrize(
    ("new", "text"),
    [
        pytest.param(experiment("new"), "Resource a already in experiment new as a baseline", id="default is taken"),
        pytest.param(
            experiment("new", candidates=()), "Resource a already in experiment new", id="taken comes before missing"
        ),
        pytest.param(
            experiment("new", default="z"), "default model/pipeline z not found in experiment new", id="no such arm"
        ),
        pytest.param(
            experiment("new", default="", candidates=()), "experiment new has no candidates or mirror", id="empty"
        ),
        pytest.param(
            experiment("new", default="", mirror=Mirror("b", 1)), "found resource b duplicated", id="mirror is an arm"
        ),
    ],
)
def test_refusals_come_in_seldons_order(new: Experiment, text: str) -> None:
    assert text in (refusal(new, [experiment()]) or "")


def test_an_experiment_may_keep_its_own_default() -> None:
    assert refusal(experiment(generation=2), [experiment()]) is None


def test_conditions_keep_their_time_when_nothing_changed() -> None:
    facts = Facts(candidates_ready=True, mirror_ready=True, is_active=True, reason=ACTIVE)
    before = conditions.of_experiment([], facts, "10:00")

    assert conditions.of_experiment(before, facts, "11:00") == before


def test_a_failed_call_is_latched_beside_later_success() -> None:
    facts = Facts(candidates_ready=True, mirror_ready=True, is_active=True, reason=ACTIVE)
    failed = conditions.of_failed_call([], "no", "10:00")

    after = {item["type"]: item for item in conditions.of_experiment(failed, facts, "11:00")}

    assert after["ModelReady"] == failed[0]
    assert after["Ready"]["status"] == "True"


# What Envoy sent for one attempt: ["attempts", [[time, {model: "a_1", code: 200, ...}]]].
REPORT = (
    b"\x92\xa8attempts\x91\x92\xce\x6b\x01\x59\xb1\x85\xa4code\xcc\xc8\xa7details\xacvia_upstream"
    b"\xa6method\xa4POST\xacmicroseconds\xcd\x3e\x7f\xa5model\xa3a_1"
)


def test_a_report_is_read() -> None:
    (tag, entries), end = unpack(REPORT, 0)

    assert (tag, end) == ("attempts", len(REPORT))
    assert entries[0][1] == {
        "code": 200,
        "details": "via_upstream",
        "method": "POST",
        "microseconds": 15999,
        "model": "a_1",
    }


@pytest.mark.parametrize("end", range(len(REPORT)))
def test_a_broken_report_waits_for_the_rest(end: int) -> None:
    with pytest.raises(Incomplete):
        unpack(REPORT[:end], 0)


def test_attempts_without_a_server_count_for_no_model() -> None:
    attempts = Attempts()
    record = {"model": "my_model_12", "code": 502, "details": "upstream_reset", "microseconds": 1000}

    attempts.count(record)
    attempts.count({**record, "code": 200, "details": "via_upstream"})

    text = attempts.exposition().decode()
    assert 'model="my_model",model_internal="my_model_12"' in text
    assert 'seldon_model_infer_api_seconds_count{code="502"' in text
    assert 'infer_total{code="502"' not in text


def test_memory_outlives_the_process(tmp_path: Path) -> None:
    experiments = {"e": experiment(mirror=Mirror("m", 1)), "f": experiment("f")}
    models = {"a": Record("uid", {"storageUri": "/x"}, version=3, serving="a_2")}

    Memory(tmp_path / "memory.json").save(experiments, models)

    assert Memory(tmp_path / "memory.json").load() == (experiments, models)
