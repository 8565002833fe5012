"""`python -m e2e.node prepare|check`: what a node is made of, built before somebody waits for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from e2e.node import debian, needs
from e2e.node.images import MODELS, Images
from e2e.stack import recipes, tools
from e2e.stack.errors import MissingError, StackError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 also where no node can run, for then nothing is needed; 1 when something did not build."""
    options = _parser().parse_args(arguments)
    try:
        needs.check()
        debian.provide(_say)
    except MissingError as lacking:
        _say(str(lacking))
        return 0
    if options.command == "check":
        _say("A node can run here: python -m e2e.stack up --cluster=node --operator")
        return 0
    try:
        _prepare()
    except StackError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _prepare() -> None:
    for recipe in recipes.FOR_A_NODE:
        if not tools.ensure(recipe, _say):
            _say(f"{recipe.name} {recipe.version} is built")
    images = Images(_say)
    for name in (images.pause(), images.build(), images.build("models", MODELS)):
        _say(f"{name} is built: {images.size(name)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.node", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say whether a node can run here, or what it lacks")
    commands.add_parser("prepare", help="fetch Debian's packages, build the node's programs and the images")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
