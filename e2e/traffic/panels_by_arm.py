"""Panels that compare the arms, a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any

import numpy as np
from modelrollout.simulate.inks import GREY

from e2e.traffic import figures
from e2e.traffic.figures import FEW, ArmFigures
from e2e.traffic.panels import COIN, DASHED, NO_LABELS, NO_REQUESTS, NOBODY, NOBODYS_INK, Look, Run, nothing, short

BESIDE: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
EDGE: dict[str, Any] = {"edgecolor": "white", "linewidth": 0}
TWO_LINE_CELLS, LINE_POINTS = 4, 11
COLUMNS: tuple[tuple[str, float], ...] = (
    ("requests", 0.225), ("share", 0.285), ("failed", 0.34), ("p50 ms", 0.405), ("p95 ms", 0.47), ("p99 ms", 0.535),
    ("labels", 0.605), ("accuracy (95 %)", 0.765), ("profit each", 0.895), ("profit", 0.99),
)  # fmt: skip


def latency(axes: Any, run: Run) -> None:
    """Boxes from quantiles, and beside them how many requests failed, and after how long."""
    axes.set_title("Latency, and failed requests (after how long)")
    if not len(run.asked.at):
        return nothing(axes, NO_REQUESTS)
    boxes = [figures.latencies(run.asked, row.arm) for row in run.rows]
    for place, (row, box) in enumerate(zip(run.rows, boxes, strict=True)):
        _box(axes, place, box, run.looks[row.arm])
        _failures(axes, place, run, row)
    _arms_down(axes, [short(row.arm) or NOBODY for row in run.rows])
    ends = [end for box in boxes for end in (box[0], box[-1]) if end > 0]
    if not ends:
        axes.text(0.5, 0.5, "Nobody got an answer to use.", transform=axes.transAxes, ha="center", color=GREY)
        axes.tick_params(bottom=False, labelbottom=False)
        axes.grid(visible=False)
        return None
    _milliseconds(axes, min(ends), max(ends))
    axes.set_xlabel("ms: box 25–75 %, line p50, whiskers 5–95 %, ◆ p99", fontsize=8)
    return None


def _milliseconds(axes: Any, low: float, high: float) -> None:
    """A log axis when the slowest is far from the fastest, with plain numbers."""
    if high < 10 * low:
        axes.set_xlim(0, 1.06 * high)
        axes.locator_params(axis="x", nbins=6)
        axes.xaxis.set_major_formatter("{x:,.10g}")
        return
    axes.set_xscale("log")
    axes.set_xlim(low / 1.3, high * 1.3)
    ticks = [factor * 10.0**power for power in range(-4, 8) for factor in (1, 2, 5)]
    inside = [tick for tick in ticks if low / 1.3 <= tick <= high * 1.3]
    if len(inside) > 7:
        inside = [tick for tick in inside if log10(tick) == round(log10(tick))]
    axes.set_xticks(inside, [f"{tick:,g}" for tick in inside])
    axes.minorticks_off()


def _box(axes: Any, place: int, quantiles: Sequence[float], look: Look) -> None:
    if np.isnan(quantiles[0]):
        return
    p5, p25, p50, p75, p95, p99 = quantiles
    box = {"whislo": p5, "q1": p25, "med": p50, "q3": p75, "whishi": p95, "fliers": [p99]}
    axes.bxp(
        [box],
        positions=[place],
        widths=0.55,
        orientation="horizontal",
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": look.colour, "hatch": look.hatch, "alpha": 0.8, "linewidth": 0.8},
        medianprops={"color": "black", "linewidth": 1.8},
        flierprops={"marker": "D", "markersize": 4, "markerfacecolor": look.colour, "markeredgecolor": "black"},
    )


def _failures(axes: Any, place: int, run: Run, row: ArmFigures) -> None:
    if not row.failed:
        axes.annotate("none failed", (1.015, place), color=GREY, **BESIDE)
        return
    wait = float(np.median(run.asked.seconds[(run.asked.arm == row.arm) & run.asked.failed]))
    after = f"{1000 * wait:,.0f} ms" if wait < 1 else f"{wait:,.0f} s"
    axes.annotate(f"{row.failed:,} failed ({after})", (1.015, place), weight="bold", **BESIDE)


def accuracy(axes: Any, run: Run) -> None:
    """Bars from the coin's 50 % with 95 % intervals."""
    axes.set_title("Accuracy, with 95 % intervals")
    if not len(run.told.at):
        return nothing(axes, NO_LABELS)
    rows = [row for row in run.rows if row.arm]
    mixed = figures.accuracy_at_same_mix(run.told, run.arms) if len(rows) > 1 else np.full(len(rows), np.nan)
    for place, row in enumerate(rows):
        _bar(axes, place, row, run.looks[row.arm])
        _diamond(axes, place, 100 * float(mixed[place]), are_words_short=len(rows) > TWO_LINE_CELLS)
    known = [end for row in rows if row.labelled >= FEW for end in (row.accuracy_low, row.accuracy_high)]
    known += [float(value) for value in mixed if value >= 0]
    low, high = min([*known, COIN] if known else [0.0]), max([*known, COIN] if known else [1.0])
    pad = 0.04 * (high - low)
    axes.set_xlim(100 * (low - pad), 100 * (high + pad))
    axes.axvline(100 * COIN, **DASHED)
    _arms_down(axes, [short(row.arm) for row in rows])
    explained = "; ◇ had all met the same regimes" if (mixed >= 0).any() else "; bars begin at a coin's 50 %"
    axes.set_xlabel(f"percent correct{explained}", fontsize=8)
    return None


def _bar(axes: Any, place: int, row: ArmFigures, look: Look) -> None:
    if row.labelled < FEW:
        axes.annotate(_few(row.labelled), (1.015, place), color=GREY, **BESIDE)
    else:
        axes.annotate(f"{100 * row.accuracy:.1f} % of {row.labelled:,}", (1.015, place), **BESIDE)
    if row.labelled:
        is_known = row.labelled >= FEW
        fill: dict[str, Any] = {"facecolor": look.colour, "edgecolor": "white", "hatch": look.hatch}
        axes.barh(
            place, 100 * (row.accuracy - COIN), left=100 * COIN, height=0.55, alpha=0.85 if is_known else 0.3, **fill
        )
        middle, spread = (row.accuracy_low + row.accuracy_high) / 2, (row.accuracy_high - row.accuracy_low) / 2
        ink: dict[str, Any] = {"ecolor": "black" if is_known else NOBODYS_INK, "elinewidth": 1.4, "capsize": 3}
        axes.errorbar(100 * middle, place, xerr=100 * spread, fmt="none", **ink)


def _diamond(axes: Any, place: int, percent: float, are_words_short: bool) -> None:
    """The accuracy at the same mix of regimes; nothing when it is not known."""
    if np.isnan(percent):
        return
    axes.plot(percent, place, marker="D", markersize=5, color="white", markeredgecolor="black", zorder=6)
    if not are_words_short:
        beside: dict[str, Any] = {"xytext": (0, -LINE_POINTS), "textcoords": "offset points"}
        axes.annotate(f"◇ {percent:.1f} %", (1.015, place), **beside, **BESIDE)


def _few(labels: int) -> str:
    return "no labels" if not labels else "only 1 label" if labels == 1 else f"only {labels} labels"


def regimes(axes: Any, run: Run) -> None:
    """Accuracy by regime and arm, with the number of labels; cells of few labels are hatched."""
    axes.set_title("Accuracy by regime (number of labels)")
    if not len(run.told.at):
        return nothing(axes, NO_LABELS)
    ruled = figures.regimes(run.told)
    if not ruled:
        return nothing(axes, "The labels do not say which regime ruled.")
    correct, labelled = figures.accuracy_by_regime(run.told, run.arms, ruled)
    percent = np.where(labelled >= FEW, 100 * correct / np.maximum(labelled, 1), np.nan)
    reach = max(8.0, 1.15 * float(np.nanmax(np.abs(percent - 100 * COIN), initial=0.0)))
    image = axes.imshow(percent, cmap="BrBG", vmin=100 * COIN - reach, vmax=100 * COIN + reach, aspect="auto")
    for y, x in np.ndindex(labelled.shape):
        _cell(axes, x, y, float(percent[y, x]), int(labelled[y, x]), image)
    axes.set_xlabel("white: a coin's 50 %; green: better; brown: worse", fontsize=8)
    axes.set_xticks(range(len(ruled)), [short(regime, 12) for regime in ruled])
    _arms_down(axes, [short(arm) for arm in run.arms])
    axes.set(xlim=(-0.5, len(ruled) - 0.5), ylim=(len(run.arms) - 0.5, -0.5))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return None


def _cell(axes: Any, x: int, y: int, percent: float, count: int, image: Any) -> None:
    from matplotlib.patches import Rectangle

    words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
    frame: dict[str, Any] = {"edgecolor": "white", "linewidth": 1.5}
    if np.isnan(percent):
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="#EDEDED", hatch="////", **frame))
        axes.text(x, y, _few(count), color="#444444", **words)
        return
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, **frame))
    red, green, blue, _ = image.cmap(image.norm(percent))
    ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
    between = "\n" if image.get_array().shape[0] <= TWO_LINE_CELLS else " "
    axes.text(x, y, f"{percent:.1f} %{between}({_short(count)})", color=ink, **words)


def _short(count: int) -> str:
    """As much of a number as a cell has room for: 969, 1.6k, 21k."""
    if count < 1_000:
        return str(count)
    return f"{count / 1_000:.2g}k" if count < 10_000 else f"{count / 1_000:.0f}k"


def table(axes: Any, run: Run) -> None:
    """The figures of each arm."""
    from matplotlib.patches import Rectangle

    axes.set_axis_off()
    if not run.rows:
        return nothing(axes, "No arm answered, and no labels have arrived.")
    axes.set(xlim=(0, 1), ylim=(len(run.rows) - 0.4, -1.5))
    unit = ", bp" if figures.profit_unit(run.told) == "basis points" else ""
    for name, x in (("arm", 0.03), *COLUMNS):
        axes.text(
            x,
            -1,
            name + unit if "profit" in name else name,
            weight="bold",
            ha="left" if name == "arm" else "right",
            va="center",
        )
    axes.axhline(-0.5, color="black", linewidth=0.8)
    for place, row in enumerate(run.rows):
        look = run.looks[row.arm]
        axes.add_patch(Rectangle((0.005, place - 0.3), 0.014, 0.6, facecolor=look.colour, hatch=look.hatch, **EDGE))
        axes.text(0.03, place, short(row.arm) or NOBODY, va="center")
        for (_, x), said in zip(COLUMNS, _words(row), strict=True):
            axes.text(x, place, said, ha="right", va="center")
    return None


def _words(row: ArmFigures) -> list[str]:
    """The cells of a row; empty where nothing is known."""
    interval = f"{100 * row.accuracy:.1f} % ({100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f})"
    return [
        f"{row.requests:,}",
        f"{100 * row.share:.1f} %" if row.arm and row.share >= 0 else "",
        f"{row.failed:,}",
        *(_three_digits(value) for value in (row.p50, row.p95, row.p99)),
        f"{row.labelled:,}" if row.arm else "",
        interval if row.labelled else "",
        _with_error(row.profit_mean, row.profit_error) if row.labelled else "",
        f"{row.profit_sum:+,.0f}" if row.labelled else "",
    ]


def _three_digits(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _with_error(mean: float, error: float) -> str:
    """The mean to the digits that its error leaves."""
    if np.isnan(error) or error <= 0:
        return f"{mean:+.2f}"
    digits = min(6, max(0, 1 - floor(log10(error))))
    return f"{mean:+,.{digits}f} ± {error:,.{digits}f}"


def _arms_down(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
