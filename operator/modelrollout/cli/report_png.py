"""The pictures of a report as one PNG. matplotlib is imported late: neither the operator nor other commands need it."""

import textwrap
from io import BytesIO
from typing import Any

from modelrollout.cli import report_facts, spans, wording
from modelrollout.cli.report_facts import Course, Drawn, Past, Timeline
from modelrollout.cli.report_page import Report
from modelrollout.simulate.inks import BLUE, GREEN, GREY, RED

WIDE, DOTS = 9.0, 150
LETTERS = 110  # of a line
ROOM = 0.07  # of an axis, between two labels
LINE_TALL, RAIL_TALL, COURSE_TALL = 2.6, 1.1, 2.2
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": "sans-serif",
}


def draw(report: Report) -> bytes:
    """The PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    rails = _rails(report)
    courses = report.past.courses if report.past else ()
    heights = [LINE_TALL, *(RAIL_TALL for _ in rails), *(COURSE_TALL for _ in courses)]
    with mpl.rc_context(STYLE):
        figure, panels = pyplot.subplots(
            len(heights),
            1,
            figsize=(WIDE, sum(heights) + 1.1),
            height_ratios=heights,
            layout="constrained",
            squeeze=False,
        )
        axes = [row[0] for row in panels]
        _title(figure, report)
        _timeline(axes[0], report_facts.timeline(report.rollout, report.now))
        for panel, (words, drawn) in zip(axes[1:], rails, strict=False):
            _interval(panel, words, drawn)
        for panel, course in zip(axes[1 + len(rails) :], courses, strict=True):
            _course(panel, course, report.past)
        out = BytesIO()
        figure.savefig(out, dpi=DOTS, format="png", metadata={"Software": None})
        pyplot.close(figure)
    return out.getvalue()


def _title(figure: Any, report: Report) -> None:
    rollout = report.rollout
    where = f"{rollout.name}: {rollout.phase}, {wording.where(rollout)}"
    figure.suptitle(_plain(f"{where}\n{_wrapped(rollout.message)}"), x=0.01, ha="left", fontsize=11)


def _timeline(axes: Any, drawn: Timeline) -> None:
    at = [step.at - drawn.since for step in drawn.steps]
    weights = [step.weight for step in drawn.steps]
    end = drawn.until - drawn.since
    axes.step([0.0, *at, end], [0, *weights, weights[-1] if weights else 0], where="post", color=BLUE, linewidth=2.2)
    for x, step in zip(at, drawn.steps, strict=True):
        colour = (
            RED if step.reason in {"RolledBack", "Aborted", "Undone"} else GREEN if step.reason == "Promoted" else BLUE
        )
        axes.plot(x, step.weight, "o", color=colour, markersize=5)
    for step in drawn.later_attempts:
        axes.axvline(step.at - drawn.since, color=GREY, linewidth=1, linestyle=(0, (2, 3)))
        axes.annotate(
            f"attempt {step.attempt}", (step.at - drawn.since, 104), (3, 2), textcoords="offset points", fontsize=8
        )
    axes.set(ylim=(-4, 104), xlim=(0, max(end, 1.0)), ylabel="candidate, %")
    _time_ticks(axes, end)
    axes.grid(color="#E6E6E6")


def _interval(axes: Any, words: str, drawn: Drawn) -> None:
    if drawn.scale.is_log:
        axes.set_xscale("log")
    low, high = drawn.scale.low, drawn.scale.high
    axes.set(xlim=(low, high), ylim=(-1, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    if drawn.limit is not None and drawn.harm:
        axes.axvspan(drawn.limit, high if drawn.harm > 0 else low, color=RED, alpha=0.14, linewidth=0)
        axes.axvline(drawn.limit, color=RED, linewidth=1.6)
    if drawn.equal is not None:
        axes.axvline(drawn.equal, color=GREY, linewidth=1, linestyle=(0, (3, 3)))
    ends = (low if drawn.low is None else drawn.low, high if drawn.high is None else drawn.high)
    axes.plot(ends, (0, 0), color=BLUE, linewidth=3, solid_capstyle="butt")
    if drawn.estimate is not None:
        axes.plot(drawn.estimate, 0, "o", color="black", markersize=6)
    axes.set_title(_plain(_wrapped(words, 2)), loc="left", fontsize=9.5)
    axes.minorticks_off()
    ticks = _apart(drawn)
    axes.set_xticks(ticks, [_plain(drawn.told(tick)) for tick in ticks])


def _apart(drawn: Drawn) -> list[float]:
    """The numbers worth a label, the most telling first to take its place."""
    kept: list[float] = []
    for value in (drawn.limit if drawn.harm else None, drawn.estimate, drawn.low, drawn.high, drawn.equal):
        if value is not None and all(abs(drawn.scale.place(value) - drawn.scale.place(one)) > ROOM for one in kept):
            kept.append(value)
    return sorted(kept)


def _course(axes: Any, course: Course, past: Past | None) -> None:
    at = [one - course.at[0] for one in course.at]
    to_fail, to_pass = ([min(one, 100.0) for one in values] for values in (course.to_fail, course.to_pass))
    axes.plot(at, to_fail, color=RED, linewidth=1.8, label="to fail")
    axes.plot(at, to_pass, color=GREEN, linewidth=1.8, linestyle=(0, (6, 2)), label="to pass")
    axes.axhline(100, color="black", linewidth=1, linestyle=(0, (4, 3)))
    for gate in past.gates if past else ():
        axes.axvline(gate - course.at[0], color=GREY, linewidth=1, linestyle=(0, (2, 3)))
    axes.set(ylim=(-100, 112), ylabel="evidence, %", xlim=(0, max(at[-1], 1.0)))
    axes.set_title(_plain(f"{course.name}: evidence, look by look"), loc="left", fontsize=9.5)
    axes.legend(frameon=False, fontsize=9, loc="lower left", ncols=2)
    _time_ticks(axes, at[-1])


def _rails(report: Report) -> list[tuple[str, Drawn]]:
    """What each guardrail says above its interval, of those that have one."""
    raw = {one.get("name"): one for one in (report.found.get("status") or {}).get("guardrails") or []}
    drawn = [(rail, report_facts.drawn(raw.get(rail.name) or {}, report.spec)) for rail in report.rollout.rails]
    return [
        (
            f"{rail.name}: {wording.VERDICTS.get(rail.verdict, rail.verdict)}   {rail.estimate}   "
            f"{wording.measured(rail)}   limit {rail.limit}   evidence {rail.evidence} %",
            one,
        )
        for rail, one in drawn
        if one is not None
    ]


def _time_ticks(axes: Any, span: float) -> None:
    ticks = report_facts.ticks(span)
    axes.set_xticks(ticks, [f"+{spans.short(tick)}" for tick in ticks])


def _wrapped(words: str, most: int = 3) -> str:
    return "\n".join(textwrap.wrap(words, LETTERS)[:most])


def _plain(words: str) -> str:
    """matplotlib takes what stands between two dollars for mathematics."""
    return words.replace("$", r"\$")
