"""Looks as a table for people (pure)."""

from collections.abc import Sequence

from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import GuardrailStatus, Verdict
from modelrollout.plan.draft import timestamp
from modelrollout.replay import again
from modelrollout.replay.again import Look, Mark


def text(spec: RolloutSpec, looks: Sequence[Look], everything: bool, has_stages: bool = True) -> str:
    """The looks: all of them, or the first, each that changed something, and the last."""
    shown = list(looks) if everything else telling(looks)
    names = [rail.name for rail in spec.guardrails]
    titles = [
        "look",
        "time",
        *_staged(has_stages, "stage", "weight"),
        *(f"{name} fail/pass" for name in names),
        "verdict",
    ]
    rows = [titles, *(_row(spec, look, has_stages) for look in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    left_out = len(looks) - len(shown)
    rest = [f"(--all shows the {left_out} more that changed nothing)"] if left_out else []
    return "\n".join([*lines, *rest])


def telling(looks: Sequence[Look]) -> list[Look]:
    """The first, each that changed a stage, a weight or a verdict, and the last."""
    return [
        look
        for place, look in enumerate(looks)
        if place in (0, len(looks) - 1) or _state(look) != _state(looks[place - 1])
    ]


def _state(look: Look) -> tuple[object, ...]:
    return (look.stage, look.weight, again.said(look))


def _row(spec: RolloutSpec, look: Look, has_stages: bool) -> list[str]:
    marks = again.marks(spec, look.judged.engine)
    stage, weight = f"{look.stage + 1}/{len(spec.stages)}", "-" if look.weight is None else f"{look.weight} %"
    cells = [_cell(one, marks.get(one.name)) for one in look.judged.guardrails]
    return [str(look.number), timestamp(look.at), *_staged(has_stages, stage, weight), *cells, str(look.judged.verdict)]


def _staged(has_stages: bool, *cells: str) -> tuple[str, ...]:
    """The cells of columns that a past without stages has not."""
    return cells if has_stages else ()


def _cell(said: GuardrailStatus, mark: Mark | None) -> str:
    numbers = "" if mark is None else f"{_percent(mark.fail)} / {_percent(mark.passed)}"
    return numbers if said.verdict is Verdict.INCONCLUSIVE and numbers else f"{numbers} {said.verdict}".strip()


def _percent(value: float) -> str:
    """Beyond its bound, evidence changes nothing more."""
    return f"{max(-100.0, min(value, 100.0)):.0f} %"
