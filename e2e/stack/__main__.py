"""`python -m e2e.stack up|down|status|logs|tools`: the local stack, for people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from e2e.stack import paths, recipes, supervisor, tools, views
from e2e.stack.errors import StackError
from e2e.stack.settings import PARTS, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 when something failed, 2 when the machine or the options lack something."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    try:
        return _run(options, given)
    except StackError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, given: Sequence[str]) -> int:
    directory: Path = paths.CACHE / "stack" / options.name if options.directory is None else options.directory
    match options.command:
        case "up" if options.foreground:
            return supervisor.run(_settings(options, directory))
        case "up":
            return supervisor.start_in_background(_settings(options, directory), given)
        case "down":
            return supervisor.stop(directory)
        case "status":
            return views.show_status(directory)
        case "logs":
            return views.show_logs(directory, options.part, options.lines, options.follow)
    for recipe in recipes.ALL:
        if not tools.ensure(recipe, _say):
            _say(f"{recipe.name} {recipe.version} is in {paths.BINARIES}")
    return 0


def _settings(options: argparse.Namespace, directory: Path) -> Settings:
    return Settings(
        directory=directory,
        namespace=options.namespace,
        without=frozenset(filter(None, options.without.split(","))),
        kubeconfig=options.kubeconfig,
        operator=options.operator,
        kind=options.cluster == "kind",
        node=options.cluster == "node",
        seldon_is_external=options.seldon == "external",
        data_plane_url=options.data_plane_url,
        envoy_stats_url=options.envoy_stats_url,
    )


def _parser() -> argparse.ArgumentParser:
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--name", default="default", help="which stack, if there are several (default: default)")
    which.add_argument("--directory", type=Path, help="its directory (default: .cache/stack/<name>)")
    parser = argparse.ArgumentParser(
        prog="python -m e2e.stack", description="The local stack: real parts, no containers."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_up(commands.add_parser("up", parents=[which], help="start it and return when every part is ready"))
    commands.add_parser("down", parents=[which], help="stop it")
    commands.add_parser("status", parents=[which], help="a table of its parts")
    logs = commands.add_parser("logs", parents=[which], help="the end of its logs")
    logs.add_argument("part", nargs="?", help="one part, or `stack` for what the stack itself said; default: all")
    logs.add_argument("-n", "--lines", type=int, default=20, help="lines from each (default: 20)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as the part does (needs a part)")
    commands.add_parser("tools", parents=[which], help="build the tools that are absent or out of date, start nothing")
    return parser


def _add_up(up: argparse.ArgumentParser) -> None:
    up.add_argument("--foreground", action="store_true", help="stay until Ctrl-C, then stop everything")
    up.add_argument("--namespace", default="models", help="where the models live (default: models)")
    up.add_argument("--without", default="", metavar="A,B", help=f"parts to leave out, of {', '.join(PARTS)}")
    up.add_argument("--operator", action="store_true", help="install the chart, and run the operator with its rights")
    up.add_argument("--kubeconfig", type=Path, help="use this cluster; no control plane is started")
    up.add_argument(
        "--cluster",
        choices=("own", "kind", "node"),
        default="own",
        help="own (default): no pods; kind: needs Docker; node: pods without Docker, needs root and Debian",
    )
    up.add_argument(
        "--seldon",
        choices=("minimesh", "external"),
        default="minimesh",
        help="minimesh (default), or external: the real one runs in the cluster of --kubeconfig",
    )
    up.add_argument("--data-plane-url", default="", help="with --seldon=external: where clients call Seldon's Envoy")
    up.add_argument("--envoy-stats-url", default="", help="with --seldon=external: its /stats/prometheus")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
