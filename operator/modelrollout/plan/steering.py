"""Which weights must be written, and are they in force? Everything that Seldon would refuse is caught here."""

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import ArmShare, Traffic
from modelrollout.plan import grid, holds
from modelrollout.plan.actions import CreateExperiment, Level, WriteWeights
from modelrollout.plan.draft import Draft, Hold
from modelrollout.plan.world import ExperimentView, Weights, World

APPLY_DEADLINE_SECONDS = 10.0  # Seldon takes 60 ms; around a restart of its scheduler it writes no status at all
NUDGED_SCALE = 10  # the same split in other numbers makes Seldon act again


def experiment_name(spec: RolloutSpec, rollout: str) -> str:
    """Name of the Experiment that this rollout moves."""
    return spec.experiment.name or rollout


def permit(draft: Draft, spec: RolloutSpec, world: World, rollout: str) -> Draft:
    """The draft, stalled when the Experiment is not ours to write or Seldon would refuse what we would write."""
    name, experiment = experiment_name(spec, rollout), world.experiment
    draft = draft.change(experiment=name)
    if experiment and experiment.owner:
        sentence = f"Experiment {name} belongs to {experiment.owner}: choose another spec.experiment.name, or delete it"
        return draft.staying(Hold(Reason.EXPERIMENT_NOT_OWNED, sentence, stalled=True))
    takes_default = experiment is None or experiment.default != spec.baseline.name
    if world.default_holder and takes_default:
        sentence = (
            f"Model {spec.baseline.name} is already the default of Experiment {world.default_holder}: "
            "a model can be that of one Experiment only, so delete that Experiment or choose another baseline"
        )
        return draft.staying(Hold(Reason.BASELINE_TAKEN, sentence, stalled=True))
    return draft


def steer(draft: Draft, spec: RolloutSpec, world: World, rollout: str) -> Draft:
    """The draft with the write that brings the Experiment to the wanted weights, if one is needed."""
    if draft.hold and draft.hold.stalled:
        return draft
    name, experiment = experiment_name(spec, rollout), world.experiment
    fence = f"{world.uid}/{draft.status.attempt}"
    if experiment is None:
        draft = _without_traffic(draft)
        if holds.of_model(spec, world):
            return draft
        return _written(draft.acting(CreateExperiment(name, spec.baseline.name, scaled(draft.status.traffic), fence)))
    weights, default = _target(draft, spec, world)
    is_as_wanted = (experiment.weights, experiment.default) == (weights, default)
    if is_as_wanted and experiment.fence == fence:
        return _confirmed(draft, spec, world, experiment)
    write = _write(name, experiment, default, weights, fence)
    if is_as_wanted:  # a new attempt shuts the older ones out before it goes on; Seldon does not see the fence
        return draft.acting(write)
    return _written(_reporting_drift(draft, name, experiment, weights).acting(write))


def release(spec: RolloutSpec, experiment: ExperimentView, name: str) -> WriteWeights | None:
    """The write that leaves all traffic with the baseline when the rollout goes; None when there is nothing to do.

    Somebody may have changed default or arms just before. Without an arm that may keep the traffic nothing is written:
    the Experiment goes with the rollout, and then every model serves itself.
    """
    arms = [arm for arm, _ in experiment.weights]
    served = {arm for arm, weight in experiment.weights if weight}
    safe = [arm for arm in (spec.baseline.name, experiment.default) if arm in arms and arm != spec.candidate.name]
    if experiment.owner or not safe or served == {safe[0]}:
        return None
    default = experiment.default if experiment.default in arms else safe[0]
    weights = tuple((arm, 100 if arm == safe[0] else 0) for arm in arms)
    return _write(name, experiment, default, weights, experiment.fence)


def scaled(traffic: Traffic) -> Weights:
    """The wanted weights in the numbers that are written."""
    return tuple((share.name, share.weight * traffic.scale) for share in traffic.wanted)


def _write(name: str, read: ExperimentView, default: str, weights: Weights, fence: str) -> WriteWeights:
    """The write that brings the Experiment from what was read to these weights."""
    return WriteWeights(
        name=name,
        uid=read.uid,
        default=default,
        weights=weights,
        fence=fence,
        read_default=read.default,
        read_weights=read.weights,
        read_fence=read.fence,
        read_generation=read.generation,
        is_annotated=read.is_annotated,
    )


def _target(draft: Draft, spec: RolloutSpec, world: World) -> tuple[Weights, str]:
    """The wanted weights and default; while a new arm is not ready, the old arms stay and one serves everything."""
    wanted, experiment = scaled(draft.status.traffic), world.experiment
    arms = [name for name, _ in experiment.weights] if experiment else []
    if experiment and arms != [name for name, _ in wanted] and holds.of_model(spec, world):
        serving = spec.baseline.name if spec.baseline.name in arms else experiment.default
        if serving in arms:
            return tuple((name, 100 if name == serving else 0) for name in arms), serving
    return wanted, spec.baseline.name


def _written(draft: Draft) -> Draft:
    update: dict[str, object] = {"written_at": draft.now, "applied_at": None, "seen": []}
    return draft.change(traffic=draft.status.traffic.model_copy(update=update))


def _without_traffic(draft: Draft) -> Draft:
    """Without an Experiment every request goes to the model that it names."""
    gone: dict[str, object] = {"applied_at": None, "candidate_weight": 0, "experiment_uid": None, "seen": []}
    return draft.change(traffic=draft.status.traffic.model_copy(update=gone))


def _reporting_drift(draft: Draft, name: str, experiment: ExperimentView, target: Weights) -> Draft:
    """Only weights that were in force can drift; before that, the write of this decision is still to come."""
    if draft.status.traffic.applied_at is None:
        return draft
    message = (
        f"{experiment.writer or 'Somebody'} changed Experiment {name} to {_text(experiment.weights)}: "
        f"put right to {_text(target)}"
    )
    return draft.noticing(Reason.WEIGHTS_CHANGED, message, Level.WARNING)


def _confirmed(draft: Draft, spec: RolloutSpec, world: World, experiment: ExperimentView) -> Draft:
    """The weights are on the Experiment; in force when Seldon was seen to take them, or a deadline passed."""
    traffic = draft.status.traffic
    changes: dict[str, object] = {"experiment_uid": experiment.uid}
    waited = traffic.written_at is None or draft.now - traffic.written_at >= APPLY_DEADLINE_SECONDS
    off = _candidate_weight(traffic.wanted) == 0
    taken = experiment.is_ready and (experiment.settled or waited)
    if not experiment.is_ready and not off:
        # Seldon gives the baseline everything meanwhile: no soak, and no evidence about the split.
        changes["applied_at"] = None
    if traffic.applied_at is None and (taken or (off and waited)):
        changes |= {"candidate_weight": _candidate_weight(traffic.wanted), "seen": []}
        # Old arms that stay until a new one is ready are not what was wanted: taking them for it would call it drift
        # when the new arm comes in.
        if experiment.weights == scaled(traffic):
            changes["applied_at"] = draft.now
            draft = _looking_on(draft, spec, world)
    return draft.change(traffic=traffic.model_copy(update=changes))


def _looking_on(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """After an outcome Seldon's word is not enough: looks begin anew, to see where clients' requests go.

    The first begins a scrape later, when no counter's last known value is from the time before, and lasts one or more.
    """
    if draft.status.outcome is None or draft.status.stage is None:
        return draft
    since = round(draft.now + world.scrape_seconds, 3)
    told = since + world.scrape_seconds + grid.lag_seconds(world.scrape_seconds)
    return draft.change(
        last_look_at=since, look_due_at=grid.next_tick(told, seconds(spec.analysis.interval), world.uid)
    )


def _candidate_weight(wanted: list[ArmShare]) -> int:
    return sum(share.weight for share in wanted[1:])


def _text(weights: Weights) -> str:
    return ", ".join(f"{name} {weight}" for name, weight in weights)
