"""What the API server accepts, refuses and prunes, and what a status looks like."""

from __future__ import annotations

import re
from typing import Any

import pytest

from e2e.conformance.history import is_true
from e2e.conformance.world import Name, World, candidates
from e2e.minimesh.crds import EXPERIMENTS, GROUP, MODELS, VERSION
from e2e.minimesh.kube import ApiError

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        pytest.param({}, "candidates", id="without candidates"),
        pytest.param({"candidates": [{"weight": 1}]}, "name", id="without a name"),
        pytest.param({"candidates": [{"name": "a"}]}, "weight", id="without a weight"),
        pytest.param({"candidates": [{"name": "a", "weight": 2**31}]}, "int32", id="a weight over int32"),
        pytest.param({"candidates": [{"name": "a", "weight": 1.5}]}, "int32", id="a broken weight"),
        pytest.param({"candidates": [], "mirror": {"name": "a"}}, "percent", id="a mirror without percent"),
    ],
)
async def test_the_api_refuses_an_experiment(world: World, name: Name, spec: dict[str, Any], text: str) -> None:
    obj = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Experiment", "metadata": {"name": name("bad")}, "spec": spec}

    with pytest.raises(ApiError, match=text) as refused:
        await world.kube.call("POST", world.kube.path(EXPERIMENTS), obj)

    assert refused.value.status == 422


async def test_the_api_accepts_what_breaks_seldon_later(world: World, name: Name) -> None:
    spec = {
        "candidates": [{"name": "a", "weight": -1}, {"name": "b", "weight": 2**31 - 1}],
        "resourceType": "no such type",
    }
    obj = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Experiment", "metadata": {"name": name("odd")}, "spec": spec}

    accepted = await world.kube.call("POST", world.kube.path(EXPERIMENTS) + "?dryRun=All", obj)

    assert accepted["spec"] == spec


async def test_unknown_spec_fields_are_pruned(world: World, name: Name) -> None:
    obj = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Experiment",
        "metadata": {"name": name("pruned")},
        "spec": {"candidates": [], "stages": 3},
    }

    accepted = await world.kube.call("POST", world.kube.path(EXPERIMENTS) + "?dryRun=All", obj)

    assert accepted["spec"] == {"candidates": []}


async def test_a_merge_patch_replaces_the_whole_list(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50})

    patched = await world.set_weights(experiment, {b: 100})

    assert patched["spec"]["candidates"] == candidates({b: 100})


async def test_a_ready_experiment_carries_seldons_marks(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    obj = await world.get(EXPERIMENTS, experiment)

    assert obj["metadata"]["finalizers"] == ["seldon.experiment.finalizer"]
    assert obj["metadata"]["generation"] == 1
    assert set(obj["status"]) == {"conditions"}
    listed = obj["status"]["conditions"]
    assert [item["type"] for item in listed] == ["CandidatesReady", "ExperimentReady", "MirrorReady", "Ready"]
    assert [item.get("reason") for item in listed] == ["Candidates ready", "experiment active", "Mirror ready", None]
    for item in listed:
        assert set(item) <= {"type", "status", "reason", "lastTransitionTime"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", item["lastTransitionTime"])


async def test_statuses_are_written_by_seldons_field_manager(world: World, name: Name) -> None:
    a = await world.model(name("a"))
    experiment = await world.experiment(name("e"), {a: 1})

    fields = (await world.get(EXPERIMENTS, experiment))["metadata"]["managedFields"]

    assert [item["manager"] for item in fields if item.get("subresource") == "status"] == ["manager"]


async def test_an_available_model_says_so_in_its_message(world: World, name: Name) -> None:
    a = await world.model(name("a"))

    obj = await world.until(MODELS, a, is_true("Ready"))

    by_type = {item["type"]: item for item in obj["status"]["conditions"]}
    assert by_type["ModelReady"]["message"] == "ModelAvailable"
    assert obj["status"]["availableReplicas"] == 1
