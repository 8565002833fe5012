"""Writes to the Seldon Experiment: bodies and patches (pure), and the calls that send them.

The tests in a patch name everything that was read: uid, generation, arms, weights, default and the fence. If anything
else was there, the API server refuses, and the plan looks again. The fence names rollout and attempt, so that an
operator which still believes in an older attempt cannot write. The generation keeps out one that was held up for so
long that the same weights stand there again.
"""

from typing import Any

from modelrollout.cluster import EXPERIMENT, FENCE, ROLLOUT, Cluster, Object
from modelrollout.plan.actions import CreateExperiment, WriteWeights
from modelrollout.plan.world import Weights

MANAGED_BY = "app.kubernetes.io/managed-by"
_FENCE_PATH = "/metadata/annotations/" + FENCE.replace("/", "~1")
LARGEST_SUM = 2**32 - 1


async def create(cluster: Cluster, namespace: str, owner: Object, action: CreateExperiment) -> None:
    """Create the Experiment, owned by the rollout."""
    await cluster.create(EXPERIMENT, namespace, body(owner, action))


async def write(cluster: Cluster, namespace: str, action: WriteWeights) -> None:
    """Change arms or weights, if the Experiment still is what was read. Raises ClusterConflict when it is not."""
    await cluster.patch(EXPERIMENT, namespace, action.name, patch(action))


def body(owner: Object, action: CreateExperiment) -> Object:
    """The Experiment as it is created."""
    metadata = owner["metadata"]
    reference = {
        "apiVersion": ROLLOUT.api_version,
        "kind": "ModelRollout",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    return {
        "apiVersion": EXPERIMENT.api_version,
        "kind": "Experiment",
        "metadata": {
            "name": action.name,
            "labels": {MANAGED_BY: "modelrollout", "modelrollout.io/rollout": metadata["name"]},
            "annotations": {FENCE: action.fence},
            "ownerReferences": [reference],
        },
        "spec": {"default": action.default, "candidates": _arms(action.weights)},
    }


def patch(action: WriteWeights) -> list[dict[str, Any]]:
    """The JSON patch, its tests first. Raises ValueError for weights that would break Seldon for every model."""
    tests: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": action.uid},
        {"op": "test", "path": "/metadata/generation", "value": action.read_generation},
        {"op": "test", "path": "/spec/candidates", "value": _arms(action.read_weights, check=False)},
    ]
    if action.read_default:
        tests.append({"op": "test", "path": "/spec/default", "value": action.read_default})
    if action.read_fence:
        tests.append({"op": "test", "path": _FENCE_PATH, "value": action.read_fence})
    return [
        *tests,
        {"op": "replace", "path": "/spec/candidates", "value": _arms(action.weights)},
        {"op": "add", "path": "/spec/default", "value": action.default},
        _fencing(action),
    ]


def _fencing(action: WriteWeights) -> dict[str, Any]:
    if action.is_annotated:
        return {"op": "add", "path": _FENCE_PATH, "value": action.fence}
    return {"op": "add", "path": "/metadata/annotations", "value": {FENCE: action.fence}}


def _arms(weights: Weights, check: bool = True) -> list[dict[str, Any]]:
    total = sum(weight for _, weight in weights)
    if check and (any(weight < 0 for _, weight in weights) or not 0 < total <= LARGEST_SUM):
        raise ValueError(f"weights {weights} would break Seldon: none below 0, and a sum from 1 to 2^32-1")
    return [{"name": name, "weight": weight} for name, weight in weights]
