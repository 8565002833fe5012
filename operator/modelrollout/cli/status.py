"""`status NAME`: wait until a rollout has ended; the exit code says how. For pipelines."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from modelrollout.cli import clock, kube, layout, options_of_time, screen, views, wording
from modelrollout.cli.kube import RESOURCE
from modelrollout.cli.refusals import AWAITING, DEGRADED, TIMEOUT, Refused
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Rollout

EXITS = """exit codes:
  0  healthy: the candidate is promoted (with --for: what was awaited came)
  1  an error, such as no such rollout or no permission
  2  the command line is wrong
  4  degraded: rolled back, or nothing goes on until a person mends it
  5  not there yet when --timeout was over, or with --watch=false
  6  awaiting an approval: kubectl modelrollout approve NAME
Any other pause is waited for until somebody ends it."""
PHASES = ("healthy", "degraded", "paused", "progressing", "promoting")
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.epilog = EXITS
    kube.add_name(parser)
    parser.add_argument(
        "--for", dest="goal", choices=PHASES, default="healthy", metavar="PHASE",
        help=f"which phase to wait for: {', '.join(PHASES)} (default: healthy)",
    )  # fmt: skip
    parser.add_argument(
        "-w", "--watch", nargs="?", type=_truth, const=True, default=True, metavar="true|false",
        help="wait and say what changes (default: true)",
    )  # fmt: skip
    options_of_time.add_timeout(parser, "24h")
    screen.add_form(parser, "table", "json", "yaml", "name")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Say every change of phase or stage, and at the end the exit code."""
    kubectl, say = kube.door(options), speaker(screen.of(options), options.output)
    until = clock.now() + (options.timeout if options.watch else 0.0)
    newest: Mapping[str, Any] | None = None
    for found in kubectl.watch(RESOURCE, options.name) if options.watch else [kubectl.rollout(options.name)]:
        newest = found or newest
        if newest is None:
            continue
        rollout = views.rollout(newest)
        say(rollout)
        code = ended(rollout, options.goal)
        if code is not None or clock.now() >= until:
            return _close(newest, TIMEOUT if code is None else code, options)
    if newest is None or options.watch:
        raise Refused(f"{options.name} was deleted")
    return _close(newest, TIMEOUT, options)


def ended(rollout: Rollout, goal: str) -> int | None:
    """The exit code; None while there is something to wait for. A status of an older spec ends nothing."""
    if not rollout.is_current:
        return None
    phase = rollout.phase.lower()
    if phase == goal:
        return 0
    if phase == "degraded":
        return DEGRADED
    if rollout.is_awaiting_approval and goal in {"healthy", "promoting", "degraded"}:
        return AWAITING
    # It has ended well, and what was awaited comes only with another attempt.
    return DEGRADED if phase == "healthy" else None


def sentence(rollout: Rollout, said: str = "") -> str:
    """Where it stands, and why unless that is what was `said` before."""
    where = f"{rollout.name}: {rollout.phase}, {wording.where(rollout)}"
    why = rollout.message or "nothing was said of it yet"
    return where if why == said else f"{where}: {why}"


def speaker(shown: Screen, form: str) -> Callable[[Rollout], None]:
    """What says each change, and a reason that stays only once."""
    before: list[Rollout] = []

    def say(rollout: Rollout) -> None:
        is_news = not before or sentence(rollout) != sentence(before[-1])
        if form == "table" and is_news:
            text = sentence(rollout, before[-1].message if before else "")
            before.append(rollout)
            screen.show(layout.paragraph(text, shown, style=wording.STYLES.get(rollout.phase, "")))
            screen.flush()

    return say


def _close(found: Mapping[str, Any], code: int, options: argparse.Namespace) -> int:
    if options.output in {"json", "yaml"}:
        screen.show(screen.written(found, options.output))
    elif options.output == "name":
        screen.show(kube.called(options.name))
    elif hint := wording.cure(views.rollout(found)):
        screen.show(layout.paragraph(hint, screen.of(options)))
    return code


def _truth(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return text.lower() in _YES
