"""`python -m modelrollout`: run the operator, print the CustomResourceDefinition, simulate, or judge the past again."""

import argparse
import gc
import sys
from collections.abc import Sequence

from modelrollout.api import crd
from modelrollout.replay import command as replay
from modelrollout.simulate import command as simulate

# New objects before the newest are searched for garbage. Python's own 700 come together several times in one look.
MANY_OBJECTS = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; argparse ends with 2 on options it does not know."""
    options = parser().parse_args(arguments)
    if options.command == "crd":
        sys.stdout.write(crd.manifest())
        return 0
    if options.command in replay.COMMANDS:
        return replay.run(options)
    if options.command == "simulate":
        return simulate.run(options)
    # Late, so that printing the definition needs neither kopf nor a cluster.
    from modelrollout import running

    _search_garbage_seldom()
    running.run(namespaces=options.namespace, all_namespaces=options.all_namespaces)
    return 0


def _search_garbage_seldom() -> None:
    """Search less often for what only refers to itself, and never again among the libraries that are loaded by now.

    The operator leaves hardly any such garbage. To search as often as Python does by itself took an eighth of the time
    of 200 rollouts, and a search of everything stopped all of them for a third of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(MANY_OBJECTS)


def parser() -> argparse.ArgumentParser:
    """The command line of the program."""
    parser = argparse.ArgumentParser(
        prog="modelrollout", description="Progressive delivery of models on Seldon Core v2."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("crd", help="print the CustomResourceDefinition as YAML")
    run = commands.add_parser("run", help="run the operator until it is told to stop")
    scope = run.add_mutually_exclusive_group(required=True)
    scope.add_argument(
        "--namespace", action="append", default=[], metavar="NS", help="namespace to watch; may be given several times"
    )
    scope.add_argument("--all-namespaces", action="store_true", help="watch every namespace")
    simulate.add_arguments(commands.add_parser("simulate", help="what guardrails would do on your traffic"))
    replay.add_arguments(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
