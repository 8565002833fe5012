"""`get NAME`: where a rollout stands, why, and what happens next."""

import argparse

from modelrollout.cli import clock, kube, layout, parts, picture, screen, views, watching
from modelrollout.cli.kube import RESOURCE, Kubectl
from modelrollout.cli.screen import Screen


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    kube.add_name(parser)
    parser.add_argument("-w", "--watch", action="store_true", help="show it again whenever it changes, until Ctrl-C")
    screen.add_form(parser, "table", "wide", "json", "yaml", "name")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Show it once, or until it is gone."""
    kubectl, shown = kube.door(options), screen.of(options)
    if not options.watch:
        screen.show(_text(kubectl.rollout(options.name), kubectl, shown, options.output))
        return 0
    return watching.show(
        kubectl.watch(RESOURCE, options.name),
        lambda found: _text(found, kubectl, shown, options.output),
        shown,
    )


def _text(found: views.Json, kubectl: Kubectl, shown: Screen, form: str) -> str:
    if form in {"json", "yaml"}:
        return screen.written(found, form)
    rollout = views.rollout(found)
    if form == "name":
        return kube.called(rollout.name)
    seen = parts.read(kubectl, rollout)
    return layout.tree(picture.of(rollout, seen, clock.now(), form == "wide"), shown)
