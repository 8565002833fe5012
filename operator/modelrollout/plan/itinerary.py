"""How stages follow each other (pure): an approval belongs to the stage before it, whose weight it keeps."""

from modelrollout.api.contract import seconds
from modelrollout.api.spec import Advance, RolloutSpec, Stage

FULL = 100


def is_last(spec: RolloutSpec, index: int) -> bool:
    """True in the last stage of the plan."""
    return index + 1 == len(spec.stages)


def weighty(spec: RolloutSpec) -> list[Stage]:
    """The stages that move weights."""
    return [stage for stage in spec.stages if stage.approval is None]


def asking(spec: RolloutSpec, index: int) -> Stage:
    """The stage whose soak and evidence are asked for here: this one, or the one before an approval."""
    return [stage for stage in spec.stages[: index + 1] if stage.approval is None][-1]


def ordinal(spec: RolloutSpec, index: int) -> int:
    """Which of the stages that move weights begins with this one, from 1; 0 for an approval."""
    return 0 if spec.stages[index].approval else weighty(spec).index(spec.stages[index]) + 1


def needs_pass(spec: RolloutSpec, index: int) -> bool:
    """True when this stage is left by a Pass: the last one never is, the one before weight 100 always."""
    following = [stage.weight for stage in spec.stages[index + 1 :] if stage.approval is None]
    return bool(following) and (asking(spec, index).advance is Advance.ON_PASS or following[0] == FULL)


def longest_seconds(stage: Stage) -> float:
    """How long the plan allows for a stage; an approval that may wait for ever is planned like any other stage."""
    if stage.approval is not None and stage.approval.deadline is not None:
        return seconds(stage.approval.deadline)
    return seconds(stage.max_duration)
