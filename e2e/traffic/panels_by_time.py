"""Panels that share an axis of time, with the marks through all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from modelrollout.simulate.inks import GREY

from e2e.traffic import figures
from e2e.traffic.figures import FEW
from e2e.traffic.panels import COIN, DASHED, NO_LABELS, NO_REQUESTS, Run, nothing, short

MOST_MARK_ROWS, LONGEST_WORDS = 5, 28
LINE_POINTS = 11
MOST_BANDS = 4
"""Bands of more arms than these cover each other."""


def shares(axes: Any, run: Run) -> None:
    """Which arm answered how much of the traffic."""
    axes.set_title("Share of traffic", pad=5 + LINE_POINTS * _mark_rows(run))
    if not len(run.asked.at):
        return nothing(axes, NO_REQUESTS)
    edges = figures.edges(run.start, run.end)
    low = np.zeros(len(edges) - 1)
    for arm, share in zip((*run.arms, ""), 100 * figures.shares(run.asked, run.arms, edges), strict=True):
        look = run.looks[arm]
        ink: dict[str, Any] = {"facecolor": look.colour, "hatch": look.hatch, "edgecolor": "white", "linewidth": 0}
        axes.stairs(low + share, run.x(edges), baseline=low, fill=True, **ink)
        low = low + share
    axes.set(ylim=(0, 100), ylabel="percent of requests")
    axes.grid(visible=False)
    _by_time(axes, run)
    return _name_marks(axes, run)


def accuracy_over_time(axes: Any, run: Run) -> None:
    """How the accuracy of each arm moved, over the climates; a step holds some 200 predictions or more."""
    has_bands = len(run.arms) <= MOST_BANDS
    axes.set_title("Accuracy, by the time of the prediction" + (" (bands: 95 %)" if has_bands else ""))
    if not len(run.told.at):
        return nothing(axes, NO_LABELS)
    drawn = [_accuracy_line(axes, run, arm, has_bands) for arm in run.arms]
    if not any(drawn):
        return nothing(axes, f"Every arm has fewer than {FEW} labels: too few for a curve.")
    axes.axhline(100 * COIN, **DASHED)
    axes.set_ylabel("percent correct")
    _shade_climates(axes, run)
    return _by_time(axes, run)


def _accuracy_line(axes: Any, run: Run, arm: str, has_bands: bool) -> bool:
    """False when the arm has too few labels."""
    times = run.told.at[run.told.arm == arm]
    if len(times) < FEW:
        return False
    edges = figures.equal_parts(times, most=16, least=200)
    correct, labelled = figures.accuracy_over_time(run.told, arm, edges)
    low, high = figures.wilson(correct, labelled)
    look, x = run.looks[arm], run.x(edges)
    line: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "linewidth": 1.8}
    axes.stairs(100 * correct / labelled, x, baseline=None, **line)
    if has_bands:
        axes.stairs(100 * high, x, baseline=100 * low, fill=True, color=look.colour, alpha=0.15, linewidth=0)
    return True


def _shade_climates(axes: Any, run: Run) -> None:
    spans = figures.climates(run.asked, figures.edges(run.start, run.end))
    if len({name for *_, name in spans}) < 2:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.16 * (high - low))  # room for the words
    for place, (begins, ends, name) in enumerate(spans):
        left, right = float(run.x(begins)), float(run.x(min(ends, run.end)))
        axes.axvspan(left, right, color="#DFE5EA" if place % 2 else "#F6F8F9", zorder=0, linewidth=0)
        if right - left > 0.06 * run.width:
            words: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 8, "color": GREY}
            axes.text((left + right) / 2, 0.97, short(name), transform=axes.get_xaxis_transform(), **words)


def profit(axes: Any, run: Run) -> None:
    """What following the predictions has earned so far."""
    axes.set_title("Profit so far" + (" (bands: 1 standard error)" if len(run.arms) <= MOST_BANDS else ""))
    if not len(run.told.at):
        return nothing(axes, NO_LABELS)
    times = np.linspace(run.start, run.end, 300)
    for arm in (row.arm for row in run.rows if row.labelled):
        total, error = figures.profit_over_time(run.told, arm, np.append(times[:-1], np.inf))
        look, x = run.looks[arm], run.x(times)
        axes.plot(x, total, color=look.colour, linestyle=look.dash, linewidth=1.8)
        if len(run.arms) <= MOST_BANDS:
            axes.fill_between(x, total - error, total + error, color=look.colour, alpha=0.18, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"{run.unit[1]} since the first request")
    axes.set_ylabel(f"sum, {figures.profit_unit(run.told)}")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    return _by_time(axes, run)


def _by_time(axes: Any, run: Run) -> None:
    axes.set_xlim(0, run.width)
    for at, _ in run.marks:
        axes.axvline(float(run.x(at)), color="#222222", linewidth=0.9 if len(run.marks) < 12 else 0.5, zorder=4)


def _mark_places(run: Run) -> list[tuple[float, int, str]]:
    """Where the words of each mark go: x, the row in which they touch no others, and the words."""
    ends: list[float] = []
    places = []
    for at, words in run.marks:
        said = short(words, LONGEST_WORDS)
        width = (len(said) + 2) * 0.0135 * run.width  # of a letter, a little more than on average
        left = max(0.0, min(float(run.x(at)), run.width - width))
        row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
        ends[row : row + 1] = [left + width]
        places.append((left, row, said))
    return places


def _mark_rows(run: Run) -> int:
    return min(MOST_MARK_ROWS, max((row + 1 for _, row, _ in _mark_places(run)), default=0))


def _name_marks(axes: Any, run: Run) -> None:
    for left, row, words in _mark_places(run):
        if row < MOST_MARK_ROWS:
            place: dict[str, Any] = {"xytext": (-1, 3 + LINE_POINTS * row), "textcoords": "offset points"}
            axes.annotate(words, (left, 1), xycoords=axes.get_xaxis_transform(), fontsize=8, **place)
