"""`simulate`, `backtest` and `replay`: the judge's own commands, with a rollout that kubectl fetches."""

from __future__ import annotations

import argparse
import json
import tempfile
from typing import TYPE_CHECKING, Any, cast

from modelrollout.cli import kube
from modelrollout.replay import command as replay
from modelrollout.simulate import command as simulate

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command that stands at the end of the parser's name, as `modelrollout` has them."""
    name = parser.prog.split()[-1]
    if name == "simulate":
        simulate.add_arguments(parser)
    else:
        replay.add_arguments(cast("_SubParsersAction[argparse.ArgumentParser]", _Only(name, parser)))


def run(options: argparse.Namespace) -> int:
    """Its exit code. What they refuse, they say themselves."""
    if options.command == "simulate":
        return simulate.run(options)
    if options.command == "replay" and options.name:
        return _fetched(options)
    return replay.run(options)


class _Only:
    """Stands where subcommands are declared, and keeps one of them."""

    def __init__(self, name: str, parser: argparse.ArgumentParser) -> None:
        self._name, self._parser = name, parser

    def add_parser(self, name: str, **words: Any) -> argparse.ArgumentParser:
        if name != self._name:
            return argparse.ArgumentParser()
        self._parser.description = words.get("description") or self._parser.description
        self._parser.epilog = words.get("epilog")
        return self._parser


def _fetched(options: argparse.Namespace) -> int:
    """Replay what the cluster has, through kubectl as everything here."""
    found = kube.door(options).rollout(options.name.rsplit("/", 1)[-1])
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(found, file)
        file.flush()
        options.file, options.name = file.name, None
        return replay.run(options)
