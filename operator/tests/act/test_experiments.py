"""The bodies and patches that reach the Experiment, as plain data."""

from dataclasses import replace

import pytest
from factories import BASELINE, CANDIDATE
from modelrollout.act import experiments
from modelrollout.plan.actions import CreateExperiment, WriteWeights

OWNER = {"metadata": {"name": "predictor", "namespace": "models", "uid": "u-1"}}
CREATE = CreateExperiment("predictor", BASELINE, ((BASELINE, 100), (CANDIDATE, 0)), "u-1/1")
WRITE = WriteWeights(
    name="predictor",
    uid="e-1",
    default=BASELINE,
    weights=((BASELINE, 90), (CANDIDATE, 10)),
    fence="u-1/2",
    read_default=BASELINE,
    read_weights=((BASELINE, 100), (CANDIDATE, 0)),
    read_fence="u-1/1",
    read_generation=4,
    is_annotated=True,
)
FENCE = "/metadata/annotations/modelrollout.io~1attempt"


def test_an_experiment_is_created_owned_by_the_rollout_and_fenced() -> None:
    assert experiments.body(OWNER, CREATE) == {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": "predictor",
            "labels": {"app.kubernetes.io/managed-by": "modelrollout", "modelrollout.io/rollout": "predictor"},
            "annotations": {"modelrollout.io/attempt": "u-1/1"},
            "ownerReferences": [
                {
                    "apiVersion": "modelrollout.io/v1alpha1",
                    "kind": "ModelRollout",
                    "name": "predictor",
                    "uid": "u-1",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "default": BASELINE,
            "candidates": [{"name": BASELINE, "weight": 100}, {"name": CANDIDATE, "weight": 0}],
        },
    }


def test_a_patch_tests_everything_that_was_read_before_it_changes_anything() -> None:
    assert experiments.patch(WRITE) == [
        {"op": "test", "path": "/metadata/uid", "value": "e-1"},
        {"op": "test", "path": "/metadata/generation", "value": 4},
        {
            "op": "test",
            "path": "/spec/candidates",
            "value": [{"name": BASELINE, "weight": 100}, {"name": CANDIDATE, "weight": 0}],
        },
        {"op": "test", "path": "/spec/default", "value": BASELINE},
        {"op": "test", "path": FENCE, "value": "u-1/1"},
        {
            "op": "replace",
            "path": "/spec/candidates",
            "value": [{"name": BASELINE, "weight": 90}, {"name": CANDIDATE, "weight": 10}],
        },
        {"op": "add", "path": "/spec/default", "value": BASELINE},
        {"op": "add", "path": FENCE, "value": "u-1/2"},
    ]


def test_what_was_not_there_is_not_tested() -> None:
    bare = experiments.patch(replace(WRITE, read_default="", read_fence=""))

    assert [step["path"] for step in bare if step["op"] == "test"] == [
        "/metadata/uid",
        "/metadata/generation",
        "/spec/candidates",
    ]


def test_an_experiment_without_annotations_gets_them() -> None:
    last = experiments.patch(replace(WRITE, read_fence="", is_annotated=False))[-1]

    assert last == {"op": "add", "path": "/metadata/annotations", "value": {"modelrollout.io/attempt": "u-1/2"}}


BREAKING = {
    "all of them 0": (0, 0),
    "one below 0": (110, -10),
    "a sum that Envoy refuses": (2**32 - 1, 1),
}


@pytest.mark.parametrize("weights", BREAKING.values(), ids=BREAKING)
def test_weights_that_would_break_seldon_are_never_sent(weights: tuple[int, int]) -> None:
    broken = tuple(zip((BASELINE, CANDIDATE), weights, strict=True))

    with pytest.raises(ValueError, match="would break Seldon"):
        experiments.patch(replace(WRITE, weights=broken))
    with pytest.raises(ValueError, match="would break Seldon"):
        experiments.body(OWNER, replace(CREATE, weights=broken))


def test_weights_that_somebody_broke_can_be_put_right() -> None:
    steps = experiments.patch(replace(WRITE, read_weights=((BASELINE, 0), (CANDIDATE, -1))))

    assert steps[2]["value"] == [{"name": BASELINE, "weight": 0}, {"name": CANDIDATE, "weight": -1}]
