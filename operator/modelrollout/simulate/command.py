"""`modelrollout simulate`: what the guardrails of a rollout would do on the user's traffic, before it begins."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from modelrollout.simulate.asking import Unclear

KINDS = ("errors", "latency", "quality", "reward")
TROUBLES = ("diurnal", "bursts", "noise", "resets", "missed", "sessions")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command. Values are checked by `run`, which says what is wrong in one sentence."""
    parser.add_argument(
        "-f", "--file", metavar="ROLLOUT.YAML", help="a ModelRollout file: its guardrails, stages and analysis"
    )
    plan = parser.add_argument_group("without a file")
    plan.add_argument(
        "--guard", action="append", choices=KINDS, help="what is guarded, with every default (default: errors)"
    )
    plan.add_argument("--weight", metavar="PERCENT", help="the candidate's weight (default: 5)")
    plan.add_argument("--stages", metavar="PERCENTS", help="weights below 100 one after the other, such as 5,25,50")
    plan.add_argument("--interval", metavar="DURATION", help="time between two looks (default: 30s)")
    plan.add_argument("--alpha", metavar="SHARE", help="chance to roll back a healthy candidate (default: 5%%)")
    plan.add_argument("--clustered", action="store_true", help="judge once per look, for sessions that stick to an arm")
    _add_traffic(parser.add_argument_group("the traffic, and what is true of the baseline"))
    _add_harm(parser.add_argument_group("the harmful candidate (default: the usual harm for each guardrail)"))
    parser.add_argument("--runs", default="200", metavar="N", help="rollouts of each candidate (default: 200)")
    parser.add_argument("--hours", default="24", metavar="HOURS", help="how long to watch each (default: 24)")
    parser.add_argument("--peers", action="store_true", help="show the rules of other tools beside ours")
    parser.add_argument(
        "--picture", metavar="FILE.PNG", help="draw how many were rolled back by when (needs matplotlib)"
    )


def _add_traffic(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--requests-per-second", default="10", metavar="N", help="both arms together (default: 10)")
    group.add_argument("--baseline-errors", default="1%", metavar="SHARE", help="share of errors (default: 1%%)")
    group.add_argument(
        "--baseline-latency", default="100ms", metavar="DURATION", help="median latency (default: 100ms)"
    )
    group.add_argument("--latency-spread", default="0.5", metavar="N", help="spread of ln latency (default: 0.5)")
    group.add_argument("--baseline-quality", default="90%", metavar="SHARE", help="share of good ones (default: 90%%)")
    group.add_argument("--baseline-mean", default="1", metavar="N", help="mean of the values (default: 1)")
    group.add_argument(
        "--deviation", default="0.5", metavar="N", help="standard deviation of the values (default: 0.5)"
    )
    group.add_argument("--trouble", action="append", choices=TROUBLES, help="may be given several times")


def _add_harm(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--candidate-errors", metavar="SHARE", help="its share of errors, such as 2%%")
    group.add_argument("--candidate-slower", metavar="INCREASE", help="how much slower it is, such as 20%%")
    group.add_argument("--candidate-quality", metavar="SHARE", help="its share of good ones, such as 88%%")
    group.add_argument("--candidate-mean", metavar="N", help="its mean, such as 0.95")
    group.add_argument("--harm-after", metavar="DURATION", help="when the harm begins, such as 6h (default: at once)")


def run(options: argparse.Namespace) -> int:
    """Print the answer. 0, or 2 with one sentence when the options cannot be followed."""
    # Late, so that the other commands start without all of it.
    from modelrollout.simulate import answers, studies

    try:
        study = studies.read(options)
        picture = _picture(options.picture)
    except Unclear as unclear:
        sys.stderr.write(f"{unclear}\n")
        return 2
    found = answers.answer(study, options.peers)
    sys.stdout.write(answers.text(study, found) + "\n")
    if picture is not None:
        from modelrollout.simulate import pictures

        cases = [(one.words, one.rollbacks) for one in found]
        pictures.draw_study(cases, study.world.hours, picture)
    return 0


def _picture(path: str | None) -> Path | None:
    """Where the picture goes; refused before the work begins."""
    if path is None:
        return None
    place = Path(path)
    if place.suffix.lower() != ".png":
        raise Unclear(f"--picture is '{path}': give the name of a PNG file, such as out.png")
    if not place.absolute().parent.is_dir():
        raise Unclear(f"--picture is '{path}': there is no folder {place.absolute().parent}, make it first")
    if find_spec("matplotlib") is None:
        raise Unclear(f"--picture is '{path}': matplotlib is missing, install modelrollout[plots]")
    return place
