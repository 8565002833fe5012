"""What the demo rolls out, as manifests: the Models and one ModelRollout whose candidate changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rolloutmodels.climates import CALM, USUAL, VOLATILE, Climate

ARTEFACTS = Path(__file__).resolve().parents[2] / "models" / "artefacts"
ROLLOUT = "financial-predictor"
BASELINE = "baseline-predictor"
FEEDBACK = "feedback"
ACCURACY = {
    "good": "model_predictions_correct_total",
    "total": "model_predictions_labelled_total",
    "maxDrop": "2pp",
    "labelDelay": "2s",
}


@dataclass(frozen=True)
class Scene:
    """One candidate and what should become of it. `parameters` are set on its Seldon Model.

    The market begins in `climate`, and turns to `turns_to` as soon as the rollout is in its second stage.
    """

    title: str
    candidate: str
    artefact: str
    expected: str
    parameters: tuple[tuple[str, str], ...] = ()
    climate: Climate = USUAL
    turns_to: Climate | None = None


SCENES = (
    Scene(
        "a more accurate model, while a calm market turns volatile",
        "enhanced-predictor",
        "enhanced",
        "Promoted",
        climate=CALM,
        turns_to=VOLATILE,
    ),
    Scene("a smaller and faster model that is wrong more often", "lightweight-predictor", "lightweight", "RolledBack"),
    Scene("one that answers 400 ms late", "slow-predictor", "enhanced", "RolledBack", (("delay_ms", "400"),)),
    Scene(
        "one that fails every fifth request",
        "erring-predictor",
        "enhanced",
        "RolledBack",
        (("error_rate", "0.2"), ("fault_seed", "1")),
    ),
)


def models(namespace: str) -> str:
    """All Seldon Models, for kubectl."""
    served = ",".join([BASELINE, *(scene.candidate for scene in SCENES)])
    items = [
        _model(namespace, BASELINE, "baseline"),
        *(_model(namespace, scene.candidate, scene.artefact, scene.parameters) for scene in SCENES),
        _model(namespace, FEEDBACK, "feedback", (("models", served),)),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def rollout(namespace: str, candidate: str) -> str:
    """The ModelRollout with this candidate, for kubectl. Soaks are short, so that a person can watch it to the end."""
    stages = [
        {"weight": 5, "soak": "6s", "advance": "OnSoak", "minRequests": 20},
        {"weight": 25, "soak": "6s", "advance": "OnSoak", "minRequests": 100},
        {"weight": 50, "soak": "6s", "maxDuration": "3m"},
        {"weight": 100, "soak": "6s"},
    ]
    spec = {
        "baseline": {"name": BASELINE},
        "candidates": [{"name": candidate}],
        "strategy": {"canary": {"stages": stages}},
        "guardrails": [
            {"name": "errors", "errorRate": {"floor": "1%"}},
            {"name": "latency", "latency": {"quantile": 0.95, "maxIncrease": "20%", "floor": "250ms"}},
            {"name": "accuracy", "ratio": ACCURACY},
        ],
        "analysis": {"interval": "2s"},
    }
    return json.dumps(
        {
            "apiVersion": "modelrollout.io/v1alpha1",
            "kind": "ModelRollout",
            "metadata": {"name": ROLLOUT, "namespace": namespace},
            "spec": spec,
        }
    )


def _model(namespace: str, name: str, artefact: str, parameters: tuple[tuple[str, str], ...] = ()) -> dict[str, object]:
    spec: dict[str, object] = {"storageUri": str(ARTEFACTS / artefact), "requirements": ["mlserver"]}
    if parameters:
        spec["parameters"] = [{"name": key, "value": value} for key, value in parameters]
    return {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Model",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
