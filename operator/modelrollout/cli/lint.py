"""`lint`: is a ModelRollout well before it is applied? Offline, and on request against a cluster and a Prometheus."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelrollout.cli import kube, screen
from modelrollout.cli.refusals import USAGE, Refused

if TYPE_CHECKING:
    from modelrollout.cli.findings import Finding
    from modelrollout.cli.linting import File
    from modelrollout.cli.screen import Screen

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "-f", "--file", action="append", required=True, metavar="FILE|DIR|-",
        help="what to check; a folder with all that is below it, - for standard input; may be given several times",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")
    parser.add_argument("--server", action="store_true", help="ask the cluster too: its rules, Models and Experiments")
    parser.add_argument(
        "--prometheus", metavar="URL", help="read the baselines' past there, and say how long each stage will take"
    )
    parser.add_argument("--token-file", metavar="FILE", help="a bearer token for that address")
    parser.epilog = "Exit codes: 0 clean, 1 errors (or warnings with --strict), 2 the command line is wrong."
    kube.add_options(parser)
    screen.add_options(parser)
    screen.add_form(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print what was found. Raises Refused."""
    from modelrollout.cli import linting  # late, with YAML and the contract
    from modelrollout.cli.findings import Level

    files = [linting.check(text, source) for source, text in _texts(options.file)]
    rollouts = [one for file in files for one in file.rollouts]
    found = [one for file in files for one in file.findings] + linting.across(rollouts)
    if not rollouts and not found:
        raise Refused(f"{', '.join(options.file)}: there is no ModelRollout, so nothing was checked")
    outlooks: list[dict[str, Any]] = []
    if options.server:
        from modelrollout.cli import surroundings

        found += surroundings.check(kube.door(options), rollouts, [one for file in files for one in file.others])
    if options.prometheus:
        from modelrollout.cli import traffic_ahead

        found, outlooks = traffic_ahead.check(options, rollouts, found)
    found.sort(key=lambda one: (one.source, one.line))
    shown = _as_data(found, files, outlooks) if options.output == "json" else _as_text(found, files, outlooks, options)
    screen.show(shown)
    fatal = (Level.ERROR, Level.WARNING) if options.strict else (Level.ERROR,)
    return 1 if any(one.level in fatal for one in found) else 0


def _texts(given: list[str]) -> list[tuple[str, str]]:
    """Every file: its name for people, and its text. Raises Refused."""
    return [(str(file), _read(file)) for one in given for file in _files(one)]


def _files(given: str) -> list[Path]:
    place = Path(given)
    if given == STDIN or not place.is_dir():
        return [place]
    found = sorted(file for file in place.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise Refused(f"{given} holds no {', '.join(SUFFIXES)} file: give the folder that does", USAGE)
    return found


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()
        return raw.decode("utf-8")
    except OSError as missing:
        raise Refused(f"{file} cannot be read ({missing.strerror}): give a file, a folder or -", USAGE) from missing
    except UnicodeDecodeError as other:
        raise Refused(f"{file} is no UTF-8 text: save it as UTF-8") from other


def _as_text(
    found: list[Finding], files: list[File], outlooks: list[dict[str, Any]], options: argparse.Namespace
) -> str:
    from modelrollout.cli import layout
    from modelrollout.cli.findings import STYLES

    here: Screen = screen.of(options)
    said = [f"{one.place}: {here.paint(one.level, STYLES[one.level])}: {layout.clean(one.sentence)}" for one in found]
    ahead = [line for outlook in outlooks for line in _outlook(outlook)]
    return "\n".join([*said, *ahead, _closing(found, files)])


def _outlook(outlook: dict[str, Any]) -> list[str]:
    """What each stage will need, as lines."""
    lines = [f"{outlook['rollout']}, with the traffic of {outlook['baseline']} in the last 24 hours:"]
    for stage in outlook["stages"]:
        pace = "only soaks, or nothing is known of its traffic"
        if stage.get("guardrail"):
            pace = (
                f"{stage['guardrail']} passes a healthy model in {stage['passIn']} (90 %: {stage['passBy']}), "
                f"a harmful one fails in {stage['failIn']} (90 %: {stage['failBy']})"
            )
        lines.append(f"  stage {stage['stage']} at {stage['weight']} %: {pace}")
    return lines


def _closing(found: list[Finding], files: list[File]) -> str:
    from modelrollout.cli.findings import Level, counted

    rollouts, others = sum(len(file.rollouts) for file in files), sum(len(file.others) for file in files)
    left_out = f", {others} other objects left out" if others else ""
    checked = f"{rollouts} rollout{'' if rollouts == 1 else 's'} in {len(files)} file{'' if len(files) == 1 else 's'}"
    return f"{checked}: {counted(found, Level.ERROR)}, {counted(found, Level.WARNING)}{left_out}"


def _as_data(found: list[Finding], files: list[File], outlooks: list[dict[str, Any]]) -> str:
    from dataclasses import asdict

    told = {
        "rollouts": [
            {"file": one.source, "line": one.manifest.line(), "name": one.manifest.name}
            for file in files
            for one in file.rollouts
        ],
        "findings": [asdict(one) for one in found],
        "outlooks": outlooks,
    }
    return screen.written(told, "json")
