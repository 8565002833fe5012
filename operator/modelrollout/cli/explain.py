"""`explain NAME`: why a rollout did what it did, or why it waits, in sentences from its record."""

import argparse

from modelrollout.cli import accounts, clock, kube, layout, screen, views
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Rollout


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    kube.add_name(parser)
    screen.add_form(parser, "table", "json", "yaml")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the account."""
    rollout = views.rollout(kube.door(options).rollout(options.name))
    now = clock.now()
    if options.output == "table":
        screen.show(text(rollout, now, screen.of(options)))
    else:
        head, *rest = accounts.of(rollout, now)
        screen.show(screen.written({"name": rollout.name, "summary": head, "sentences": rest}, options.output))
    return 0


def text(rollout: Rollout, now: float, shown: Screen) -> str:
    """What happened, and under it the reasons."""
    head, *rest = accounts.of(rollout, now)
    lines = [layout.paragraph(head, shown, style="bold")]
    return "\n".join([*lines, *(layout.paragraph(one, shown, indent=2) for one in rest)])
