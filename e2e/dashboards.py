"""The chart's dashboards as Grafana would ask them: every query, with the variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from e2e.stack import paths

FOLDER = paths.CHART / "files" / "dashboards"
BUILT_IN = {"__rate_interval": "1m", "__range": "5m"}
"""Variables that Grafana fills in by itself."""
_VARIABLE = re.compile(r"\$([a-z_]\w*)")

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One query of a panel, of an annotation or of a variable."""

    dashboard: str
    where: str
    text: str
    legend: str = ""

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.where}"

    def variables(self) -> set[str]:
        """Names of the variables in it."""
        return set(_VARIABLE.findall(self.text))

    def filled(self, values: Mapping[str, str]) -> str:
        """PromQL with every variable's value in its place. Raises KeyError for one without."""
        known = {**BUILT_IN, **values}
        return _VARIABLE.sub(lambda found: known[found[1]], self.text)

    def labels(self) -> set[str]:
        """Labels that its legend shows."""
        return set(re.findall(r"\{\{(\w+)\}\}", self.legend))


def read() -> dict[str, Json]:
    """Every dashboard by the name of its file."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def panels(dashboard: Json) -> list[Json]:
    """Those that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboards: Mapping[str, Json]) -> Iterator[Query]:
    """Every query of every dashboard."""
    for name, dashboard in dashboards.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                legend = "" if target["legendFormat"] == "__auto" else target["legendFormat"]
                yield Query(name, panel["title"], target["expr"], legend)
        for mark in dashboard["annotations"]["list"]:
            yield Query(name, f"mark {mark['name']}", mark["expr"])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield Query(name, f"variable {variable['name']}", _selector(variable["query"]["query"]))


def _selector(asked: str) -> str:
    """Of `label_values(selector, label)` the selector, and that the label is there."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", asked)
    if found is None:
        raise ValueError(f"{asked} is not label_values(selector, label)")
    return f"count by ({found[2]}) ({found[1]})"
