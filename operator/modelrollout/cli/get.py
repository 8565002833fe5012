"""`get NAME`: where a rollout stands, why, and what happens next."""

import argparse
from dataclasses import dataclass

from modelrollout.cli import clock, kube, layout, parts, picture, screen, views, watching
from modelrollout.cli.kube import RESOURCE, Kubectl
from modelrollout.cli.parts import Part
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Rollout

PARTS_SECONDS = 5.0
DRAWN = ("table", "wide")
BETWEEN = {"json": "", "yaml": "---\n", "name": ""}  # forms for machines: every change is one document after this


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    kube.add_name(parser)
    parser.add_argument("-w", "--watch", action="store_true", help="show it again whenever it changes, until Ctrl-C")
    screen.add_form(parser, "table", "wide", "json", "yaml", "name")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Show it once, or until it is gone."""
    kubectl, shown, newest = kube.door(options), screen.of(options), _Newest()
    if not options.watch:
        found = newest.with_rollout(kubectl, options.name) if options.output in DRAWN else kubectl.rollout(options.name)
        screen.show(_text(found, kubectl, shown, options.output, newest))
        return 0

    def text_of(found: views.Json) -> str:
        return BETWEEN.get(options.output, "") + _text(found, kubectl, shown, options.output, newest)

    changes = kubectl.watch(RESOURCE, options.name)
    if options.output in BETWEEN:
        return watching.show_whole(changes, text_of)
    return watching.show(changes, text_of, shown)


@dataclass
class _Newest:
    """What was read last of the objects beside the rollout: they are not asked for at every second."""

    until: float = 0.0
    parts: tuple[Part, ...] = ()

    def with_rollout(self, kubectl: Kubectl, name: str) -> views.Json:
        """The rollout, asked for together with them."""
        found, self.parts = parts.read_with(kubectl, name)
        self.until = clock.now() + PARTS_SECONDS
        return found

    def of(self, kubectl: Kubectl, rollout: Rollout, now: float) -> tuple[Part, ...]:
        if now >= self.until:
            self.parts, self.until = parts.read(kubectl, rollout), now + PARTS_SECONDS
        return self.parts


def _text(found: views.Json, kubectl: Kubectl, shown: Screen, form: str, newest: _Newest) -> str:
    if form in {"json", "yaml"}:
        return screen.written(found, form)
    rollout, now = views.rollout(found), clock.now()
    if form == "name":
        return kube.called(rollout.name)
    return layout.tree(picture.of(rollout, newest.of(kubectl, rollout, now), now, form == "wide"), shown)
