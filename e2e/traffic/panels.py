"""The panels of the picture of a traffic run, each on axes of its own. An arm has one colour in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from modelrollout.simulate.inks import BLUE, GREEN, GREY, ORANGE, PURPLE, RED

from e2e.traffic import figures
from e2e.traffic.figures import FEW, ArmFigures, Asked, Floats, Told

INKS = (BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", "#2B2B2B")  # of Okabe and Ito 2008, without the yellow
DASHES, HATCHES = ("-", (0, (4, 1.5)), (0, (1, 1))), ("", "////", "....")  # an arm's second way to be known
NOBODY = "no arm"
MOST_ARMS, MOST_MARK_ROWS, LONGEST_NAME, LONGEST_WORDS = 12, 5, 20, 28
COIN = 0.5
FAINT = "#9A9A9A"
PERCENT = "%"


@dataclass(frozen=True)
class Look:
    """How an arm is drawn."""

    colour: str
    dash: Any
    hatch: str


@dataclass(frozen=True)
class Run:
    """What all panels share. Times are Unix seconds; `unit` is (seconds, name) of the axis of time."""

    asked: Asked
    told: Told
    arms: tuple[str, ...]
    left_out: int
    looks: dict[str, Look]
    rows: tuple[ArmFigures, ...]
    """The arms' figures, and those of the requests that no arm answered when there are some."""
    start: float
    end: float
    unit: tuple[float, str]
    marks: tuple[tuple[float, str], ...]

    def x(self, times: Any) -> Any:
        """Places on the axis of time."""
        return (np.asarray(times) - self.start) / self.unit[0]


def run_of(asked: Asked, told: Told, marks: Sequence[tuple[float, str]] = ()) -> Run:
    """All that the panels need; of more than a dozen arms those that are known best."""
    every = figures.arms(asked, told)
    known = {arm: int((asked.arm == arm).sum() + (told.arm == arm).sum()) for arm in every}
    arms = tuple(sorted(sorted(every, key=lambda arm: -known[arm])[:MOST_ARMS]))
    looks = {
        arm: Look(INKS[at % len(INKS)], DASHES[at // len(INKS)], HATCHES[at // len(INKS)])
        for at, arm in enumerate(arms)
    }
    times = np.concatenate([asked.at, told.at])
    start, end = (float(times.min()), float(times.max())) if len(times) else (0.0, 0.0)
    named = [*arms, ""] if (asked.arm == "").any() else arms
    return Run(
        asked=asked,
        told=told,
        arms=arms,
        left_out=len(every) - len(arms),
        looks=looks | {"": Look(FAINT, "-", "")},
        rows=tuple(figures.of_arm(asked, told, arm) for arm in named),
        start=start,
        end=max(end, start + 1),
        unit=_unit(end - start),
        marks=tuple(sorted(marks)),
    )


def head(axes: Any, run: Run, title: str) -> None:
    """The title, a line of figures, and which colour is which arm."""
    from matplotlib.patches import Patch

    axes.set_axis_off()
    axes.text(0, 1.0, title, fontsize=13, weight="bold", va="top")
    axes.text(0, 0.52, _summary(run), fontsize=9, color=GREY, va="top")
    handles = [
        Patch(facecolor=run.looks[arm].colour, hatch=run.looks[arm].hatch, edgecolor="white", label=short(arm))
        for arm in run.arms
    ]
    if (run.asked.arm == "").any():
        handles.append(Patch(facecolor=FAINT, label=NOBODY))
    style: dict[str, Any] = {"frameon": False, "handlelength": 1.2, "columnspacing": 1.4, "borderaxespad": 0}
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.004, -0.35), ncols=7, **style)


def shares(axes: Any, run: Run) -> None:
    """Which arm answered how much of the traffic."""
    axes.set_title("Share of traffic", pad=5 + 11 * _mark_rows(run))
    if not len(run.asked.at):
        return nothing(axes, "No requests were sent.")
    edges = figures.edges(run.start, run.end)
    each = 100 * figures.shares(run.asked, run.arms, edges)
    low = np.zeros(each.shape[1])
    for arm, share in zip((*run.arms, ""), each, strict=True):
        look = run.looks[arm]
        places = {"step": "post", "facecolor": look.colour, "hatch": look.hatch, "edgecolor": "white", "linewidth": 0}
        axes.fill_between(run.x(edges), *_steps(low, low + share), **places)
        low = low + share
    axes.set(ylim=(0, 100), ylabel="percent of requests")
    axes.grid(visible=False)
    _by_time(axes, run)
    return _name_marks(axes, run)


def accuracy_over_time(axes: Any, run: Run) -> None:
    """How the accuracy of each arm moved, in bins of at least FEW labels, over the climates."""
    axes.set_title("Accuracy, by the time of the prediction (bands: 95 %)")
    if not len(run.told.at):
        return nothing(axes, "No labels have arrived.")
    drawn = [_accuracy_line(axes, run, arm) for arm in run.arms]
    if not any(drawn):
        return nothing(axes, f"Fewer than {FEW} labels in any stretch of time: too few for a curve.")
    axes.axhline(100 * COIN, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylabel("percent correct")
    _shade_climates(axes, run)
    return _by_time(axes, run)


def _accuracy_line(axes: Any, run: Run, arm: str) -> bool:
    """False when no bin has labels enough."""
    labels = int((run.told.arm == arm).sum())
    edges = figures.edges(run.start, run.end, most=int(np.clip(labels // 100, 1, 30)))
    correct, labelled = figures.accuracy_over_time(run.told, arm, edges)
    enough = labelled >= FEW
    low, high, middle = (
        np.where(enough, 100 * values, np.nan)
        for values in (*figures.wilson(correct, labelled), correct / np.maximum(labelled, 1))
    )
    look = run.looks[arm]
    axes.step(run.x(edges), *_steps(middle), where="post", color=look.colour, linestyle=look.dash, linewidth=1.8)
    if len(run.arms) <= 4:
        axes.fill_between(run.x(edges), *_steps(low, high), step="post", color=look.colour, alpha=0.13, linewidth=0)
    return bool(enough.any())


def profit(axes: Any, run: Run) -> None:
    """What following the predictions has earned so far."""
    axes.set_title("Profit so far, all predictions of an arm together (bands: 1 standard error)")
    axes.set_xlabel(f"{run.unit[1]} since the first request")
    if not len(run.told.at):
        return nothing(axes, "No labels have arrived.")
    times = np.linspace(run.start, run.end, 300)
    for arm in run.arms:
        total, error = figures.profit_over_time(run.told, arm, np.append(times[:-1], np.inf))
        look = run.looks[arm]
        axes.plot(run.x(times), total, color=look.colour, linestyle=look.dash, linewidth=1.8)
        axes.fill_between(run.x(times), total - error, total + error, color=look.colour, alpha=0.15, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylabel(_profit_unit(run))
    return _by_time(axes, run)


def latency(axes: Any, run: Run) -> None:
    """Boxes from quantiles, and a cross for each request that failed (of many, some)."""
    axes.set_title("Latency, and failed requests (×)")
    if not len(run.asked.at):
        return nothing(axes, "No requests were sent.")
    lowest = []
    for place, row in enumerate(run.rows):
        quantiles = figures.latencies(run.asked, row.arm)
        lowest.append(quantiles[0])
        _box(axes, place, quantiles, run.looks[row.arm].colour)
        _crosses(axes, place, run, row)
    _arms_down(axes, run)
    highest = max((row.p99 for row in run.rows if row.p99 > 0), default=0)
    if run.asked.failed.any() or highest > 20 * np.nanmin([*lowest, np.inf]):
        axes.set_xscale("log")
    axes.set_xlabel("ms: box 25 to 75 %, line p50, whiskers 5 to 95 %, diamond p99")
    return None


def _box(axes: Any, place: int, quantiles: Sequence[float], colour: str) -> None:
    if np.isnan(quantiles[0]):
        return
    p5, p25, p50, p75, p95, p99 = quantiles
    box = {"whislo": p5, "q1": p25, "med": p50, "q3": p75, "whishi": p95, "fliers": [p99]}
    axes.bxp(
        [box], positions=[place], widths=0.55, orientation="horizontal", patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": colour, "alpha": 0.75, "linewidth": 0.8},
        medianprops={"color": "black", "linewidth": 1.8},
        flierprops={"marker": "D", "markersize": 4, "markerfacecolor": colour, "markeredgecolor": "black"},
    )  # fmt: skip


def _crosses(axes: Any, place: int, run: Run, row: ArmFigures) -> None:
    waits = 1000 * np.sort(run.asked.seconds[(run.asked.arm == row.arm) & run.asked.failed])
    if len(waits):
        some = np.maximum(waits[:: max(1, len(waits) // 50)], 0.01)
        axes.plot(some, np.full(len(some), place), linestyle="none", marker="x", color="black", markersize=4, zorder=6)
    colour, weight = ("black", "bold") if row.failed else (GREY, "normal")
    axes.annotate(f"{row.failed:,} failed", (1.01, place), xycoords=("axes fraction", "data"), va="center",
                  fontsize=8, color=colour, weight=weight)  # fmt: skip


def accuracy(axes: Any, run: Run) -> None:
    """Bars from the coin's 50 % with 95 % intervals."""
    axes.set_title("Accuracy, with 95 % intervals")
    if not len(run.told.at):
        return nothing(axes, "No labels have arrived.")
    rows = [row for row in run.rows if row.arm]
    for place, row in enumerate(rows):
        _bar(axes, place, row, run.looks[row.arm])
    ends = [end for row in rows if row.labelled >= FEW for end in (row.accuracy_low, row.accuracy_high)] or [0.0, 1.0]
    pad = 0.04 * (max(*ends, COIN) - min(*ends, COIN))
    axes.set_xlim(100 * max(0.0, min(*ends, COIN) - pad), 100 * min(1.0, max(*ends, COIN) + pad))
    axes.axvline(100 * COIN, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    _arms_down(axes, run, with_nobody=False)
    axes.set_xlabel("percent correct; bars begin at a coin's 50 %")
    return None


def _bar(axes: Any, place: int, row: ArmFigures, look: Look) -> None:
    is_known = row.labelled >= FEW
    said = f"{100 * row.accuracy:.1f} % of {row.labelled:,}" if is_known else f"only {row.labelled} labels"
    axes.annotate(said, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8,
                  color="black" if is_known else GREY)  # fmt: skip
    if row.labelled:
        kind = {"alpha": 0.8} if is_known else {"alpha": 0.25, "hatch": "///"}
        axes.barh(place, 100 * (row.accuracy - COIN), left=100 * COIN, height=0.55, color=look.colour, **kind)
        line = {"color": "black" if is_known else FAINT, "linewidth": 1.4, "capsize": 3}
        middle, spread = (row.accuracy_low + row.accuracy_high) / 2, (row.accuracy_high - row.accuracy_low) / 2
        axes.errorbar(100 * middle, place, xerr=100 * spread, fmt="none", ecolor=line.pop("color"), **line)


def regimes(axes: Any, run: Run) -> None:
    """Accuracy by regime and arm, with the number of labels; cells of few labels are hatched."""
    axes.set_title("Accuracy by regime (number of labels)")
    ruled = figures.regimes(run.told)
    if not len(run.told.at):
        return nothing(axes, "No labels have arrived.")
    if not ruled:
        return nothing(axes, "The labels do not say which regime ruled.")
    correct, labelled = figures.accuracy_by_regime(run.told, run.arms, ruled)
    shown = np.where(labelled >= FEW, 100 * correct / np.maximum(labelled, 1), np.nan)
    reach = max(5.0, float(np.nanmax(np.abs(shown - 100 * COIN), initial=0.0)) * 1.15)
    image = axes.imshow(shown, cmap="RdBu", vmin=50 - reach, vmax=50 + reach, aspect="auto")
    for at, arm_cells in enumerate(labelled):
        for place, count in enumerate(arm_cells):
            _cell(axes, place, at, shown[at, place], int(count), image)
    axes.set_xticks(range(len(ruled)), [short(regime) for regime in ruled])
    axes.set_yticks(range(len(run.arms)), [short(arm) for arm in run.arms])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return None


def _cell(axes: Any, x: int, y: int, percent: float, count: int, image: Any) -> None:
    from matplotlib.patches import Rectangle

    if np.isnan(percent):
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="#F4F4F4", edgecolor="#D5D5D5", hatch="////"))
        axes.text(x, y, f"only {count}" if count else "none", ha="center", va="center", fontsize=8, color=GREY)
        return
    red, green, blue, _ = image.cmap(image.norm(percent))
    is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
    said = f"{percent:.1f} % ({count:,})"
    axes.text(x, y, said, ha="center", va="center", fontsize=8, color="white" if is_dark else "black")


COLUMNS: tuple[tuple[str, float], ...] = (
    ("requests", 0.25), ("share", 0.31), ("failed", 0.37), ("p50 ms", 0.43), ("p95 ms", 0.49), ("p99 ms", 0.55),
    ("labels", 0.62), ("accuracy (95 %)", 0.77), ("profit each", 0.89), ("profit", 0.985),
)  # fmt: skip


def table(axes: Any, run: Run) -> None:
    """The figures of each arm."""
    axes.set_axis_off()
    if not run.rows:
        return nothing(axes, "No arm answered, and no labels have arrived.")
    axes.set(xlim=(0, 1), ylim=(len(run.rows) - 0.4, -1.5))
    for name, x in (("arm", 0.03), *COLUMNS):
        axes.text(x, -1, name, weight="bold", ha="left" if name == "arm" else "right", va="center")
    axes.axhline(-0.5, color="black", linewidth=0.8)
    for place, row in enumerate(run.rows):
        axes.plot(0.012, place, marker="s", markersize=8, color=run.looks[row.arm].colour)
        axes.text(0.03, place, short(row.arm) or NOBODY, va="center")
        for (_, x), said in zip(COLUMNS, _words(row), strict=True):
            axes.text(x, place, said, ha="right", va="center")
    return None


def _words(row: ArmFigures) -> list[str]:
    points = f"{100 * row.accuracy:.1f} % ({100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f})"
    error = "" if np.isnan(row.profit_error) else f" ± {row.profit_error:.2g}"
    return [
        f"{row.requests:,}", f"{100 * row.share:.1f} %" if row.arm and row.share >= 0 else "", f"{row.failed:,}",
        *(f"{value:.1f}" if value >= 0 else "" for value in (row.p50, row.p95, row.p99)),
        f"{row.labelled:,}" if row.arm else "", points if row.labelled else "",
        f"{row.profit_mean:+.2f}{error}" if row.labelled else "", f"{row.profit_sum:+,.0f}" if row.labelled else "",
    ]  # fmt: skip


def nothing(axes: Any, sentence: str) -> None:
    """A panel that has nothing to show says why."""
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """The name, cut in the middle when it is too long: names of versions differ at their ends."""
    if len(name) <= longest:
        return name
    return f"{name[: longest // 2]}…{name[-(longest - longest // 2 - 1) :]}"


def _summary(run: Run) -> str:
    sent, span = len(run.asked.at), run.end - run.start
    parts = [f"{sent:,} requests in {_duration(span)}", f"{int(run.asked.failed.sum()):,} failed"]
    garbage = run.asked.is_garbage
    if garbage.any():
        refused = int((garbage & ~run.asked.is_ok).sum())
        parts.append(f"{int(garbage.sum()):,} nonsense on purpose, of which {refused:,} were refused")
    parts.append(f"{len(run.told.at):,} labels")
    if run.left_out:
        parts.append(f"{run.left_out} arms with less traffic are not shown")
    return "  ·  ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _unit(span: float) -> tuple[float, str]:
    units = ((180.0, 1.0, "seconds"), (10_800.0, 60.0, "minutes"), (259_200.0, 3600.0, "hours"))
    return next(((size, name) for most, size, name in units if span <= most), (86_400.0, "days"))


def _profit_unit(run: Run) -> str:
    """Labels of the market come in basis points; of labels that were made up nobody knows the unit."""
    return "basis points" if (run.told.regime != "").any() else "profit"


def _steps(*values: Floats) -> list[Floats]:
    """The last bin's value twice, so that the step of the last bin is drawn."""
    return [np.append(each, each[-1]) for each in values]


def _by_time(axes: Any, run: Run) -> None:
    axes.set_xlim(0, float(run.x(run.end)))
    for at, _ in _marks_inside(run):
        axes.axvline(float(run.x(at)), color="black", linewidth=1)


def _arms_down(axes: Any, run: Run, with_nobody: bool = True) -> None:
    names = [short(row.arm) or NOBODY for row in run.rows if row.arm or with_nobody]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def _shade_climates(axes: Any, run: Run) -> None:
    spans = figures.climates(run.asked, figures.edges(run.start, run.end))
    if len({name for *_, name in spans}) < 2:
        return
    for place, (begins, ends, name) in enumerate(spans):
        left, right = float(run.x(begins)), float(run.x(min(ends, run.end)))
        axes.axvspan(left, right, color="#DDE3E8" if place % 2 else "#F5F7F8", zorder=0, linewidth=0)
        axes.text(
            (left + right) / 2,
            0.97,
            name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            color=GREY,
        )


def _marks_inside(run: Run) -> list[tuple[float, str]]:
    return [(at, words) for at, words in run.marks if run.start <= at <= run.end]


def _mark_places(run: Run) -> list[tuple[float, int, str]]:
    """Where the words of each mark go: x, the row in which they touch no others, and the words."""
    ends: list[float] = []
    places = []
    for at, words in _marks_inside(run):
        said, x = short(words, LONGEST_WORDS), float(run.x(at))
        width = (len(said) + 1.5) * 0.0125 * float(run.x(run.end))
        row = next((row for row, end in enumerate(ends) if end <= x), len(ends))
        ends[row : row + 1] = [x + width]
        places.append((x, row, said))
    return places


def _mark_rows(run: Run) -> int:
    return min(MOST_MARK_ROWS, max((row + 1 for _, row, _ in _mark_places(run)), default=0))


def _name_marks(axes: Any, run: Run) -> None:
    for x, row, words in _mark_places(run):
        if row < MOST_MARK_ROWS:
            axes.annotate(words, (x, 1), xycoords=axes.get_xaxis_transform(), xytext=(-1, 3 + 11 * row),
                          textcoords="offset points", fontsize=8, annotation_clip=False)  # fmt: skip
