"""Is Seldon there, which one, and do the Models serve that the rollouts are about?"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelrollout.cli import checks, seeking
from modelrollout.cli.checks import Check
from modelrollout.cli.kube import RESOURCE, Kubectl
from modelrollout.cli.refusals import Refused

GROUP = "mlops.seldon.io"
MODELS, EXPERIMENTS = f"models.{GROUP}", f"experiments.{GROUP}"
SCHEDULER = "seldon-scheduler"
ABOUT, ABOUT_ROLLOUTS = "Seldon", "rollouts"
TROUBLES = ("MetricsAvailable", "TrafficSynced", "CandidatesReady")
Object = Mapping[str, Any]


def seldon(door: Kubectl, namespace: str) -> list[Check]:
    """Seldon's kinds, its version, and the Models and Experiments of the namespace. Raises Refused."""
    known = door.run("api-resources", f"--api-group={GROUP}", "-o", "name", namespaced=False).split()
    lacking = [kind for kind in (MODELS, EXPERIMENTS) if kind not in known]
    if lacking:
        sentence = f"the cluster does not know {' and '.join(lacking)}"
        cure = "install Seldon Core v2: its definitions, and its runtime in the namespace of the models"
        return [checks.bad(ABOUT, sentence, cure)]
    return [_version(door), *_models(door, namespace), *_experiments(door, namespace)]


def rollouts(found: Sequence[Object], models: Mapping[str, Object] | None, namespace: str) -> list[Check]:
    """What stands in the way of the rollouts of a namespace; `models` by name, None when they cannot be seen."""
    if not found:
        return [checks.unknown(ABOUT_ROLLOUTS, f"namespace {namespace} has no rollout yet")]
    said = [check for one in found for check in _rollout(one, models)]
    count = f"{len(found)} rollout{'' if len(found) == 1 else 's'}"
    return said or [checks.good(ABOUT_ROLLOUTS, f"{count} in namespace {namespace}, and nothing stands in their way")]


def models_of(door: Kubectl, namespace: str) -> dict[str, Object] | None:
    """The Models of the namespace by name; None when they cannot be seen."""
    try:
        return {seeking.name(one): one for one in seeking.all_of(door, MODELS, "-n", namespace, namespaced=False)}
    except Refused:
        return None


def rollouts_of(door: Kubectl, namespace: str) -> list[Object]:
    """The rollouts of the namespace. Raises Refused."""
    return list(seeking.all_of(door, RESOURCE, "-n", namespace, namespaced=False))


def version(workloads: Sequence[Object]) -> str:
    """Seldon's version by the image of its scheduler; empty when it says none."""
    for one in workloads:
        containers = seeking.at(one, "spec", "template", "spec", "containers") or []
        images = [str(container.get("image", "")) for container in containers]
        tags = [image.rsplit(":", 1)[1] for image in images if ":" in image.rsplit("/", 1)[-1]]
        if tags:
            return tags[0]
    return ""


def _version(door: Kubectl) -> Check:
    where = ("--all-namespaces", "--field-selector", f"metadata.name={SCHEDULER}")
    try:
        found = seeking.all_of(door, "statefulsets.apps,deployments.apps", *where, namespaced=False)
    except Refused as refused:
        return checks.unknown(ABOUT, f"the kinds are there; its version cannot be seen: {refused}")
    if not found:
        return checks.unknown(ABOUT, f"the kinds are there; no {SCHEDULER} can be seen, so its version is not known")
    place = seeking.at(found[0], "metadata", "namespace")
    return checks.good(ABOUT, f"Seldon Core {version(found) or 'of an unknown version'} ({SCHEDULER} in {place})")


def _models(door: Kubectl, namespace: str) -> list[Check]:
    found = models_of(door, namespace)
    if found is None:
        return [checks.unknown(ABOUT, f"the Models of namespace {namespace} cannot be seen")]
    if not found:
        cure = "apply the Models of baseline and candidate, or name their namespace with -n"
        return [checks.unknown(ABOUT, f"namespace {namespace} has no Models", cure)]
    idle = [name for name, model in found.items() if not seeking.is_true(model, "ModelReady")]
    if not idle:
        return [checks.good(ABOUT, f"{len(found)} Models in namespace {namespace}, all ready")]
    sentence = f"{len(idle)} of {len(found)} Models in namespace {namespace} are not ready: {seeking.listed(idle)}"
    return [checks.careful(ABOUT, sentence, f"kubectl describe {MODELS} {idle[0]} -n {namespace}")]


def _experiments(door: Kubectl, namespace: str) -> list[Check]:
    try:
        found = seeking.all_of(door, EXPERIMENTS, "-n", namespace, namespaced=False)
    except Refused:
        return []
    holders: dict[str, list[str]] = {}
    for one in found:
        holders.setdefault(str(seeking.at(one, "spec", "default") or ""), []).append(seeking.name(one))
    shared = {model: names for model, names in holders.items() if model and len(names) > 1}
    return [
        checks.bad(
            ABOUT,
            f"Model {model} is the default of Experiments {' and '.join(names)}: it can be that of one only",
            f"delete one, or give it another spec.default: kubectl edit {EXPERIMENTS} {names[-1]} -n {namespace}",
        )
        for model, names in shared.items()
    ]


def _rollout(found: Object, models: Mapping[str, Object] | None) -> list[Check]:
    """What stands in the way of one rollout."""
    name, spec = seeking.name(found), seeking.at(found, "spec") or {}
    said = [_absent(name, arm) for arm in _arms(spec) if models is not None and arm not in models]
    stalled = seeking.condition(found, "Stalled")
    troubles = [seeking.condition(found, kind) for kind in TROUBLES]
    told = [one for one in (stalled,) if one.get("status") == "True"] + [
        one for one in troubles if one.get("status") == "False"
    ]
    why = f"kubectl modelrollout explain {name}"
    return said + [
        checks.careful(ABOUT_ROLLOUTS, f"{name}: {one['type']}: {one.get('message', '')}", why) for one in told
    ]


def _absent(rollout: str, arm: str) -> Check:
    sentence = f"{rollout}: Model {arm} does not exist"
    return checks.bad(ABOUT_ROLLOUTS, sentence, f"create Model {arm}, or correct its name in rollout {rollout}")


def _arms(spec: Mapping[str, Any]) -> list[str]:
    candidates = [one for one in spec.get("candidates") or [] if isinstance(one, Mapping)]
    return [str(one["name"]) for one in (spec.get("baseline") or {}, *candidates) if one.get("name")]
