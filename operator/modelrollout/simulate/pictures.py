"""Results as pictures (PNG), readable at 800 pixels: our rule in a strong colour, the others quiet and labelled.

matplotlib is imported late: the operator's image does not have it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.simulate import paths, scenarios, summary, waiting
from modelrollout.simulate.inks import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from modelrollout.simulate.jobs import Results
from modelrollout.simulate.scenarios import ERRORS, KINDS, TRAFFIC

OURS = "ModelRollout"
FILES = {
    "false_rollback": "false-rollback.png",
    "rollback_times": "time-to-rollback.png",
    "pass_times": "time-to-pass.png",
    "paths": "evidence.png",
}
INK = {
    OURS: BLUE,
    "Argo-style": ORANGE,
    "Flagger-style": RED,
    "Kayenta /min": GREEN,
    "Mann-Whitney /min": PURPLE,
    "z per look": GREY,
}
STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 11,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
}
HEIGHTS = {"pass_times": 6.0}
TIME_TICKS = {1: "1 min", 10: "10 min", 60: "1 h", 360: "6 h", 1440: "24 h"}
FINE_TIME_TICKS = {0.5: "30 s", 2: "2 min", 10: "10 min", 60: "1 h", 360: "6 h", 1440: "24 h"}


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Every picture of the page, written into the folder."""
    drawings: dict[str, Callable[[Any], None]] = {
        "false_rollback": lambda axes: false_rollback(axes, results, scenarios.cell(ERRORS, 10.0, False).name),
        "rollback_times": lambda axes: rollback_times(axes, results),
        "pass_times": lambda axes: pass_times(axes, results),
        "paths": paths.draw,
    }
    return [_drawn(draw, folder / FILES[name], height=HEIGHTS.get(name, 4.6)) for name, draw in drawings.items()]


def draw_study(cases: Sequence[tuple[str, dict[str, Floats]]], hours: float, path: Path) -> Path:
    """For each kind of candidate (words, minutes to the rollback by rule): how many were rolled back by when."""

    def draw(axes: Any) -> None:
        for panel, (words, times) in zip(axes, cases, strict=True):
            rolled_back(panel, times, 60 * hours)
            panel.set_title(words[0].upper() + words[1:])
            if panel is not axes[-1]:
                panel.set(xlabel="", xticklabels=[])

    return _drawn(draw, path, len(cases), 0.5 + 2.7 * len(cases))


def _drawn(draw: Callable[[Any], None], path: Path, panels: int = 1, height: float = 4.6) -> Path:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    with mpl.rc_context(STYLE):
        figure, axes = pyplot.subplots(panels, figsize=(8, height), layout="constrained")
        draw(axes)
        _title_to_the_left(figure)
        figure.savefig(path, dpi=200, metadata={"Software": None})
        pyplot.close(figure)
    return path


def _title_to_the_left(figure: Any) -> None:
    """Titles begin at the picture's edge: a long one beside long labels would leave it."""
    title = figure.get_suptitle()
    if title:
        figure.suptitle(title, x=0.01, ha="left")


def false_rollback(axes: Any, results: Results, world: str) -> None:
    """How many identical candidates each rule has rolled back by then."""
    rolled_back(axes, {name: results[world, name].failed for name in INK if (world, name) in results})
    axes.axhline(5, color="black", linewidth=1, linestyle=(0, (4, 3)))
    axes.text(1380, 6.3, "promised: at most 5 %", fontsize=10, ha="right")
    axes.set_ylabel("identical candidates rolled back, %")
    axes.figure.suptitle(f"False rollbacks pile up with every look ({world.removesuffix(', equal')})")


def rolled_back(axes: Any, minutes: Mapping[str, Floats], end: float = 1440.0) -> None:
    """The share of candidates that each rule has rolled back by then; minutes [runs] by rule, up to `end`."""
    ends = []
    for name, times in minutes.items():
        at, share = rising(times, end)
        own, colour = name == OURS, INK[name]
        axes.step(at, 100 * share, where="post", color=colour, linewidth=3.2 if own else 1.8, zorder=5 if own else 3)
        ends.append((100 * float(share[-1]), name, colour))
    _time_axis(axes, TIME_TICKS, 0.5, end)
    _end_labels(axes, ends, end)
    axes.set(ylim=(0, 103), ylabel="candidates rolled back, %", xlabel="time since the rollout began")


def rising(times: Floats, end: float) -> tuple[Floats, Floats]:
    """Points of the share of runs that had got there, up to `end`."""
    reached = np.sort(times[np.isfinite(times)])
    share = np.arange(1, len(reached) + 1) / len(times)
    last = share[-1] if len(share) else 0.0
    return floats([0.5, *reached, end]), floats([0.0, *share, last])


def rollback_times(axes: Any, results: Results) -> None:
    """Median and 90 % point of our rollback of a harmful candidate, beside the oracle and Kayenta's judge."""
    rows = [(kind, traffic) for kind in KINDS for traffic in TRAFFIC]
    for at, (kind, traffic) in enumerate(rows):
        world = scenarios.cell(kind, traffic, harmful=True).name
        delay = summary.delay(results[world, OURS].failed)
        _span(axes, at, delay)
        axes.plot(kind.t80(traffic), at, marker="|", markersize=17, markeredgewidth=2.4, color="black", zorder=6)
        peer = summary.delay(results[world, "Kayenta /min"].failed)
        if np.isfinite(peer.median):
            axes.plot(peer.median, at, marker="D", markersize=7, color=GREEN, zorder=4)
        else:
            said = f"{100 * peer.reached.share:.0f} % in 24 h" if peer.reached.hits else "never"
            axes.text(1580, at, f"Kayenta: {said}", color=GREEN, fontsize=9.5, va="center", ha="left")
    axes.set_yticks(range(len(rows)), [f"{kind.title}, {traffic:g} req/s" for kind, traffic in rows])
    axes.invert_yaxis()
    _time_axis(axes, FINE_TIME_TICKS, 0.4, 1440)
    _key(
        axes,
        ("o", "ModelRollout, median, and to 90 %", BLUE),
        ("|", "planned single look (T80)", "black"),
        ("D", "Kayenta every minute, median", GREEN),
    )
    axes.set_xlabel("time from the first look to the rollback of a harmful candidate")
    axes.grid(visible=False, axis="y")
    axes.figure.suptitle("Harm is caught about as fast as by a test that may look only once")


def pass_times(axes: Any, results: Results) -> None:
    """Median and 90 % point of the time until an equal candidate passes: a block of rows per guardrail."""
    places, labels, place = [], [], 0
    for name in waiting.PASSES:
        axes.text(0.42, place, name, fontsize=10.5, weight="bold", va="center")
        for traffic, share in waiting.PASS_CELLS:
            place += 1
            times = results[waiting.passing(name, traffic, share, at_margin=False).name, OURS].passed
            _span(axes, place, summary.delay(times))
            places.append(place)
            labels.append(f"{traffic:g} req/s at {100 * share:g} %")
        place += 1
    axes.set_yticks(places, labels, fontsize=9.5)
    axes.set_ylim(place, -1)
    _time_axis(axes, FINE_TIME_TICKS, 0.4, 1440)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time until an equal candidate passes: median, and to 90 %")
    axes.figure.suptitle("A healthy candidate passes, the sooner the more traffic it gets")


def _span(axes: Any, at: int, delay: summary.Delay) -> None:
    """A dot at the median, and a line to the 90 % point; to the edge when there is none."""
    if not np.isfinite(delay.median):
        axes.text(1500, at, "beyond 24 h", color=BLUE, fontsize=9.5, va="center")
        return
    line = {"color": BLUE, "linewidth": 5, "alpha": 0.45, "solid_capstyle": "round"}
    axes.plot([delay.median, min(delay.ninety, 1440)], [at, at], **line)
    axes.plot(delay.median, at, marker="o", markersize=10, color=BLUE, zorder=5)


def _time_axis(axes: Any, ticks: dict[float, str] | dict[int, str], low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()


def _end_labels(axes: Any, ends: Sequence[tuple[float, str, str]], x: float) -> None:
    """Names beside the ends of lines, moved apart until they can be read."""
    ordered = sorted(ends, reverse=True)
    heights = _apart([value for value, *_ in ordered])
    for (value, name, colour), height in zip(ordered, heights, strict=True):
        axes.annotate(
            f"{name} {value:.0f} %", (x, height), xytext=(6, 0), textcoords="offset points",
            color=colour, va="center", weight="bold" if name == OURS else "normal", annotation_clip=False,
            fontsize=10.5,
        )  # fmt: skip


def _apart(values: Sequence[float], least: float = 6.5) -> list[float]:
    """Falling values (0-100), moved as little as needed to lie `least` apart and not below 0."""
    heights = list[float]()
    for value in values:
        heights.append(min(value, heights[-1] - least) if heights else value)
    floor = 0.0
    for at in reversed(range(len(heights))):
        heights[at] = max(heights[at], floor)
        floor = heights[at] + least
    return heights


def _key(axes: Any, *entries: tuple[str, str, str]) -> None:
    """A line of markers with their meaning, below the axes."""
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"linestyle": "none", "markersize": 9, "markeredgewidth": 2}
    handles = [Line2D([], [], marker=sign, color=colour, label=text, **style) for sign, text, colour in entries]
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.35, -0.16), "ncols": len(handles)}
    axes.legend(handles=handles, frameon=False, fontsize=9.5, **below)
