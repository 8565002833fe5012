"""What was read of a rollout and its surroundings, good as long as the watch has told of nothing newer.

A watch can fall silent or miss a deletion. So what is remembered may show that nothing is to be done, but before
anything is done everything is read again; and after a few minutes it is forgotten in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT, Kind, Object
from modelrollout.plan.world import ExperimentView, ModelView

LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Key:
    """Which object of a kind; mostly, which rollout."""

    namespace: str
    name: str


Reference = tuple[str, Key]
"""Plural of the kind, and which of them."""


@dataclass(frozen=True)
class Seen:
    """A rollout and what it is about, as they were read.

    `versions` has the resourceVersion of everything that was read, None for what does not exist.
    """

    rollout: Object
    spec: RolloutSpec
    written: RolloutStatus
    experiment: ExperimentView | None
    models: Mapping[str, ModelView]
    default_holder: str
    unserved: str
    versions: Mapping[Reference, str | None]
    read_at: float

    def after_write(self, rollout: Object, written: RolloutStatus) -> Self:
        """The same after the rollout's own status was written."""
        key = Key(rollout["metadata"]["namespace"], rollout["metadata"]["name"])
        versions = {**self.versions, reference(ROLLOUT, key): version(rollout)}
        return replace(self, rollout=rollout, written=written, versions=versions)


class Memory:
    """The last reading of each rollout, beside the newest version of each object that the watch has told of."""

    def __init__(self) -> None:
        self._seen: dict[Key, Seen] = {}
        self._heard: dict[Reference, str] = {}
        self._concerned: dict[Reference, set[Key]] = {}

    def recall(self, rollout: Key, now: float) -> Seen | None:
        """The last reading, if it is still good."""
        seen = self._seen.get(rollout)
        if seen is None or not 0 <= now - seen.read_at < LONGEST_SECONDS:
            return None
        is_newest = all(self._heard.get(about) == known for about, known in seen.versions.items())
        return seen if is_newest else None

    def keep(self, rollout: Key, seen: Seen) -> None:
        """Remember this reading in place of the one before.

        Not that of a rollout that waits for another Experiment to let go of its baseline: it could be any by then.
        """
        self.forget(rollout)
        if not seen.default_holder:
            self._seen[rollout] = seen

    def forget(self, rollout: Key) -> None:
        """What was read of it is no longer good, though no watch has said so."""
        self._seen.pop(rollout, None)

    def concern(self, rollout: Key, *about: Reference) -> None:
        """From now on a change of any of these concerns this rollout. Say so before reading them."""
        for one in about:
            self._concerned.setdefault(one, set()).add(rollout)

    def hear(self, about: Reference, told: str | None) -> set[Key]:
        """Take in what the watch tells (None: it is gone); the rollouts to which that is news."""
        if told is None:
            self._heard.pop(about, None)
        else:
            self._heard[about] = told
        return {key for key in self._concerned.get(about, ()) if not self._is_known(key, about, told)}

    def drop(self, rollout: Key) -> None:
        """The rollout is gone."""
        self.forget(rollout)
        for about in [about for about, concerned in self._concerned.items() if rollout in concerned]:
            self._concerned[about].discard(rollout)
            if not self._concerned[about]:
                del self._concerned[about]

    def _is_known(self, rollout: Key, about: Reference, told: str | None) -> bool:
        """True for our own writes, whose answer came before the watch."""
        seen = self._seen.get(rollout)
        return seen is not None and about in seen.versions and seen.versions[about] == told


def reference(kind: Kind, key: Key) -> Reference:
    """How the memory calls this object."""
    return kind.plural, key


def version(found: Object | None) -> str | None:
    """The object's resourceVersion; None when there is no object."""
    return None if found is None else str(found["metadata"]["resourceVersion"])


def surroundings(key: Key, spec: RolloutSpec, experiment: str) -> tuple[Reference, ...]:
    """What a rollout's decisions depend on besides Prometheus: itself, its Experiment, its Models."""
    arms = [Key(key.namespace, arm.name) for arm in (spec.baseline, spec.candidate)]
    own = reference(EXPERIMENT, Key(key.namespace, experiment))
    return (reference(ROLLOUT, key), own, *(reference(MODEL, arm) for arm in arms))
