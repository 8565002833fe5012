"""`list`: every rollout in one table."""

import argparse
from math import inf

from modelrollout.cli import clock, kube, layout, screen, spans, views, wording
from modelrollout.cli.kube import RESOURCE
from modelrollout.cli.layout import Cell
from modelrollout.cli.views import Rollout

# What matters most comes first: on a narrow screen the last columns are left out.
HEADS = ("NAME", "PHASE", "STAGE", "WEIGHT", "AGE", "VERDICT", "NEXT", "CANDIDATE", "BASELINE")
WIDE = ("ATTEMPT", "EXPERIMENT", "MESSAGE")
LEAST = 2


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-l", "--selector", metavar="LABELS", help="only those with these labels, such as team=risk")
    screen.add_form(parser, "table", "wide", "json", "yaml", "name")
    kube.add_options(parser, all_namespaces=True)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table. 0 also when there is none."""
    more = ["--selector", options.selector] if options.selector else []
    found = kube.door(options).get(RESOURCE, "", *more)
    if options.output in {"json", "yaml"}:
        screen.show(screen.written(found, options.output))
        return 0
    rollouts = [views.rollout(one) for one in found["items"]]
    if options.output == "name":
        screen.show("".join(f"{kube.called(one.name)}\n" for one in rollouts))
        return 0
    is_wide, everywhere = options.output == "wide", bool(getattr(options, "all_namespaces", False))
    screen.show(table(rollouts, clock.now(), screen.of(options), is_wide, everywhere))
    return 0


def table(rollouts: list[Rollout], now: float, shown: screen.Screen, is_wide: bool, everywhere: bool) -> str:
    """The rollouts in columns; or that there is none."""
    if not rollouts:
        return "no ModelRollouts here: look elsewhere with -n NAMESPACE or -A"
    heads = (*(("NAMESPACE",) if everywhere else ()), *HEADS, *(WIDE if is_wide else ()))
    rows = [_cells(one, now, is_wide, everywhere) for one in rollouts]
    return layout.columns(heads, rows, shown, least=len(heads) if is_wide else LEAST + everywhere)


def _cells(one: Rollout, now: float, is_wide: bool, everywhere: bool) -> list[str | Cell]:
    cells: list[str | Cell] = [
        *([one.namespace] if everywhere else []),
        one.name,
        (one.phase, wording.STYLES.get(one.phase, "")),
        f"{one.stage_number}/{len(one.stages)}",
        f"{one.weight} %",
        wording.age(one.created, now),
        (wording.VERDICTS.get(one.verdict, one.verdict), wording.STYLES.get(one.verdict, "")),
        _decided_in(one),
        one.candidate,
        one.baseline,
    ]
    return [*cells, str(one.attempt), one.experiment, one.message] if is_wide else cells


def _decided_in(one: Rollout) -> str:
    """What the slowest guardrail will probably say, and when; of those that are undecided."""
    known = [(_length(eta), eta) for rail in one.rails if (eta := wording.eta(rail))]
    return "-" if one.outcome or not known else max(known)[1]


def _length(eta: str) -> float:
    """What is not in sight takes longest."""
    found = spans.seconds(eta.rpartition("~")[2])
    return inf if found is None else found
