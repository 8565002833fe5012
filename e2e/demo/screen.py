"""A rollout on one screen: where it stands, why, and what happens next. Pure: objects and traffic in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from e2e.demo import market
from e2e.traffic import Outcome, Seen

BAR = 10
STYLES = {
    "Healthy": "bold green",
    "Promoting": "green",
    "Progressing": "cyan",
    "Paused": "yellow",
    "RollingBack": "bold red",
    "Degraded": "bold red",
    "Pass": "green",
    "Fail": "bold red",
    "NoData": "yellow",
}
WORDS = {"Pass": "pass", "Fail": "FAIL", "Inconclusive": "undecided", "NoData": "no data"}


@dataclass(frozen=True)
class Clients:
    """What clients know of the newest seconds, and the climate of the market they ask about."""

    seen: Seen
    outcomes: tuple[Outcome, ...]
    climate: str


def render(rollout: dict[str, Any], clients: Clients, now: float) -> RenderableType:
    """The rollout as it is now, and what its clients see."""
    status = rollout.get("status") or {}
    tree = Tree(_headline(rollout, status, now), guide_style="dim")
    tree.add(_stages(rollout["spec"], status))
    tree.add(_traffic(rollout["spec"], status, clients.seen))
    tree.add(_market(clients))
    rails = tree.add(_evidence_base(status))
    table = Table.grid(padding=(0, 2))
    for rail in status.get("guardrails", []):
        table.add_row(*_guardrail(rail))
    if status.get("guardrails"):
        rails.add(table)
    tree.add(_next(status, now))
    return tree


def _headline(rollout: dict[str, Any], status: dict[str, Any], now: float) -> Text:
    phase = status.get("phase", "Pending")
    age = _span(now - _unix(rollout["metadata"]["creationTimestamp"]))
    line = Text.assemble((rollout["metadata"]["name"], "bold"), "   ", (phase, STYLES.get(phase, "")))
    weight = status.get("traffic", {}).get("candidateWeight", 0)
    line.append(
        f"   stage {status.get('stageSummary', '-')} at {weight} %   attempt {status.get('attempt', 0)}   {age}"
    )
    return line


def _stages(spec: dict[str, Any], status: dict[str, Any]) -> Text:
    stage = status.get("stage")
    at = stage["index"] if stage else -1
    failed, done = status.get("outcome") == "RolledBack", status.get("outcome") == "Promoted"
    line = Text("stages       ")
    for index, plan in enumerate(spec["strategy"]["canary"]["stages"]):
        word, style = f"{plan['weight']}", "dim"
        if index < at or done:
            word, style = f"{word} ✔", "green"
        elif stage and index == at:
            mark = "✘" if failed else "●"
            word = f"{word} {mark} {stage['soakedSeconds']:.0f}s (soak {plan['soak']})"
            style = "red" if failed else "bold cyan"
        line.append(word + "    ", style)
    return line


def _traffic(spec: dict[str, Any], status: dict[str, Any], seen: Seen) -> Text:
    lines = []
    wanted = status.get("traffic", {}).get("wanted", [])
    for arm in wanted or [{"name": spec["baseline"]["name"], "weight": 100}]:
        share = seen.share(arm["name"])
        p95 = seen.quantile_ms(arm["name"], 0.95)
        told = f" {arm['weight']} % (clients see {share:.1f} %"
        lines.append(f"{arm['name']}{told}" + (f", p95 {p95:.0f} ms)" if p95 is not None else ")"))
    return Text("traffic      " + "\n             ".join(lines))


def _market(clients: Clients) -> Text:
    shares = sorted(market.accuracies(clients.outcomes).items())
    right = ", ".join(f"{arm} is right in {share:.0f} %" for arm, share in shares)
    return Text(f"market       {clients.climate}" + (f"; {right}" if right else "; no labels yet"))


def _evidence_base(status: dict[str, Any]) -> Text:
    rails = status.get("guardrails") or []
    counts = [(rail["candidate"]["samples"], rail["baseline"]["samples"]) for rail in rails if "candidate" in rail]
    if not counts:
        return Text("guardrails   nothing counted yet")
    candidate, baseline = max(counts)
    return Text(f"guardrails   {candidate:,} candidate and {baseline:,} baseline requests since the last gate")


def _guardrail(rail: dict[str, Any]) -> list[Text]:
    verdict, evidence = rail.get("verdict", "Inconclusive"), rail.get("evidence", 0)
    filled = round(evidence * BAR / 100)
    style = STYLES.get(rail.get("evidenceFor") or verdict, "dim")
    bar = Text.assemble(("█" * filled, style), ("░" * (BAR - filled), "dim"), f" {evidence:3d} %")
    bar.append(f" for {rail['evidenceFor']}" if rail.get("evidenceFor") else "", "dim")
    ratio = f"x{rail['ratio']:.2f} " if rail.get("ratio") is not None else ""
    return [
        Text(rail["name"]),
        Text(WORDS.get(verdict, verdict), STYLES.get(verdict, "")),
        Text(rail.get("estimate", "")),
        Text(ratio + rail.get("interval", "").removeprefix("x")),
        Text(f"limit {rail.get('limit', '')}", "dim"),
        bar,
    ]


def _next(status: dict[str, Any], now: float) -> Text:
    line = Text("next         ")
    due = status.get("lookDueAt")
    if due is not None and due >= now:
        line.append(f"look in {due - now:.0f}s; ", "dim")
    line.append(status.get("message", "waiting for the operator"))
    return line


def report(rows: list[tuple[list[str], str]], footer: str) -> RenderableType:
    """What happened: a table of figures, and under it each decision in its own words."""
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("candidate", "outcome", "took", "its requests", "failed for clients"):
        table.add_column(column, justify="right" if column not in {"candidate", "outcome"} else "left", no_wrap=True)
    for figures, _ in rows:
        table.add_row(*figures)
    sentences = [Text.assemble((f"{figures[0]}: ", "bold"), sentence) for figures, sentence in rows]
    return Group(Rule("[bold]What happened[/]", align="left"), table, *sentences, Text(footer))


def _span(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def _unix(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
