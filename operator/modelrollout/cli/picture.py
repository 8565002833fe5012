"""A rollout on one screen: where it stands, why, and what happens next. Pure: views and the time in, rows out."""

import re
from collections.abc import Sequence
from itertools import pairwise

from modelrollout.cli import spans, wording
from modelrollout.cli.layout import BREAK, Cell, Row, row
from modelrollout.cli.parts import Part
from modelrollout.cli.views import Arm, Entry, Rail, Rollout, Told
from modelrollout.cli.wording import STYLES, VERDICTS, age

_BEGINS = re.compile(r"\bStage (\d+)(?: of \d+)? begins\b")
_STARTS = {"StageStarted", "Skipped", "PromotedByHand"}
_ENDS = {"Promoted", "PromotedByHand"}
TROUBLES = ("SpecValid", "CandidatesReady", "TrafficSynced", "MetricsAvailable")


def of(rollout: Rollout, parts: Sequence[Part], now: float, is_wide: bool = False) -> Row:
    """The tree of one rollout. `is_wide` adds every condition, and the PromQL behind each guardrail."""
    rows = [
        _stages(rollout),
        _traffic(rollout),
        *([_parts(parts)] if parts else []),
        _rails(rollout, is_wide),
        *_troubles(rollout, is_wide),
        *_hands(rollout, now),
        *(row((warning, "careful"), label="warning") for warning in rollout.warnings if not rollout.outcome),
        _next(rollout, now),
    ]
    return row(*_head(rollout, now), rows=rows)


def _head(rollout: Rollout, now: float) -> list[Cell]:
    head = [
        (rollout.name, "bold"),
        (rollout.phase, STYLES.get(rollout.phase, "")),
        (wording.where(rollout), ""),
        (f"attempt {rollout.attempt}" if rollout.attempt else "", ""),
        (age(rollout.created, now), "dim"),
    ]
    return [*head, ("being deleted", "careful")] if rollout.is_being_deleted else head


def _stages(rollout: Rollout) -> Row:
    took = _took(rollout)
    cells = [_stage(rollout, index, took.get(index, "")) for index in range(len(rollout.stages))]
    return row(*(cells or [("the spec has none that can be read", "careful")]), label="stages")


def _stage(rollout: Rollout, index: int, took: str) -> Cell:
    """What was ended is ticked, with the time it took; the present one says how far it is."""
    plan, stage = rollout.stages[index], rollout.stage
    name = "approval" if plan.is_approval else str(plan.weight)
    at = stage.index if stage else -1
    if index < at or (rollout.outcome == "Promoted" and index == at):
        return f"{name} ✔ {took}".rstrip(), "good"
    if stage is None or index > at:
        return name, "dim"
    if rollout.outcome:
        return f"{name} ✘ {spans.short(stage.soaked)}", "bad"
    if plan.is_approval:
        said = f"approved by {stage.approved_by}" if stage.approved_by else f"waits {wording.goal(plan)}".rstrip()
        return f"{name} ● {said}", "busy" if stage.approved_by else "careful"
    return f"{name} ● {spans.short(stage.soaked)} ({wording.goal(plan)})", "busy"


def _took(rollout: Rollout) -> dict[int, str]:
    """How long the ended stages took, by their place in the plan: from when each began to what came next.

    A person may have sent the rollout past some of them: those began never and took no time.
    """
    known = [(one.time, _begun(one), one.reason) for one in reversed(rollout.entries()) if one.time is not None]
    moments = [(time, index) for time, index, reason in known if index is not None or reason in _ENDS]
    took = {}
    for (since, index), (until, _) in pairwise(moments):
        if index is not None:
            took[index] = spans.short(until - since)
    return took


def _begun(entry: Entry) -> int | None:
    """Which stage of the plan began with this decision; None when none did."""
    said = _BEGINS.findall(entry.message) if entry.reason in _STARTS else []
    return int(said[-1]) - 1 if said else None  # the last: a reason that somebody gave stands before it


def _traffic(rollout: Rollout) -> Row:
    return row(*(_arm(one) for one in rollout.arms), label="traffic")


def _arm(arm: Arm) -> str:
    seen = "" if arm.seen is None else f" (seen {arm.seen:.1f})"
    return f"{arm.name} {arm.wanted} %{seen}"


def _parts(parts: Sequence[Part]) -> Row:
    reasons = {one.why for one in parts}
    if len(reasons) == 1 and parts[0].is_ready is None:
        return row((f"not known: {parts[0].why}", "careful"), label="serving")
    return row(*(_part(one) for one in parts), label="serving")


def _part(part: Part) -> Cell:
    if part.is_ready:
        return f"{part.kind} {part.name} ready", ""
    word = "not known" if part.is_ready is None else "not ready"
    return f"{part.kind} {part.name} {word}" + (f": {part.why}" if part.why else ""), "careful"


def _rails(rollout: Rollout, is_wide: bool) -> Row:
    rails = rollout.rails
    if not rails:
        return row(("nothing counted yet", "dim"), label="guardrails")
    counts = {(one.candidate_samples, one.baseline_samples) for one in rails if one.name not in rollout.queries}
    if len(counts) == 1:
        candidate, baseline = counts.pop()
        head = f"{candidate:,} candidate and {baseline:,} baseline requests since the last gate"
        return row(head, label="guardrails", rows=_lines(rollout, is_wide, with_samples=False))
    return row(
        "candidate vs baseline, since the last gate",
        label="guardrails",
        rows=_lines(rollout, is_wide, with_samples=True),
    )


def _lines(rollout: Rollout, is_wide: bool, with_samples: bool) -> list[Row]:
    rows = []
    for rail in rollout.rails:
        samples = f"of {rail.candidate_samples:,} vs {rail.baseline_samples:,}" if with_samples else ""
        cells = [
            (rail.name, "bold"),
            (VERDICTS.get(rail.verdict, rail.verdict), STYLES.get(rail.verdict, "")),
            (rail.estimate, ""),
            (samples, ""),
            (wording.measured(rail), ""),
            (f"limit {rail.limit}" if rail.limit else "", "dim"),
            (wording.bar(rail), wording.bar_style(rail)),
            ("" if rollout.outcome else wording.eta(rail), ""),
        ]
        rows.append((cells, _about(rollout, rail, is_wide)))
    return _without_empty_columns(rows)


def _about(rollout: Rollout, rail: Rail, is_wide: bool) -> list[Row]:
    """What stands below a guardrail: its sentence unless it stands elsewhere, and its question on a wide screen."""
    # After a gate the sentence of the last Pass still stands there, while the verdict is open again.
    is_old = rail.verdict == "Inconclusive" and rail.message.startswith(f"{rail.name} passed")
    is_news = rail.message and rail.verdict != "Pass" and not is_old and rail.message not in rollout.message
    said = [row(rail.message)] if is_news else []
    return [*said, *([row(rail.query)] if is_wide and rail.query else [])]


def _without_empty_columns(rows: Sequence[tuple[Sequence[Cell], Sequence[Row]]]) -> list[Row]:
    """Rows of equally many cells, so that they can stand in columns."""
    used = [place for place in range(len(rows[0][0])) if any(cells[place][0] for cells, _ in rows)]
    return [Row(tuple(cells[place] for place in used), rows=tuple(below)) for cells, below in rows]


def _troubles(rollout: Rollout, is_wide: bool) -> list[Row]:
    """Conditions that are not as they should be; on a wide screen all of them."""
    if is_wide:
        said = [row(f"{one.type} {one.status}", one.reason, one.message) for one in rollout.conditions]
        return [row(f"{len(said)} of them", label="conditions", rows=said)] if said else []
    return [
        row((f"{one.type} is {one.status}: {one.message}", "careful"), label="trouble")
        for one in rollout.conditions
        if one.type in TROUBLES and one.status == "False" and one.message != rollout.message
    ]


def _hands(rollout: Rollout, now: float) -> list[Row]:
    """What people have told it."""
    rows = []
    if rollout.pause is not None:
        why = f": {rollout.pause.reason}" if rollout.pause.reason else ""
        by = rollout.pause.by or "somebody"
        since = f" for {age(rollout.pause.since, now)}" if rollout.pause.since is not None else ""
        rows.append(row((f"held by {by}{since}{why}", "careful"), label="pause"))
    if (told := rollout.told) is not None and _is_worth_telling(rollout, told):
        ago = f" ({age(told.time, now)} ago)" if told.time is not None else ""
        refused = f"{told.verb or 'something'} by {told.by or 'somebody'} was refused{ago}: {told.message}"
        said = (refused, "bad") if told.result == "Refused" else (f"{told.message}{ago}", "")
        rows.append(row(said, label="told"))
    return rows


def _is_worth_telling(rollout: Rollout, told: Told) -> bool:
    """False for what stands in another line already, and for what was done in an earlier attempt."""
    if told.result == "Refused":
        return True
    began = min((one.time for one in rollout.entries() if one.time is not None), default=None)
    is_old = began is not None and told.time is not None and told.time < began
    return not is_old and rollout.pause is None and told.message not in rollout.message


def _next(rollout: Rollout, now: float) -> Row:
    """One line each: what comes, where it stands, and what a person can do."""
    message = rollout.message or "the operator has not said anything of it yet: check that it runs"
    is_read = rollout.is_current or not rollout.message
    lines: list[Cell] = [
        (message, STYLES.get(rollout.phase, "")),
        ("" if is_read else "the operator has not read the newest spec yet", "careful"),
        (wording.cure(rollout), ""),
    ]
    steps = wording.next_steps(rollout, now)
    cells = [cell for line in lines if line[0] for cell in (BREAK, line)]
    return row(*steps, *(cells if steps else cells[1:]), label="next")
