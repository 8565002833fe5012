"""`version`: what is installed."""

import argparse

from modelrollout import __version__
from modelrollout.cli import kube, screen


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    kube.add_options(parser)
    screen.add_options(parser)
    screen.add_form(parser, "table", "json", "yaml")


def run(options: argparse.Namespace) -> int:
    """Print the versions."""
    screen.show(f"plugin   {__version__}")
    return 0
