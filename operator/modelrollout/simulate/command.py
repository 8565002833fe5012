"""`modelrollout simulate`: what the guardrails of a rollout would do on the user's traffic, before it begins."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from modelrollout.simulate.asking import DEFAULTS, Unclear

KINDS = ("errors", "latency", "quality", "reward")
TROUBLES = ("diurnal", "bursts", "noise", "resets", "missed", "sessions")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command. Values are checked by `run`, which says what is wrong in one sentence."""
    parser.epilog = "Exit codes: 0 simulated, 2 what was asked makes no sense, 3 Prometheus gives no answer."
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
    _add_source(parser.add_argument_group("the same from Prometheus; options above win over what was read"))
    _add_harm(parser.add_argument_group("the harmful candidate (default: the usual harm for each guardrail)"))
    parser.add_argument("--runs", default="200", metavar="N", help="rollouts of each candidate (default: 200)")
    parser.add_argument("--hours", default="24", metavar="HOURS", help="how long to watch each (default: 24)")
    parser.add_argument("--peers", action="store_true", help="show the rules of other tools beside ours")
    parser.add_argument(
        "--picture", metavar="FILE.PNG", help="draw how many were rolled back by when (needs matplotlib)"
    )


def _add_traffic(group: argparse._ArgumentGroup) -> None:
    _with_default(group, "--requests-per-second", "N", "both arms together")
    _with_default(group, "--baseline-errors", "SHARE", "share of errors")
    _with_default(group, "--baseline-latency", "DURATION", "median latency")
    _with_default(group, "--latency-spread", "N", "spread of ln latency")
    _with_default(group, "--baseline-quality", "SHARE", "share of good ones")
    _with_default(group, "--baseline-mean", "N", "mean of the values")
    _with_default(group, "--deviation", "N", "standard deviation of the values")
    group.add_argument("--trouble", action="append", choices=TROUBLES, help="may be given several times")


def _with_default(group: argparse._ArgumentGroup, name: str, metavar: str, meaning: str) -> None:
    """An option whose absence is known, so that what Prometheus saw may take its place."""
    default = DEFAULTS[name].replace("%", "%%")
    group.add_argument(name, metavar=metavar, help=f"{meaning} (default: {default}, or what was read)")


def _add_source(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--prometheus", metavar="URL", help="read the baseline's traffic there")
    group.add_argument("-n", "--namespace", metavar="NS", help="where the baseline is (default: the file's)")
    group.add_argument("--model", metavar="NAME", help="whose traffic (default: the file's baseline)")
    group.add_argument("--from", metavar="TIME", help="such as 2026-11-20T00:00Z (default: 24 hours before the end)")
    group.add_argument("--to", metavar="TIME", help="such as 2026-11-21T00:00Z (default: now)")
    group.add_argument("--token-file", metavar="FILE", help="a bearer token for that address")


def _add_harm(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--candidate-errors", metavar="SHARE", help="its share of errors, such as 2%%")
    group.add_argument("--candidate-slower", metavar="INCREASE", help="how much slower it is, such as 20%%")
    group.add_argument("--candidate-quality", metavar="SHARE", help="its share of good ones, such as 88%%")
    group.add_argument("--candidate-mean", metavar="N", help="its mean, such as 0.95")
    group.add_argument("--harm-after", metavar="DURATION", help="when the harm begins, such as 6h (default: at once)")


def run(options: argparse.Namespace) -> int:
    """Print the answer. 0, or one sentence with 2 when the options cannot be followed, 3 when Prometheus is silent."""
    # Late, so that the other commands start without all of it.
    from modelrollout.asking import Refused
    from modelrollout.errors import SettingsInvalid
    from modelrollout.simulate import answers, studies

    try:
        study = studies.read(options)
        picture = _picture(options.picture)
    except (Unclear, Refused, SettingsInvalid) as unclear:
        sys.stderr.write(f"{unclear}\n")
        return unclear.code if isinstance(unclear, Refused) else 2
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
