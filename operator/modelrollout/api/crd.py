"""The CustomResourceDefinition, generated from the pydantic models.

pydantic's JSON schema is not a structural schema: references are resolved, unions with null become optional fields,
titles, defaults and `additionalProperties: false` are dropped (the API server prunes unknown fields and, under strict
validation, refuses them). Anything else that a CRD cannot say is an error here, not at the user's cluster.
"""

from typing import Any

from modelrollout.api.contract import Contract
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus

GROUP = "modelrollout.io"
VERSION = "v1alpha1"
KIND = "ModelRollout"
PLURAL = "modelrollouts"

Schema = dict[str, Any]

_KEPT = {
    "description", "enum", "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
    "properties", "required", "type",
}  # fmt: skip
_DROPPED = {"additionalProperties", "default", "title"}
_MAX_STRING = 1024


def structural(schema: Schema, definitions: Schema) -> Schema:
    """The same schema in the words that a CRD knows. Raises ValueError on what it cannot say."""
    schema = _resolved(schema, definitions)
    kept = {key: value for key, value in schema.items() if key in _KEPT or key.startswith("x-kubernetes-")}
    unknown = set(schema) - set(kept) - _DROPPED
    if unknown:
        raise ValueError(f"a CRD cannot say {sorted(unknown)} of {schema}")
    if "properties" in kept:
        kept["properties"] = {name: structural(part, definitions) for name, part in kept["properties"].items()}
    elif kept.get("type") == "object":
        kept["x-kubernetes-preserve-unknown-fields"] = True
    if "items" in kept:
        kept["items"] = structural(kept["items"], definitions)
        kept.setdefault("x-kubernetes-list-type", "atomic")
    if kept.get("type") == "string" and "enum" not in kept:
        kept.setdefault("maxLength", _MAX_STRING)
    return kept


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """References followed, `X or null` taken as X; words beside the reference win."""
    while "$ref" in schema or "anyOf" in schema or "allOf" in schema:
        beside = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf", "allOf"}}
        if "$ref" in schema:
            inner = definitions[schema["$ref"].rsplit("/", 1)[1]]
        else:
            options = [part for part in schema.get("anyOf", schema.get("allOf")) if part != {"type": "null"}]
            if len(options) != 1:
                raise ValueError(f"a CRD cannot choose between {options}")
            inner = options[0]
        schema = {**inner, **beside}
    return schema


def _schema_of(model: type[Contract]) -> Schema:
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    return structural(schema, definitions)


def _column(name: str, path: str, wide: bool = False, kind: str = "string", description: str = "") -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path}
    if description:
        column["description"] = description
    if wide:
        column["priority"] = 1
    return column


COLUMNS = [
    _column("Phase", ".status.phase"),
    _column("Stage", ".status.stageSummary"),
    _column("Weight", ".status.traffic.candidateWeight", kind="integer", description="Percent that the candidate has"),
    _column("Baseline", ".spec.baseline.name"),
    _column("Candidate", ".spec.candidates[0].name"),
    _column("Verdict", ".status.verdict", wide=True),
    _column("Reason", ".status.conditions[?(@.type=='Ready')].reason", wide=True),
    _column("Experiment", ".spec.experiment.name", wide=True, description="Empty: the name of the rollout"),
    _column("Next", ".status.nextLookAt", wide=True),
    _column("Message", ".status.message", wide=True),
    _column("Age", ".metadata.creationTimestamp", kind="date"),
]


def definition() -> Schema:
    """The CustomResourceDefinition of ModelRollout, ready for the API server."""
    schema = {
        "type": "object",
        "description": "Moves traffic from a baseline model to a candidate, stage by stage, judged by guardrails.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _schema_of(RolloutSpec),
            "status": _schema_of(RolloutStatus),
        },
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": COLUMNS,
        "selectableFields": [{"jsonPath": ".status.phase"}],
    }
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": PLURAL,
        "singular": "modelrollout",
        "shortNames": ["mro", "rollouts", "rollout"],
        "categories": ["mlops"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
