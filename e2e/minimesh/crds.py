"""The two custom resource definitions, in our own words: fields and their looseness are Seldon's, the text is ours."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

GROUP = "mlops.seldon.io"
VERSION = "v1alpha1"
EXPERIMENTS = "experiments"
MODELS = "models"


def all_crds() -> list[Schema]:
    """Every CRD minimesh applies."""
    return [_experiment_crd(), _model_crd()]


def _experiment_crd() -> Schema:
    columns = [
        _column("Experiment ready", _condition("ExperimentReady")),
        _column("Candidates ready", _condition("CandidatesReady"), priority=1),
        _column("Mirror ready", _condition("MirrorReady"), priority=1),
        _column("Message", '.status.conditions[?(@.type=="Ready")].message'),
        _age(),
    ]
    status = {"conditions": _conditions(), "observedGeneration": _integer("Never written.", "int64")}
    version = _version(_experiment_spec(), status, columns)
    return _crd("Experiment", EXPERIMENTS, "mlx", version)


def _experiment_spec() -> Schema:
    # Weights have no minimum on purpose: Seldon's API accepts negative ones, and its operator goes blind.
    arm = {"name": _string("A Model of this namespace."), "weight": _integer("Share, relative to the sum of weights.")}
    copy = {"name": _string("A Model of this namespace."), "percent": _integer("Percent of requests to copy.")}
    return _object(
        {
            "candidates": _list(_object(arm, required=["name", "weight"]), "The arms of the split."),
            "default": _string("The candidate whose own name leads to the split as well."),
            "mirror": _object(copy, required=["name", "percent"]),
            "resourceType": _string("`pipeline` for pipelines; anything else means models."),
        },
        required=["candidates"],
    )


def _model_crd() -> Schema:
    columns = [
        _column("Ready", _condition("Ready")),
        _column("State", '.status.conditions[?(@.type=="ModelReady")].message'),
        _column("Message", '.status.conditions[?(@.type=="ModelReady")].reason', priority=1),
        _age(),
    ]
    status = {
        "conditions": _conditions(),
        "observedGeneration": _integer("Never written.", "int64"),
        "replicas": _integer("Replicas wanted."),
        "availableReplicas": _integer("Replicas that answer."),
        "selector": _string("Label selector of the scale subresource."),
        "modelgwReady": _string("What the model gateway says."),
    }
    version = _version(_model_spec(), status, columns)
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version["subresources"]["scale"] = scale
    return _crd("Model", MODELS, "mlm", version)


def _model_spec() -> Schema:
    parameter = _object({"name": _string("Name."), "value": _string("Value, as text.")}, required=["name", "value"])
    return _object(
        {
            "storageUri": _string("A folder with model-settings.json."),
            "requirements": _list(_string("A capability."), "What the server must be able to do."),
            "memory": {"x-kubernetes-int-or-string": True, "description": "Memory the model needs."},
            "replicas": _integer("Replicas wanted."),
            "minReplicas": _integer("Fewest replicas."),
            "maxReplicas": _integer("Most replicas."),
            "server": _string("The Server to load on."),
            "modelType": _string("Kind of artefact."),
            "artifactVersion": _integer("Version folder inside the artefact."),
            "secretName": _string("Credentials for the storage."),
            "parameters": _list(parameter, "Settings handed to the model."),
            "logger": _object({"percent": _integer("Percent of requests to log.")}),
            "preloaded": _boolean("The server holds the model already."),
            "dedicated": _boolean("Share the server with no other model."),
        },
        required=["storageUri"],
    )


def _conditions() -> Schema:
    texts = ("type", "status", "severity", "reason", "message", "lastTransitionTime")
    fields = {name: _string(f"The condition's {name}.") for name in texts}
    return _list(_object(fields, required=["type", "status"]), "What is known about the object, sorted by type.")


def _crd(kind: str, plural: str, short_name: str, version: Schema) -> Schema:
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {**names, "shortNames": [short_name]},
            "versions": [version],
        },
    }


def _version(spec: Schema, status: Schema, columns: list[Schema]) -> Schema:
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "properties": status}}}
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }


def _condition(name: str) -> str:
    return f'.status.conditions[?(@.type=="{name}")].status'


def _column(name: str, path: str, priority: int = 0) -> Schema:
    return {"name": name, "type": "string", "jsonPath": path, "priority": priority}


def _age() -> Schema:
    return {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _string(description: str) -> Schema:
    return {"type": "string", "description": description}


def _boolean(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _integer(description: str, width: str = "int32") -> Schema:
    return {"type": "integer", "format": width, "description": description}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})
