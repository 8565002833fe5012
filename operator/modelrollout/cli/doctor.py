"""`doctor`: does the cluster have what a rollout needs? Every answer has its cure, and none stops the others."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from modelrollout.cli import kube, screen

if TYPE_CHECKING:
    from modelrollout.cli.checks import Check


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    kube.add_options(parser)
    parser.add_argument("--operator-namespace", metavar="NS", help="where the operator runs (default: looked for)")
    parser.add_argument(
        "--prometheus", metavar="URL", help="ask this Prometheus for the metrics, as the operator will ask its own"
    )
    parser.add_argument("--token-file", metavar="FILE", help="a bearer token for that address")
    parser.epilog = (
        "Exit codes: 0 all that was checked is well, 1 something is to be mended, 2 the command line is wrong."
    )
    screen.add_options(parser)
    screen.add_form(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the list. Raises Refused only for what the command line says."""
    from modelrollout.cli import checks, examining  # late, with the contract
    from modelrollout.cli.checks import Mark

    here = screen.of(options)
    found: list[Check] = []
    as_text = options.output == "text"
    for group in examining.examine(options):
        found += group
        if as_text and group:
            screen.show(checks.text(group, here))
            sys.stdout.flush()
    if as_text:
        screen.show(checks.closing(found))
    else:
        from dataclasses import asdict

        screen.show(screen.written([asdict(check) for check in found], "json"))
    return 1 if any(check.mark is Mark.BAD for check in found) else 0
