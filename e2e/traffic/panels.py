"""What all panels of the picture of a traffic run share: the run, how each arm is drawn, words, and the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from modelrollout.simulate.inks import BLUE, GREEN, GREY, ORANGE, PURPLE, RED

from e2e.traffic import figures
from e2e.traffic.figures import ArmFigures, Asked, Told

INKS = (BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", "#2B2B2B")  # of Okabe and Ito 2008, without the yellow
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)))  # an arm's second way to be known, when colours run out
HATCHES = ("", "/////")
MOST_ARMS = len(INKS) * len(DASHES)
NOBODY, NOBODYS_INK = "no arm", "#9A9A9A"
LONGEST_NAME = 20
NAMES_IN_A_ROW = 7
COIN = 0.5
DASHED: Any = {"color": "black", "linewidth": 0.8, "linestyle": (0, (4, 3))}
NO_REQUESTS, NO_LABELS = "No requests were sent.", "No labels have arrived."


@dataclass(frozen=True)
class Look:
    """How an arm is drawn."""

    colour: str
    dash: Any
    hatch: str


@dataclass(frozen=True)
class Run:
    """What is drawn. Times are Unix seconds; `unit` is (seconds, name) of the axis of time."""

    asked: Asked
    told: Told
    arms: tuple[str, ...]
    left_out: int
    """Arms that are not drawn, because there are too many to tell them apart."""
    looks: dict[str, Look]
    rows: tuple[ArmFigures, ...]
    """The arms' figures, and last those of the requests that no arm answered, when there are some."""
    start: float
    end: float
    unit: tuple[float, str]
    marks: tuple[tuple[float, str], ...]
    """Those between start and end."""

    @property
    def width(self) -> float:
        """Of the axis of time, in its unit."""
        return (self.end - self.start) / self.unit[0]

    def x(self, times: Any) -> Any:
        """Places on the axis of time."""
        return (np.asarray(times) - self.start) / self.unit[0]


def run_of(asked: Asked, told: Told, marks: Sequence[tuple[float, str]] = ()) -> Run:
    """All that the panels need; of too many arms those of which most is known."""
    every = figures.arms(asked, told)
    known = {arm: int((asked.arm == arm).sum() + (told.arm == arm).sum()) for arm in every}
    arms = tuple(sorted(sorted(every, key=lambda arm: -known[arm])[:MOST_ARMS]))
    times = np.concatenate([asked.at, told.at])
    start, last = (float(times.min()), float(times.max())) if len(times) else (0.0, 0.0)
    end = max(last, start + 1)
    named = [*arms, ""] if (asked.arm == "").any() else arms
    return Run(
        asked=asked,
        told=told,
        arms=arms,
        left_out=len(every) - len(arms),
        looks={arm: _look(at) for at, arm in enumerate(arms)} | {"": Look(NOBODYS_INK, "-", "")},
        rows=tuple(figures.of_arm(asked, told, arm) for arm in named),
        start=start,
        end=end,
        unit=_unit(end - start),
        marks=tuple(sorted(mark for mark in marks if start <= mark[0] <= end)),
    )


def _look(place: int) -> Look:
    again = place // len(INKS)
    return Look(INKS[place % len(INKS)], DASHES[again], HATCHES[again])


def _unit(span: float) -> tuple[float, str]:
    units = ((300.0, 1.0, "seconds"), (10_800.0, 60.0, "minutes"), (259_200.0, 3600.0, "hours"))
    return next(((size, name) for most, size, name in units if span <= most), (86_400.0, "days"))


def head_inches(run: Run) -> float:
    """The height that the head needs."""
    return 0.62 + 0.2 * max(1, -(-len(run.rows) // NAMES_IN_A_ROW))


def head(axes: Any, run: Run, title: str) -> None:
    """The title, a line of figures, and which colour is which arm."""
    from matplotlib.patches import Patch

    axes.set_axis_off()
    below: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    axes.annotate(title, (0, 1), (0, 0), fontsize=13, weight="bold", **below)
    axes.annotate(summary(run), (0, 1), (0, -20), fontsize=9, color=GREY, **below)
    looks = [(short(row.arm) or NOBODY, run.looks[row.arm]) for row in run.rows]
    handles = [Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", label=name) for name, look in looks]
    style: dict[str, Any] = {"frameon": False, "handlelength": 1.2, "columnspacing": 1.4, "borderaxespad": 0}
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.004, -0.1), ncols=NAMES_IN_A_ROW, **style)


def summary(run: Run) -> str:
    """The run in one line."""
    parts = [_counted(len(run.asked.at), "request")]
    if len(run.asked.at):
        parts[0] += f" in {_duration(run.end - run.start)}"
    parts.append(f"{int(run.asked.failed.sum()):,} failed")
    garbage = run.asked.is_garbage
    if garbage.any():
        refused = int((garbage & run.asked.is_refused).sum())
        parts.append(f"{int(garbage.sum()):,} nonsense on purpose, {refused:,} of them refused")
    parts.append(_counted(len(run.told.at), "label"))
    if run.left_out:
        parts.append(f"not shown: {_counted(run.left_out, 'arm')} with less traffic")
    return "  ·  ".join(parts)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def nothing(axes: Any, sentence: str) -> None:
    """A panel that has nothing to show says why."""
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    axes.grid(visible=False)


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """The name, cut in the middle when it is too long: names of versions differ at their ends."""
    name = name.replace("$", r"\$")  # matplotlib would read what is between two of them as a formula
    if len(name) <= longest:
        return name
    return f"{name[: longest // 2]}…{name[-(longest - longest // 2 - 1) :]}"
