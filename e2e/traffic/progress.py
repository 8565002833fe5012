"""A run as people watch it: one line that lives on a terminal, else one every ten seconds; a table at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from e2e.traffic import figures
from e2e.traffic.clients import Traffic
from e2e.traffic.figures import ArmFigures
from e2e.traffic.records import Answer, Outcome
from e2e.traffic.tally import Tally

NEWEST_SECONDS = 10.0
SECONDS_BETWEEN_PICTURES = 0.5
SECONDS_BETWEEN_LINES = 10.0


def watch(traffic: Traffic, tally: Tally, seconds: float, console: Console) -> None:
    """Tell how it goes until it is over."""
    begun = time.monotonic()
    if not console.is_terminal:
        while not traffic.wait(SECONDS_BETWEEN_LINES):
            console.print(line(traffic, tally, seconds - (time.monotonic() - begun)), soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not traffic.wait(SECONDS_BETWEEN_PICTURES):
            live.update(line(traffic, tally, seconds - (time.monotonic() - begun)), refresh=True)


def line(traffic: Traffic, tally: Tally, left: float) -> Text:
    """Time left and totals; of each arm the newest share and p95, and its accuracy so far."""
    newest, truth = traffic.newest(NEWEST_SECONDS), traffic.teller.truth if traffic.teller else {}
    minutes, seconds = divmod(max(0, math.ceil(left)), 60)
    parts = [f"{minutes}:{seconds:02d} left" if left > 0 else "last answers", f"{traffic.sent:,} sent"]
    for arm in sorted(newest.arms):
        told = truth.get(arm)
        accuracy = f", {told.correct / told.labelled:.1%} right" if told and told.labelled else ""
        parts.append(f"{arm} {newest.share(arm):.0f} % p95 {newest.quantile_ms(arm, 0.95) or 0:.1f} ms{accuracy}")
    said = Text(" · ".join([*parts, f"market {traffic.climate.name}", ""]))
    return said.append(f"{tally.failed.total():,} failed", "bold red" if tally.failed else "green")


def table(answers: Sequence[Answer], outcomes: Sequence[Outcome]) -> Table:
    """A column for each arm."""
    asked, told = figures.asked(answers), figures.told(outcomes)
    arms = [figures.of_arm(asked, told, arm) for arm in figures.arms(asked, told)]
    found = Table("", *(arm.arm for arm in arms), box=box.SIMPLE_HEAD, pad_edge=False)
    for title, words in _ROWS.items():
        found.add_row(title, *(words(arm) for arm in arms))
    return found


_ROWS: dict[str, Callable[[ArmFigures], str]] = {
    "requests": lambda arm: f"{arm.requests:,} ({arm.share:.1%})",
    "failed": lambda arm: f"{arm.failed:,}",
    "p50, p95, p99": lambda arm: f"{arm.p50:.1f}, {arm.p95:.1f}, {arm.p99:.1f} ms",
    "labels": lambda arm: f"{arm.labelled:,}",
    "accuracy": lambda arm: (
        f"{arm.accuracy:.1%} [{100 * arm.accuracy_low:.1f}, {100 * arm.accuracy_high:.1f}]" if arm.labelled else ""
    ),
    "profit each": lambda arm: f"{arm.profit_mean:+.1f} ± {arm.profit_error:.1f} bp" if arm.labelled else "",
}
