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
from modelrollout.plan import evidence, itinerary, rails
from modelrollout.simulate import asking, harms, shell, truths
from modelrollout.simulate.asking import Unclear
from modelrollout.simulate.climbs import Step
from modelrollout.simulate.harms import Harm
from modelrollout.simulate.ours import Guarded, Ours
from modelrollout.simulate.qualities import Quality, Recorded, Timed
from modelrollout.simulate.seen import Seen
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
    """Everything that is simulated. traffic says what was read of it; notes, what was left out or assumed."""

    judge: Ours
    steps: tuple[Step, ...]
    world: World
    harms: tuple[Harm, ...]
    runs: int
    told: tuple[str, ...]
    notes: tuple[str, ...] = ()
    traffic: str = ""

    def healthy(self) -> World:
        """The world of a candidate that is as good as the baseline."""
        return replace(self.world, name=f"{self.world.name}, healthy candidate")

    def harmful(self, harm: Harm) -> World:
        """The world of this harmful candidate."""
        return replace(self.world, name=f"{self.world.name}, {harm.words}", harm=harm.factors)


def read(options: argparse.Namespace) -> Study:
    """The study that these options ask for. Raises Unclear, and of Prometheus what `shell.seen` does."""
    shell.check(options)
    spec, namespace = _spec_of_file(Path(options.file), options) if options.file else (_spec_of_options(options), "")
    simulated = [rail for rail in spec.guardrails if rail.query is None and rail.action is GuardrailAction.ROLLBACK]
    if not simulated:
        raise Unclear("no guardrail can be simulated: declare an errorRate, latency, ratio or mean that rolls back")
    seen = shell.seen(options, spec, namespace) if options.prometheus else None
    measured = {rail.name: truths.quality(rail, options, seen) for rail in simulated}
    clustered = spec.analysis.clustered
    judge = Ours(
        tuple(_guarded(rail, measured[rail.name], clustered) for rail in simulated),
        alpha=fraction(spec.analysis.alpha),
        planned_looks=evidence.planned_looks(spec),
        dispersion=dispersion(spec.analysis.dispersion),
    )
    wrong = harms.harms(simulated, measured, options)
    notes = [
        *(_left_out(rail) for rail in spec.guardrails if rail not in simulated),
        *_assumed(simulated, options, seen),
        *_hidden(judge, measured, wrong),
    ]
    return Study(
        judge,
        tuple(_step(stage) for stage in itinerary.weighty(spec)[:-1]),
        _world(options, measured, seconds(spec.analysis.interval), seen),
        wrong,
        asking.whole("--runs", options.runs, 100_000),
        tuple(truths.told(rail, measured[rail.name]) for rail in simulated),
        tuple(notes),
        seen.told() if seen else "",
    )


def _spec_of_file(path: Path, options: argparse.Namespace) -> tuple[RolloutSpec, str]:
    """The spec, and the namespace that the object names or ""."""
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
    metadata = raw.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    return _parsed(raw["spec"], f"--file is '{path}': "), str(namespace or "")


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
    past = quality.history() if isinstance(quality, Timed) else None
    try:
        rule = rails.rule(rail, clustered, past, None)
    except Refusal as refusal:
        raise Unclear(f"guardrail {rail.name} cannot be judged on this traffic: {refusal}") from refusal
    if rail.mean is None:
        return Guarded(rail.name, rule, rail.critical)
    ends = rails.ends(rail.mean) if rail.mean.range is not None else None
    return Guarded(rail.name, rule, rail.critical, -1.0 if rails.less_is_better(rail.mean) else 1.0, ends)


def _world(options: argparse.Namespace, measured: Mapping[str, Quality], interval: float, seen: Seen | None) -> World:
    per_second, course = _pace(options, seen)
    trouble = Trouble()
    for name in set(options.trouble or []) & set(TROUBLES):
        trouble = replace(trouble, **TROUBLES[name])
    return World(
        "simulate",
        per_second,
        measured,
        onset_hours=asking.duration("--harm-after", options.harm_after) / 3600 if options.harm_after else 0.0,
        hours=asking.positive("--hours", options.hours, "24"),
        interval_seconds=interval,
        trouble=trouble,
        sessions=truths.SESSIONS if "sessions" in (options.trouble or []) else 1,
        course=course,
    )


def _pace(options: argparse.Namespace, seen: Seen | None) -> tuple[float, tuple[float, ...]]:
    """Requests per second and their course over the day: as they were seen, unless options say it."""
    name = "--requests-per-second"
    if seen is None or asking.given(options, name) is not None:
        return asking.positive(name, asking.written(options, name), "10"), ()
    return seen.per_second, () if "diurnal" in (options.trouble or []) else seen.course()


def _assumed(simulated: list[Guardrail], options: argparse.Namespace, seen: Seen | None) -> list[str]:
    """What Prometheus did not know and no option said."""
    if seen is None:
        return []
    return [note for rail in simulated if (note := truths.assumed(rail, options, seen)) is not None]


def _hidden(judge: Ours, measured: Mapping[str, Quality], wrong: tuple[Harm, ...]) -> list[str]:
    """Slower answers of which a histogram of the past cannot say that they would cross any edge that is compared."""
    return [
        f"{harm.words} would stay within one bucket of the histogram that was read, so guardrail {one.quality} cannot "
        "see it here: add bucket edges, or give --baseline-latency"
        for one in judge.guarded
        for harm in wrong
        if isinstance(quality := measured[one.quality], Recorded)
        and one.quality in harm.factors
        and not quality.moved(harm.factors[one.quality], one.rule.edges_ms)
    ]


def _left_out(rail: Guardrail) -> str:
    if rail.query is not None:
        return f"guardrail {rail.name} is a plain query and is not simulated"
    return f"guardrail {rail.name} does not roll back ({rail.action.value}) and is not simulated"
