"""Figures with their goals, as a table for people and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

Value = float | str | None


@dataclass(frozen=True)
class Figure:
    """One measured number. For every goal less is better; `ratio` above 1 misses it."""

    name: str
    value: Value
    unit: str = ""
    goal: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure over its goal; None without either."""
        if not self.goal or not isinstance(self.value, int | float):
            return None
        return self.value / self.goal


@dataclass(frozen=True)
class Section:
    """Figures of one measurement, and how it was made."""

    title: str
    figures: tuple[Figure, ...]


# Measured elsewhere and only put beside ours: 200 AnalysisRuns of 5 metrics each, every 30 s.
ARGO_ROLLOUTS = Section(
    "for comparison: Argo Rollouts' analysis controller at 200 x 5 metrics, 30 s (measured elsewhere, not by this run)",
    (
        Figure("queries to Prometheus", 33.3, "/s"),
        Figure("writes to the API server", 6.7, "/s", note="one PATCH for each look"),
        Figure("CPU", 0.028, "cores"),
        Figure("memory", 105, "MiB"),
    ),
)


def show(console: Console, section: Section) -> None:
    """Print the section as a table."""
    table = Table(title=section.title, title_justify="left", title_style="bold", header_style="bold")
    for column, side in (("figure", "left"), ("measured", "right"), ("goal", "right"), ("ratio", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    table.add_column("note", style="dim", overflow="fold")
    for figure in section.figures:
        missed = figure.ratio is not None and figure.ratio > 1
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        goal = "" if figure.goal is None else _text(figure.goal, figure.unit)
        measured = _text(figure.value, figure.unit)
        table.add_row(figure.name, measured, goal, f"[red]{ratio}[/]" if missed else ratio, figure.note)
    console.print(table)
    console.print(f"load average of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", style="dim")


def save(file: Path, sections: Iterable[Section]) -> None:
    """Write the sections as JSON."""
    told = [
        {"title": section.title, "figures": [{**asdict(figure), "ratio": figure.ratio} for figure in section.figures]}
        for section in sections
    ]
    file.write_text(json.dumps({"load": os.getloadavg(), "sections": told}, indent=2) + "\n")


def _text(value: Value, unit: str) -> str:
    if value is None:
        return "not seen"
    shown = value if isinstance(value, str) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{shown} {unit}".strip()
