"""Did Seldon take up the newest spec of an Experiment? Only a watch can tell.

When Seldon takes up a change it writes ExperimentReady False and then True, within milliseconds, each with the newest
generation; the True that stood there before proves nothing. So the two must be seen one after the other.
"""

from collections.abc import Mapping
from typing import Any

from modelrollout.observe import seldon


class Settling:
    """What the watch of Experiments has seen so far, by uid."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, bool, bool]] = {}  # generation, was False since, is True since that

    def saw(self, found: Mapping[str, Any]) -> None:
        """Take in one version of an Experiment from the watch."""
        uid, generation = found["metadata"]["uid"], found["metadata"].get("generation", 0)
        known, fell, rose = self._seen.get(uid, (generation, False, False))
        if generation != known:
            fell, rose = False, False
        ready = seldon.is_ready(found)
        fell = fell or ready is False
        rose = (rose and ready is True) or (fell and ready is True)
        self._seen[uid] = (generation, fell, rose)

    def has_settled(self, uid: str, generation: int) -> bool:
        """True when this generation was seen to be taken up."""
        known, _, rose = self._seen.get(uid, (generation, False, False))
        return rose and known == generation

    def forget(self, uid: str) -> None:
        """The Experiment is gone."""
        self._seen.pop(uid, None)
