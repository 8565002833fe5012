"""`modelrollout replay` and `modelrollout backtest`: options in, text and exit code out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

COMMANDS = ("replay", "backtest")
EXITS = "Exit codes: 0 {0}; 2 what was asked makes no sense; 3 Prometheus gives no answer, or has forgotten."


def add_arguments(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Both commands. Values are checked by `run`, which says what is wrong in one sentence."""
    again = commands.add_parser(
        "replay",
        help="read a rollout's looks again, and say whether they lead to the same verdict",
        epilog=EXITS.format("same verdict and numbers, 1 other ones"),
    )
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("-f", "--file", metavar="ROLLOUT.YAML", help="what kubectl get rollout NAME -o yaml printed")
    which.add_argument("name", nargs="?", help="a rollout of the cluster")
    again.add_argument("--kubeconfig", metavar="FILE", help="how to reach the cluster (default: as kubectl does)")
    again.add_argument("--all", action="store_true", help="show every look, not only those that changed something")
    _add_source(again)
    past = commands.add_parser(
        "backtest",
        help="judge the past traffic of two models as a rollout would have",
        description="Traffic is judged as it was, as one stage: weights, soaks, gates and deadlines move nothing.",
        epilog=EXITS.format("whatever the verdict"),
    )
    past.add_argument("-f", "--file", metavar="ROLLOUT.YAML", required=True, help="a ModelRollout")
    past.add_argument("--from", dest="since", metavar="TIME", required=True, help="such as 2026-11-20T00:00Z")
    past.add_argument("--to", dest="until", metavar="TIME", required=True, help="such as 2026-11-21T00:00Z")
    past.add_argument("--baseline", metavar="MODEL", help="instead of the file's")
    past.add_argument("--candidate", metavar="MODEL", help="instead of the file's; the baseline again: A/A")
    past.add_argument("--split", metavar="LABEL", help="the label that tells replicas apart, when both are one model")
    past.add_argument("--weight", metavar="PERCENT", help="the candidate's weight, if it was the same all the time")
    past.add_argument("--all", action="store_true", help="show every look, not only those that changed something")
    past.add_argument("--json", action="store_true", help="print the report as JSON")
    _add_source(past)


def run(options: argparse.Namespace) -> int:
    """Print the answer, or one sentence that says why there is none. The exit code."""
    # Late, so that other commands need neither numpy nor Prometheus.
    from modelrollout.asking import Refused
    from modelrollout.errors import RolloutError
    from modelrollout.judge.refusals import Refusal
    from modelrollout.replay import shell

    try:
        text, code = shell.replay(options) if options.command == "replay" else shell.backtest(options)
    except (Refused, RolloutError, Refusal) as refused:
        sys.stderr.write(f"{refused}\n")
        return refused.code if isinstance(refused, Refused) else 2
    sys.stdout.write(f"{text}\n")
    return code


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--namespace", metavar="NS", help="where the models are (default: the object's)")
    parser.add_argument(
        "--prometheus",
        metavar="URL",
        help="where to read (default: the rollout's own address, else MODELROLLOUT_PROMETHEUS_ADDRESS)",
    )
    parser.add_argument("--token-file", metavar="FILE", help="a bearer token for that address")
