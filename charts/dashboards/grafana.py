"""Builders of Grafana's JSON: a dashboard is rows of panels, which flow from left to right over 24 columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

COLUMNS = 24
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"


@dataclass(frozen=True)
class Target:
    """A query and how its series are called."""

    expr: str
    legend: str = ""
    newest: bool = False
    """Ask for the newest values only, not for the time that is shown."""
    table: bool = False
    """The newest values, a row for each series."""

    def json(self, letter: str) -> Json:
        """As a panel has it."""
        told: Json = {"refId": letter, "datasource": SOURCE, "expr": self.expr, "legendFormat": self.legend or "__auto"}
        told |= {"instant": True, "range": False} if self.newest or self.table else {}
        return told | ({"format": "table"} if self.table else {})


@dataclass(frozen=True)
class Panel:
    """One panel. `unit` is Grafana's name of it; `defaults`, `custom` and `options` go into its JSON as they are."""

    kind: str
    title: str
    description: str
    targets: Sequence[Target]
    unit: str = "short"
    width: int = 8
    height: int = 8
    defaults: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    repeat: str = ""
    """Variable for each value of which the panel is shown."""

    def json(self, number: int, x: int, y: int) -> Json:
        """The panel at its place."""
        letters = "ABCDEFGH"
        told: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [target.json(letters[place]) for place, target in enumerate(self.targets)],
            "fieldConfig": {
                "defaults": {"unit": self.unit, "custom": self.custom, **self.defaults},
                "overrides": list(self.overrides),
            },
            "options": self.options,
        }
        if self.transformations:
            told["transformations"] = list(self.transformations)
        if self.repeat:
            told |= {"repeat": self.repeat, "repeatDirection": "h", "maxPerRow": COLUMNS // self.width}
        return told


@dataclass(frozen=True)
class Row:
    """Panels below a title."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """A whole dashboard. Its address in Grafana is its uid, which must never change."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Json]
    annotations: Sequence[Json] = ()

    def json(self) -> Json:
        """What Grafana imports."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["modelrollout"],
            "schemaVersion": 39,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "browser",
            "links": [_links()],
            "templating": {"list": list(self.variables)},
            "annotations": {"list": list(self.annotations)},
            "panels": _placed(self.rows),
        }


def _links() -> Json:
    """To the other dashboards, about the same rollout and time."""
    return {
        "type": "dashboards",
        "title": "ModelRollout",
        "tags": ["modelrollout"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "icon": "external link",
    }


def _placed(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    y = 0
    for row in rows:
        where = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        placed.append({"id": len(placed) + 1, "type": "row", "title": row.title, "gridPos": where, "panels": []})
        x, y, below = 0, y + 1, y + 1
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, below
            placed.append(panel.json(len(placed) + 1, x, y))
            x, below = x + panel.width, max(below, y + panel.height)
        y = below
    return placed


# -- kinds of panels


def graph(title: str, description: str, *targets: Target, **more: Any) -> Panel:
    """Lines over time, with their newest values below."""
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    custom = {"lineWidth": 2, "fillOpacity": 5, "showPoints": "never", **more.pop("custom", {})}
    return Panel("timeseries", title, description, targets, options=options, custom=custom, **more)


def number(title: str, description: str, *targets: Target, **more: Any) -> Panel:
    """The newest value, large."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
    sized: Json = {"width": 4, "height": 4, **more}
    return Panel("stat", title, description, targets, options=options, **sized)


def bars(title: str, description: str, expr: str, legend: str, **more: Any) -> Panel:
    """A bar for each series: what there was in the time that is shown."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "orientation": "horizontal", "displayMode": "basic"}
    sized: Json = {"defaults": {"min": 0, "decimals": 0}, **more}
    return Panel("bargauge", title, description, [Target(expr, legend, newest=True)], options=options, **sized)


def timeline(title: str, description: str, *targets: Target, **more: Any) -> Panel:
    """Which value held when, a bar for each series."""
    options = {"showValue": "auto", "mergeValues": True, "rowHeight": 0.8, "legend": {"showLegend": False}}
    return Panel("state-timeline", title, description, targets, options=options, custom={"fillOpacity": 70}, **more)


def table(title: str, description: str, target: Target, hidden: Sequence[str] = (), **more: Any) -> Panel:
    """A row for each series; `hidden` are labels that nobody needs."""
    left_out = {"Time": True, "__name__": True, "instance": True, "job": True, "pod": True, "container": True,
                "endpoint": True, "service": True, "cluster": True, **dict.fromkeys(hidden, True)}  # fmt: skip
    renamed = more.pop("renamed", {})
    organised = {"id": "organize", "options": {"excludeByName": left_out, "renameByName": renamed}}
    return Panel("table", title, description, [target], transformations=[organised], **more)


# -- values


def mapped(values: Mapping[str, tuple[str, str]]) -> Json:
    """Numbers as words with colours; goes into `defaults`."""
    options = {
        value: {"index": place, "text": text, "color": color}
        for place, (value, (text, color)) in enumerate(values.items())
    }
    return {"mappings": [{"type": "value", "options": options}], "color": {"mode": "thresholds"}}


def colored(*steps: tuple[float | None, str]) -> Json:
    """Colours from a value on; goes into `defaults`."""
    return {"thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}}


def line_at(value: float) -> tuple[Json, Json]:
    """A line at a value: `defaults` and `custom`."""
    return colored((None, GREY), (value, GREEN)), {"thresholdsStyle": {"mode": "dashed"}}


# -- variables and annotations


def variable(name: str, label: str, query: str, **more: Any) -> Json:
    """A variable whose values Prometheus knows."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        **more,
    }


def choice(name: str, label: str, values: Sequence[str], chosen: str) -> Json:
    """A variable with given values."""
    options = [{"text": value, "value": value, "selected": value == chosen} for value in values]
    current = {"text": chosen, "value": chosen}
    return {
        "name": name,
        "label": label,
        "type": "custom",
        "query": ",".join(values),
        "options": options,
        "current": current,
    }


ALL: Json = {"includeAll": True, "allValue": ".*", "multi": True, "current": {"text": "All", "value": "$__all"}}
HIDDEN: Json = {"hide": 2}
DATASOURCE: Json = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def annotation(name: str, color: str, expr: str, text: str) -> Json:
    """Marks on all panels where the query has a value."""
    return {
        "name": name,
        "enable": True,
        "iconColor": color,
        "datasource": SOURCE,
        "expr": expr,
        "titleFormat": name,
        "textFormat": text,
        "step": "30s",
    }
