"""`version`: what is installed here and in the cluster."""

import argparse
import json
from typing import Any

from modelrollout import __version__
from modelrollout.cli import failures, kube, layout, screen
from modelrollout.cli.kube import RESOURCE, Kubectl


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--client", action="store_true", help="ask nothing of the cluster")
    screen.add_form(parser, "table", "json", "yaml")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the versions; 0 also when some are not known."""
    known = {"plugin": __version__, **_versions(kube.door(options), options.client)}
    if options.output == "table":
        screen.show(layout.table([layout.row(*pair) for pair in known.items()], screen.of(options)))
    else:
        screen.show(screen.written(known, options.output))
    return 0


def _versions(kubectl: Kubectl, is_alone: bool) -> dict[str, str]:
    more = ["--client"] if is_alone else []
    told = _json(kubectl.ask("version", "-o", "json", *more, namespaced=False).stdout)
    versions = {"kubectl": _git(told, "clientVersion")}
    if is_alone:
        return versions
    return {**versions, "cluster": _git(told, "serverVersion"), "API": _api(kubectl)}


def _api(kubectl: Kubectl) -> str:
    """The version in which the cluster knows ModelRollouts, or why none is known."""
    arguments = ("get", "crd", RESOURCE, "-o", "json")
    done = kubectl.ask(*arguments, namespaced=False)
    if done.returncode:
        is_absent = "not found" in done.stderr
        return failures.NO_DEFINITION if is_absent else failures.sentence(done.stderr, arguments)
    versions = (_json(done.stdout).get("spec") or {}).get("versions") or []
    return "modelrollout.io/" + ", ".join(str(one["name"]) for one in versions if one.get("served"))


def _git(told: dict[str, Any], which: str) -> str:
    return str((told.get(which) or {}).get("gitVersion") or "not known")


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
