"""What Seldon's scheduler refuses, in its order and its words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from e2e.minimesh.desired import Experiment


def refusal(new: Experiment, accepted: Iterable[Experiment]) -> str | None:
    """Why `new` is refused beside what is accepted already, or None.

    Neither the models' existence, nor sums of weights, nor percentages are looked at.
    """
    names = [candidate.name for candidate in new.candidates]
    if new.default and _is_baseline_elsewhere(new, accepted):
        # Seldon names the new Experiment here, not the one that holds the baseline.
        return (
            f"Resource {new.default} already in experiment {new.name} as a baseline. "
            "A model or pipeline can only appear in one experiment as a baseline"
        )
    if new.default and new.default not in names:
        return f"default model/pipeline {new.default} not found in experiment {new.name} candidates"
    if not names and new.mirror is None:
        return f"experiment {new.name} has no candidates or mirror"
    return _duplicate(new, names)


def _is_baseline_elsewhere(new: Experiment, accepted: Iterable[Experiment]) -> bool:
    same_kind = (item for item in accepted if item.is_about_models == new.is_about_models)
    return any(item.default == new.default and item.name != new.name for item in same_kind)


def _duplicate(new: Experiment, names: list[str]) -> str | None:
    every = [*names, new.mirror.name] if new.mirror else names
    twice = next((name for position, name in enumerate(every) if name in every[:position]), None)
    if twice is None:
        return None
    return f"each candidate and mirror must be unique but found resource {twice} duplicated in experiment {new.name}"
