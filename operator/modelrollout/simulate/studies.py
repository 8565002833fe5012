"""A study: the guardrails, plan and traffic that a user asks about, from options or from a ModelRollout file."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from modelrollout.api.contract import dispersion, fraction, seconds
from modelrollout.api.spec import Advance, Guardrail, GuardrailAction, RolloutSpec, parse
from modelrollout.errors import SpecInvalid
from modelrollout.judge.refusals import Refusal
from modelrollout.plan import evidence, rails
from modelrollout.simulate import asking, truths
from modelrollout.simulate.asking import Unclear
from modelrollout.simulate.climbs import Step
from modelrollout.simulate.ours import Guarded, Ours
from modelrollout.simulate.qualities import Latency, Quality
from modelrollout.simulate.truths import Harm
from modelrollout.simulate.worlds import Trouble, World

TROUBLES: dict[str, dict[str, Any]] = {
    "diurnal": {"diurnal": 0.6},
    "bursts": {"bursts": True},
    "noise": {"arm_noise": 0.5},
    "resets": {"resets": 0.01},
    "missed": {"missed": 0.2},
}
FILE_DECIDES = ("--weight", "--stages", "--interval", "--alpha")
DEFAULT_GUARDRAIL = {"name": "errors", "errorRate": {}}


@dataclass(frozen=True)
class Study:
    """Everything that is simulated. notes are sentences about what was left out."""

    judge: Ours
    steps: tuple[Step, ...]
    world: World
    harms: tuple[Harm, ...]
    runs: int
    told: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def healthy(self) -> World:
        """The world of a candidate that is as good as the baseline."""
        return replace(self.world, name=f"{self.world.name}, healthy candidate")

    def harmful(self, harm: Harm) -> World:
        """The world of this harmful candidate."""
        return replace(self.world, name=f"{self.world.name}, {harm.words}", harm=harm.factors)


def read(options: argparse.Namespace) -> Study:
    """The study that these options ask for. Raises Unclear."""
    spec = _spec_of_file(Path(options.file), options) if options.file else _spec_of_options(options)
    simulated = [rail for rail in spec.guardrails if rail.query is None and rail.action is GuardrailAction.ROLLBACK]
    if not simulated:
        raise Unclear("no guardrail can be simulated: declare an errorRate, latency, ratio or mean that rolls back")
    measured = {rail.name: truths.quality(rail, options) for rail in simulated}
    clustered = spec.analysis.clustered
    judge = Ours(
        tuple(_guarded(rail, measured[rail.name], clustered) for rail in simulated),
        alpha=fraction(spec.analysis.alpha),
        planned_looks=evidence.planned_looks(spec),
        dispersion=dispersion(spec.analysis.dispersion),
    )
    return Study(
        judge,
        tuple(_step(stage) for stage in spec.stages[:-1]),
        _world(options, measured, seconds(spec.analysis.interval)),
        truths.harms(simulated, measured, options),
        asking.whole("--runs", options.runs, 100_000),
        tuple(truths.told(rail, measured[rail.name]) for rail in simulated),
        tuple(_left_out(rail) for rail in spec.guardrails if rail not in simulated),
    )


def _spec_of_file(path: Path, options: argparse.Namespace) -> RolloutSpec:
    for name in FILE_DECIDES:
        if asking.given(options, name) is not None:
            raise Unclear(
                f"{name} is '{asking.given(options, name)}': the file decides that, leave it out or edit the file"
            )
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as wrong:
        raise Unclear(
            f"--file is '{path}': it cannot be read ({wrong}), give the path of a ModelRollout file"
        ) from wrong
    except yaml.YAMLError as wrong:
        raise Unclear(f"--file is '{path}': it is no YAML, mend {str(wrong).splitlines()[-1].strip()}") from wrong
    if not isinstance(raw, Mapping) or raw.get("kind") != "ModelRollout" or not isinstance(raw.get("spec"), Mapping):
        raise Unclear(f"--file is '{path}': it holds no ModelRollout, give a file with kind ModelRollout and a spec")
    return _parsed(raw["spec"], f"--file is '{path}': ")


def _spec_of_options(options: argparse.Namespace) -> RolloutSpec:
    if options.stages is not None and options.weight is not None:
        raise Unclear(f"--weight is '{options.weight}': --stages says it all, leave --weight out")
    weights = asking.weights("--stages", options.stages) if options.stages else _one_weight(options.weight or "5")
    interval = options.interval or "30s"
    asking.duration("--interval", interval, least=1.0)
    alpha = options.alpha or "5%"
    asking.share("--alpha", alpha)
    stages = [{"weight": weight} for weight in (*weights, 100)]
    raw = {
        "baseline": {"name": "baseline"},
        "candidates": [{"name": "candidate"}],
        "strategy": {"canary": {"stages": stages}},
        "guardrails": [_default(kind) for kind in options.guard or ["errors"]],
        "analysis": {"interval": interval, "alpha": alpha, "clustered": bool(options.clustered)},
    }
    return _parsed(raw, "")


def _one_weight(weight: str) -> tuple[int]:
    return (asking.whole("--weight", weight, 99),)


def _default(kind: str) -> dict[str, Any]:
    """A guardrail of this kind with every default."""
    return {
        "errors": DEFAULT_GUARDRAIL,
        "latency": {"name": "p95-latency", "latency": {}},
        "quality": {"name": "accuracy", "ratio": {"good": "good_total", "total": "labelled_total"}},
        "reward": {
            "name": "reward",
            "mean": {"count": "reward_count", "sum": "reward_sum", "sumOfSquares": "reward_squares"},
        },
    }[kind]


def _parsed(raw: Mapping[str, Any], where: str) -> RolloutSpec:
    try:
        return parse(raw)
    except SpecInvalid as wrong:
        raise Unclear(f"{where}{wrong}") from wrong


def _step(stage: Any) -> Step:
    least = None if stage.advance is Advance.ON_PASS else stage.min_requests
    return Step(stage.weight / 100, seconds(stage.soak) / 60, seconds(stage.max_duration) / 60, least)


def _guarded(rail: Guardrail, quality: Quality, clustered: bool) -> Guarded:
    past = quality.history() if isinstance(quality, Latency) else None
    try:
        rule = rails.rule(rail, clustered, past, None)
    except Refusal as refusal:
        raise Unclear(f"guardrail {rail.name} cannot be judged on this traffic: {refusal}") from refusal
    if rail.mean is None:
        return Guarded(rail.name, rule, rail.critical)
    ends = rails.ends(rail.mean) if rail.mean.range is not None else None
    return Guarded(rail.name, rule, rail.critical, -1.0 if rails.less_is_better(rail.mean) else 1.0, ends)


def _world(options: argparse.Namespace, measured: Mapping[str, Quality], interval: float) -> World:
    trouble = Trouble()
    for name in set(options.trouble or []) & set(TROUBLES):
        trouble = replace(trouble, **TROUBLES[name])
    return World(
        "simulate",
        asking.positive("--requests-per-second", options.requests_per_second, "10"),
        measured,
        onset_hours=asking.duration("--harm-after", options.harm_after) / 3600 if options.harm_after else 0.0,
        hours=asking.positive("--hours", options.hours, "24"),
        interval_seconds=interval,
        trouble=trouble,
        sessions=truths.SESSIONS if "sessions" in (options.trouble or []) else 1,
    )


def _left_out(rail: Guardrail) -> str:
    if rail.query is not None:
        return f"guardrail {rail.name} is a plain query and is not simulated"
    return f"guardrail {rail.name} does not roll back ({rail.action.value}) and is not simulated"
