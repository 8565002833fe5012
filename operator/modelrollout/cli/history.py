"""`history`: what was decided, when and on whose word."""

import argparse
from datetime import UTC, datetime

from modelrollout.cli import clock, kube, layout, screen, spans, views, wording
from modelrollout.cli.layout import BREAK, Cell, row
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Entry, Rollout

_BAD = {"RolledBack", "RollingBack", "Aborted", "Undone", "ActionRefused"}


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    kube.add_name(parser)
    parser.add_argument("--attempt", type=int, metavar="N", help="only what was decided in this attempt")
    screen.add_form(parser, "table", "json", "yaml")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the decisions, newest first."""
    found = kube.door(options).rollout(options.name)
    if options.output in {"json", "yaml"}:
        kept = (found.get("status") or {}).get("history") or []
        wanted = [one for one in kept if options.attempt in {None, one.get("attempt")}]
        screen.show(screen.written(wanted, options.output))
        return 0
    screen.show(text(views.rollout(found), options.attempt, clock.now(), screen.of(options)))
    return 0


def text(rollout: Rollout, attempt: int | None, now: float, shown: Screen) -> str:
    """The decisions; or that there is none."""
    entries = [one for one in rollout.history if attempt in {None, one.attempt}]
    if not entries:
        return f"nothing was decided about {rollout.name}" + (f" in attempt {attempt}" if attempt else " yet")
    return layout.table([_row(one, now, shown) for one in entries], shown)


def _row(entry: Entry, now: float, shown: Screen) -> layout.Row:
    """When and what, and the sentence: under it on a terminal, beside it in a file, where one line is one decision."""
    ago = "" if entry.time is None else f"{spans.short(now - entry.time)} ago"
    style = "bad" if entry.reason in _BAD else "good" if entry.reason == "Promoted" else "bold"
    cells: list[str | Cell] = [
        (ago if shown.is_terminal else _written(entry.time), "dim"),
        f"attempt {entry.attempt}",
        f"{entry.weight} %",
        (entry.reason, style),
        f"by {entry.by}" if entry.by else "",
        (wording.judged_in_short(entry.requests), "dim"),
    ]
    return row(*cells, BREAK, entry.message) if shown.width is not None else row(*cells, entry.message)


def _written(time_: float | None) -> str:
    return "" if time_ is None else datetime.fromtimestamp(time_, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
