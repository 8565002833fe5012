"""Would the cluster take these rollouts, and could they begin there? Asked of a real API server; nothing is changed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from modelrollout.api import crd
from modelrollout.cli import seeking
from modelrollout.cli.findings import Finding, Level
from modelrollout.cli.kube import Kubectl
from modelrollout.cli.linting import Checked
from modelrollout.cli.manifests import Manifest, Path
from modelrollout.cli.refusals import Refused
from modelrollout.cli.serving import EXPERIMENTS, MODELS

AT_ONCE = 4
Step = Callable[[Kubectl, Checked], Iterator[Finding]]


def check(door: Kubectl, rollouts: Sequence[Checked], others: Sequence[Manifest]) -> list[Finding]:
    """What the cluster has against these rollouts; Models among the `others` may be on their way."""
    coming = {(one.namespace, one.name) for one in others if one.kind == "Model"}
    # kubectl takes longer to start than to ask.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda step: _said(door, *step), [step for one in rollouts for step in _steps(one, coming)])
        return list(dict.fromkeys(finding for answer in answers for finding in answer))


def _steps(checked: Checked, coming: set[tuple[str, str]]) -> list[tuple[Checked, Step]]:
    """What is asked about one rollout; about one that breaks a rule only whether it would be taken."""
    steps: list[Step] = [_taken]
    if checked.spec is not None:
        steps += [partial(_models, coming=coming), _experiment]
    return [(checked, step) for step in steps]


def _said(door: Kubectl, checked: Checked, step: Step) -> list[Finding]:
    try:
        return list(step(replace(door, namespace=checked.manifest.namespace or door.namespace), checked))
    except Refused as refused:
        return [checked.finding(Level.ERROR, f"the cluster cannot be asked: {refused}")]


def _taken(door: Kubectl, checked: Checked) -> Iterator[Finding]:
    """Whether the API server would take it, with its own rules and every webhook."""
    try:
        body = json.dumps(checked.manifest.value)
        door.run("apply", "--dry-run=server", "-f", "-", stdin=body)
    except Refused as refused:
        yield checked.finding(Level.ERROR, f"the API server would not take it: {refused}")


def _models(door: Kubectl, checked: Checked, coming: set[tuple[str, str]]) -> Iterator[Finding]:
    assert checked.spec is not None
    arms: list[tuple[str, Path]] = [(checked.spec.baseline.name, ("spec", "baseline", "name"))]
    arms += [(one.name, ("spec", "candidates", at, "name")) for at, one in enumerate(checked.spec.candidates)]
    there = seeking.named(door, MODELS, list(dict.fromkeys(name for name, _ in arms)))
    for name, path in arms:
        found = there.get(name)
        if found is None and (checked.manifest.namespace, name) not in coming:
            yield checked.finding(Level.ERROR, f"Model {name} does not exist: create it, or correct its name", path)
        elif found is not None and not seeking.is_true(found, "ModelReady"):
            why = seeking.condition(found, "ModelReady").get("message") or "Seldon has not said why"
            yield checked.finding(Level.WARNING, f"Model {name} is not ready, and the rollout would wait: {why}", path)


def _experiment(door: Kubectl, checked: Checked) -> Iterator[Finding]:
    assert checked.spec is not None
    name, baseline = checked.experiment, checked.spec.baseline.name
    found = {seeking.name(one): one for one in seeking.all_of(door, EXPERIMENTS)}
    if name in found and not _is_ours(found[name], checked.manifest.name):
        told = f"Experiment {name} belongs to {_owner(found[name])}: choose another spec.experiment.name, or delete it"
        yield checked.finding(Level.ERROR, told, ("spec", "experiment", "name"))
    for other, experiment in found.items():
        if other != name and seeking.at(experiment, "spec", "default") == baseline:
            told = (
                f"Model {baseline} is already the default of Experiment {other}: a model can be that of one Experiment "
                "only, so delete that Experiment or choose another baseline"
            )
            yield checked.finding(Level.ERROR, told, ("spec", "baseline", "name"))


def _is_ours(experiment: Mapping[str, Any], rollout: str) -> bool:
    return seeking.owner(experiment) == (crd.KIND, rollout)


def _owner(experiment: Mapping[str, Any]) -> str:
    kind, name = seeking.owner(experiment)
    return f"{kind} {name}" if kind else "somebody else"
