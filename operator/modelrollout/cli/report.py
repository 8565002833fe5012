"""`report`: one rollout as one page, to keep or to send; with its pictures as PNG when they are wanted."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelrollout.cli import clock, kube, screen
from modelrollout.cli.refusals import USAGE, Refused

if TYPE_CHECKING:
    from modelrollout.api.spec import RolloutSpec

STDOUT = "-"


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", help="the rollout")
    which.add_argument("-f", "--file", metavar="ROLLOUT.YAML", help="what kubectl get rollout NAME -o yaml printed")
    parser.add_argument(
        "-o", "--output", metavar="FILE.HTML", help="the page; - for standard output (default: NAME.html)"
    )
    parser.add_argument("--png", metavar="FILE.PNG", help="its pictures too (needs matplotlib)")
    parser.add_argument(
        "--prometheus", metavar="URL", help="read the looks again there, and show how the evidence went"
    )
    parser.add_argument("--token-file", metavar="FILE", help="a bearer token for that address")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Write the page. Raises Refused."""
    if options.png and find_spec("matplotlib") is None:
        raise Refused(f"--png is '{options.png}': matplotlib is missing, install modelrollout[plots]")
    found = _object(options.file) if options.file else kube.door(options).rollout(options.name.rsplit("/", 1)[-1])
    from modelrollout.cli import report_facts, report_page, views  # late, with the contract

    rollout = views.rollout(found)
    past = None
    if options.prometheus:
        from modelrollout.cli import report_past

        past = report_past.read(options, found)
    now = clock.now() if options.name else report_facts.newest(found, rollout) or clock.now()
    made = report_page.Report(found, rollout, _spec(found), now, past, is_live=bool(options.name))
    page = Path(options.output or f"{rollout.name}.html")
    if options.output == STDOUT:
        screen.show(report_page.page(made))
    else:
        _write(page, report_page.page(made).encode())
        sys.stderr.write(f"{page} written\n")
    if options.png:
        from modelrollout.cli import report_png

        picture = Path(options.png)
        _write(picture, report_png.draw(made))
        sys.stderr.write(f"{picture} written\n")
    return 0


def _object(file: str) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise Refused(f"{file} cannot be read ({str(wrong).splitlines()[0]}): give a rollout's YAML", USAGE) from wrong
    if not isinstance(found, dict) or found.get("kind") != "ModelRollout":
        raise Refused(f"{file} holds no ModelRollout: give what kubectl get rollout NAME -o yaml prints", USAGE)
    return found


def _spec(found: dict[str, Any]) -> RolloutSpec | None:
    """The spec for its limits; None when it cannot be followed."""
    from modelrollout.api import spec as api_spec
    from modelrollout.errors import SpecInvalid

    try:
        return api_spec.parse(found.get("spec") or {})
    except SpecInvalid:
        return None


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as refused:
        raise Refused(f"{file} cannot be written ({refused.strerror}): choose another file") from refused
