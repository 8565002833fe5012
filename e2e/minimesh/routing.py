"""Which requests go where: Experiments and models in, a table of routes out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from e2e.minimesh.desired import Experiment


@dataclass(frozen=True)
class Target:
    """One model version behind a route."""

    internal_name: str  # <model>_<version>
    weight: int

    @property
    def cluster(self) -> str:
        return cluster_of(self.internal_name)

    @property
    def sticky_value(self) -> str:
        """What clients see in `x-seldon-route` and send back to stay on this version."""
        return f":{self.internal_name}:"


@dataclass(frozen=True)
class Route:
    """Requests whose `seldon-model` header equals `key` are split over `targets`."""

    key: str
    targets: tuple[Target, ...]
    mirror: Target | None = None  # its weight is the percentage of requests copied


@dataclass(frozen=True)
class Table:
    """Everything the proxy has to know."""

    routes: tuple[Route, ...]
    internal_names: tuple[str, ...]  # one cluster each


def cluster_of(internal_name: str) -> str:
    """Envoy's cluster for one model version, as Seldon names it."""
    return f"{internal_name}_http"


def first_without_replica(experiment: Experiment, serving: Mapping[str, str]) -> str | None:
    """The first candidate or mirror that no server holds, or None when all are served.

    `serving` maps a model's name to the internal name of the version that answers now.
    """
    names = [candidate.name for candidate in experiment.candidates]
    if experiment.mirror:
        names.append(experiment.mirror.name)
    return next((name for name in names if name not in serving), None)


def table(experiments: Iterable[Experiment], serving: Mapping[str, str], leaving: Iterable[str] = ()) -> Table:
    """The routes of all models and of all Experiments whose arms are all served.

    While an arm is missing, the default model keeps its own route, undivided. Seldon leaves the Experiment's own
    endpoint undefined then; here it answers 404, the harshest of what was seen. `leaving` are versions that keep
    their cluster although nothing may point at them any more.
    """
    live = [item for item in experiments if _has_a_route(item, serving)]
    defaults = {item.default: item for item in live if item.default}
    models = [
        _split(defaults[name], name, serving) if name in defaults else Route(name, (Target(internal, 1),))
        for name, internal in sorted(serving.items())
    ]
    entries = [_split(item, item.entry, serving) for item in sorted(live, key=lambda item: item.name)]
    return Table((*models, *entries), tuple(sorted({*serving.values(), *leaving})))


def _has_a_route(experiment: Experiment, serving: Mapping[str, str]) -> bool:
    is_complete = first_without_replica(experiment, serving) is None
    return is_complete and experiment.is_about_models and bool(experiment.candidates)


def _split(experiment: Experiment, key: str, serving: Mapping[str, str]) -> Route:
    targets = tuple(Target(serving[item.name], item.weight) for item in experiment.candidates)
    mirror = experiment.mirror
    return Route(key, targets, Target(serving[mirror.name], mirror.percent) if mirror else None)
