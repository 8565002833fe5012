"""What users ask for, as frozen values: Experiments and Models read from API objects. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

# Edits of these fields alone keep the model's internal version.
_FIELDS_WITHOUT_A_VERSION = ("replicas", "minReplicas", "maxReplicas", "logger")


@dataclass(frozen=True)
class Candidate:
    """One arm of an Experiment; the weight is relative to the sum over all candidates."""

    name: str
    weight: int


@dataclass(frozen=True)
class Mirror:
    """The shadow of an Experiment; `percent` of its requests are copied."""

    name: str
    percent: int


@dataclass(frozen=True)
class Experiment:
    """One Experiment as the scheduler knows it, with the generation it was read from."""

    name: str
    generation: int
    candidates: tuple[Candidate, ...]
    default: str = ""
    mirror: Mirror | None = None
    resource_type: str = ""

    @property
    def is_about_models(self) -> bool:
        """Only the exact word `pipeline` means pipelines; typos act as models."""
        return self.resource_type != "pipeline"

    @property
    def entry(self) -> str:
        """The Experiment's own endpoint, as clients write it in the `seldon-model` header."""
        return f"{self.name}.experiment"


@dataclass(frozen=True)
class Parameter:
    """One of a Model's parameters; the value is text, as in the API."""

    name: str
    value: str


@dataclass(frozen=True)
class ModelSource:
    """Where a model's artefact lies, and what to merge into its settings."""

    storage_uri: str
    parameters: tuple[Parameter, ...] = ()


def experiment_from(obj: Object) -> Experiment:
    """The Experiment in an API object that passed the CRD's schema."""
    spec = obj["spec"]
    mirror = spec.get("mirror")
    return Experiment(
        name=obj["metadata"]["name"],
        generation=obj["metadata"]["generation"],
        candidates=tuple(Candidate(item["name"], item["weight"]) for item in spec["candidates"]),
        default=spec.get("default", ""),
        mirror=Mirror(mirror["name"], mirror["percent"]) if mirror else None,
        resource_type=spec.get("resourceType", ""),
    )


def model_source_from(obj: Object) -> ModelSource:
    """The artefact a Model object asks for."""
    spec = obj["spec"]
    parameters = tuple(Parameter(item["name"], item["value"]) for item in spec.get("parameters", []))
    return ModelSource(spec["storageUri"], parameters)


def versioned_spec(obj: Object) -> Object:
    """The part of a Model's spec whose change makes a new internal version."""
    return {key: value for key, value in obj["spec"].items() if key not in _FIELDS_WITHOUT_A_VERSION}


def is_undecodable(obj: Object) -> bool:
    """Whether an Experiment holds a negative number where Seldon expects an unsigned one.

    The API server accepts such an object (its schema says int32); Seldon's watch then fails to decode anything.
    """
    numbers = [item["weight"] for item in obj["spec"].get("candidates", [])]
    mirror = obj["spec"].get("mirror")
    if mirror:
        numbers.append(mirror["percent"])
    return any(number < 0 for number in numbers)
