"""What outlives a restart, as Seldon's scheduler keeps it in its database: versions of models, accepted Experiments.

Without it a restart would number versions from 1 again, and take the split away from clients for a moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from e2e.minimesh.desired import Candidate, Experiment, Mirror


@dataclass
class Record:
    """What is remembered of one Model between its changes."""

    uid: str
    spec: dict[str, Any]  # the part that makes versions
    version: int = 0  # counts failed ones too
    serving: str | None = None  # internal name of the version that answers


class Memory:
    """One JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[dict[str, Experiment], dict[str, Record]]:
        """Experiments and models by name; both empty when there is no file yet."""
        if not self._path.exists():
            return {}, {}
        raw = json.loads(self._path.read_text())
        experiments = {item["name"]: _experiment(item) for item in raw["experiments"]}
        return experiments, {name: Record(**item) for name, item in raw["models"].items()}

    def save(self, experiments: Mapping[str, Experiment], models: Mapping[str, Record]) -> None:
        """Replace the file in one step."""
        raw = {
            "experiments": [asdict(item) for item in experiments.values()],
            "models": {name: asdict(item) for name, item in models.items()},
        }
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(raw))
        new.rename(self._path)


def _experiment(raw: dict[str, Any]) -> Experiment:
    candidates = tuple(Candidate(**item) for item in raw["candidates"])
    mirror = Mirror(**raw["mirror"]) if raw["mirror"] else None
    return Experiment(**{**raw, "candidates": candidates, "mirror": mirror})
