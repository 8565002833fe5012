"""Is this file well? Every ModelRollout in it is held against all rules, with the line of each mistake (pure)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from modelrollout.api import crd, sentences
from modelrollout.api import spec as api_spec
from modelrollout.api.contract import NAME
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli import foresight, manifests
from modelrollout.cli.findings import Finding, Level
from modelrollout.cli.manifests import API_VERSION, Manifest, Path, Unreadable
from modelrollout.errors import SpecInvalid

LONGEST_NAME = 63
TOP = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True)
class Checked:
    """A ModelRollout of a file; `spec` is None when it breaks a rule."""

    source: str
    manifest: Manifest
    spec: RolloutSpec | None

    @property
    def experiment(self) -> str:
        """The Experiment that it moves."""
        named = self.spec.experiment.name if self.spec is not None else None
        return named or self.manifest.name

    def finding(self, level: Level, sentence: str, path: Path = ()) -> Finding:
        """A finding about the field at the path."""
        return Finding(self.source, self.manifest.line(path), level, sentence, self.manifest.name)


@dataclass(frozen=True)
class File:
    """What a file holds: rollouts, other objects, and everything that was found."""

    rollouts: list[Checked]
    others: list[Manifest]
    findings: list[Finding]


def check(text: str, source: str) -> File:
    """The file, and everything that is wrong in it."""
    try:
        found = manifests.objects(manifests.documents(text))
    except Unreadable as broken:
        return File([], [], [Finding(source, broken.line, Level.ERROR, f"{broken}: mend it there or just before")])
    claimed = [manifest for manifest in found if _claims_to_be_ours(manifest)]
    others = [manifest for manifest in found if manifest not in claimed]
    ours = [manifest for manifest in claimed if manifest.is_rollout]
    strange = [_strange(manifest, source) for manifest in claimed if not manifest.is_rollout]
    checked = [_checked(manifest, source) for manifest in ours]
    findings = [finding for _, said in checked for finding in said]
    in_order = sorted([*strange, *findings], key=lambda finding: finding.line)
    return File([one for one, _ in checked], others, in_order)


def across(rollouts: Sequence[Checked]) -> list[Finding]:
    """What several rollouts cannot have in common: a name, an Experiment, a baseline."""
    said: list[Finding] = []
    for place, later in enumerate(rollouts):
        for earlier in rollouts[:place]:
            if later.manifest.namespace == earlier.manifest.namespace:
                said += _in_common(earlier, later)
    return said


def _claims_to_be_ours(manifest: Manifest) -> bool:
    return manifest.kind == crd.KIND or manifest.api_version.partition("/")[0] == crd.GROUP


def _strange(manifest: Manifest, source: str) -> Finding:
    told = f"{manifest.kind or 'no kind'} of {manifest.api_version or 'no apiVersion'} is not known: "
    field = "kind" if manifest.api_version == API_VERSION else "apiVersion"
    cure = f"write kind {crd.KIND}" if field == "kind" else f"this version knows {crd.KIND} of {API_VERSION}"
    return Finding(source, manifest.line((field,)), Level.ERROR, told + cure, manifest.name)


def _checked(manifest: Manifest, source: str) -> tuple[Checked, list[Finding]]:
    try:
        value = manifest.value
    except Unreadable as broken:
        return Checked(source, manifest, None), [Finding(source, broken.line, Level.ERROR, str(broken), manifest.name)]
    spec, wrong = _spec(value)
    checked = Checked(source, manifest, spec)
    said = [*_of_object(value, checked), *(checked.finding(Level.ERROR, told, path) for path, told in wrong)]
    twice = [
        Finding(source, line, Level.ERROR, f"{where}: it stands there twice, remove one of them", manifest.name)
        for line, where in manifest.doubles()
    ]
    ahead = foresight.look_ahead(spec, manifest.name) if spec is not None else []
    return checked, [*said, *twice, *(checked.finding(one.level, one.sentence, one.path) for one in ahead)]


def _spec(value: Mapping[str, Any]) -> tuple[RolloutSpec | None, list[tuple[Path, str]]]:
    """The spec, or all that is wrong with it."""
    raw = value.get("spec")
    if not isinstance(raw, Mapping):
        return None, [(("spec",), "spec: required: add it" if raw is None else "spec: must be an object with fields")]
    try:
        return api_spec.parse(raw), []
    except SpecInvalid as refused:
        problem = refused.__cause__
        assert isinstance(problem, ValidationError)
        return None, list(_one_by_one(problem))


def _one_by_one(problem: ValidationError) -> Iterator[tuple[Path, str]]:
    """Each mistake with the path of its field, in the words in which the operator says the first."""
    for error in problem.errors():
        context = error.get("ctx", {})
        kind = PydanticCustomError("rule", "{sentence}", context) if error["type"] == "rule" else error["type"]
        alone = InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)
        told = sentences.refusal(ValidationError.from_exception_data(problem.title, [alone]))
        field = str(context.get("field", ""))
        yield ("spec", *error["loc"], *filter(None, field.split("."))), told


def _of_object(value: Mapping[str, Any], checked: Checked) -> Iterator[Finding]:
    """What is wrong beside the spec."""
    for key in [key for key in value if key not in TOP]:
        yield checked.finding(Level.ERROR, f"{key}: no such field: check the spelling, or remove it", (str(key),))
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping) or not (metadata.get("name") or metadata.get("generateName")):
        yield checked.finding(Level.ERROR, "metadata.name: required: add it", ("metadata", "name"))
    elif not isinstance(metadata.get("name", ""), str):
        yield checked.finding(Level.ERROR, "metadata.name: must be a string: put it in quotes", ("metadata", "name"))
    elif (name := checked.experiment) and (len(name) > LONGEST_NAME or not re.fullmatch(NAME, name)):
        told = (
            f'metadata.name: "{name}": it is also the Experiment\'s name, so it has at most {LONGEST_NAME} lower-case '
            "letters, digits and dashes: shorten it, or set spec.experiment.name"
        )
        yield checked.finding(Level.ERROR, told, ("metadata", "name"))


def _in_common(earlier: Checked, later: Checked) -> Iterator[Finding]:
    where = f"{earlier.source}:{earlier.manifest.line()}"
    if later.manifest.name == earlier.manifest.name:
        told = f"rollout {later.manifest.name} is declared twice, first in {where}: remove one of them"
        yield later.finding(Level.ERROR, told, ("metadata", "name"))
        return
    if earlier.spec is None or later.spec is None:
        return
    if later.experiment == earlier.experiment:
        told = (
            f"Experiment {later.experiment} is moved by rollout {earlier.manifest.name} ({where}) already: "
            "an Experiment has one rollout, choose another spec.experiment.name"
        )
        yield later.finding(Level.ERROR, told, ("spec", "experiment", "name"))
    elif later.spec.baseline.name == earlier.spec.baseline.name:
        told = (
            f"model {later.spec.baseline.name} is the baseline of rollout {earlier.manifest.name} ({where}) already: "
            "a model can be the default of one Experiment only, choose another baseline"
        )
        yield later.finding(Level.ERROR, told, ("spec", "baseline", "name"))
