"""Does the operator of this release work? `helm test` runs this in a pod with the operator's own rights.

Prints a line for each thing that holds; ends with 1, and with what to do, when one does not within the time given.
The standard library alone: what it tells is not what the operator believes of itself.
"""

import argparse
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

KIND = "/apis/modelrollout.io/v1alpha1"
LEASES = "/apis/coordination.k8s.io/v1"
SECONDS_BETWEEN_TRIES = 1.0


class Wrong(Exception):
    """What does not hold, and the cure."""


def main() -> int:
    """The exit code: 0 when everything holds."""
    options = _options()
    checks = [partial(served, options), *(partial(readable, options, place) for place in _places(options))]
    checks += [partial(led, options)] if options.lease else []
    checks += [partial(measured, options)] if options.metrics else []
    deadline = time.monotonic() + options.within
    return max(_settle(check, deadline) for check in checks)


def served(options: argparse.Namespace) -> str:
    """The API server has the kind, in the version that the operator speaks."""
    try:
        kinds = {kind["name"]: kind for kind in _api(options, KIND)["resources"]}
    except urllib.error.HTTPError as refusal:
        raise Wrong(f"{KIND} answers {refusal.code}: install the CustomResourceDefinition (crds.install)") from None
    if not {"modelrollouts", "modelrollouts/status"} <= set(kinds):
        raise Wrong(f"{KIND} serves {', '.join(kinds)}: install the CustomResourceDefinition of this version")
    return f"{KIND} is served"


def readable(options: argparse.Namespace, place: str) -> str:
    """The operator's account may list the rollouts that it runs."""
    try:
        _api(options, f"{KIND}{place}/modelrollouts?limit=1")
    except urllib.error.HTTPError as refusal:
        raise Wrong(f"{KIND}{place}/modelrollouts answers {refusal.code}: grant the role (rbac.create)") from None
    return f"rollouts of {place.removeprefix('/namespaces/') or 'all namespaces'} can be read"


def led(options: argparse.Namespace) -> str:
    """A replica holds the Lease, and renews it while we watch: no clock but theirs is asked."""
    first = _lease(options)
    for _ in range(first["leaseDurationSeconds"]):
        time.sleep(SECONDS_BETWEEN_TRIES)
        now = _lease(options)
        if now.get("holderIdentity") and now["renewTime"] != first["renewTime"]:
            return f"{now['holderIdentity']} leads"
    raise Wrong(f"nobody renews Lease {options.lease}: see the pods' logs")


def measured(options: argparse.Namespace) -> str:
    """The Service leads to the operator's metrics."""
    try:
        with urllib.request.urlopen(options.metrics, timeout=5) as answer:
            text = answer.read().decode()
    except OSError as failed:
        raise Wrong(f"{options.metrics} does not answer ({failed}): are the pods ready?") from None
    if "modelrollout_" not in text:
        raise Wrong(f"{options.metrics} has no metric of the operator: another program answers there")
    return f"{options.metrics} has the operator's metrics"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="check", description=__doc__)
    parser.add_argument("--namespace", action="append", default=[], help="whose rollouts it runs; none means all")
    parser.add_argument("--lease", metavar="NAMESPACE/NAME", help="the Lease by which the replicas choose a leader")
    parser.add_argument("--metrics", metavar="URL", help="where the operator's own metrics are")
    parser.add_argument("--within", type=float, default=60.0, metavar="SECONDS", help="how long to wait for it all")
    parser.add_argument("--account", type=Path, default=Path("/var/run/secrets/kubernetes.io/serviceaccount"))
    return parser.parse_args()


def _lease(options: argparse.Namespace) -> dict[str, Any]:
    namespace, name = options.lease.split("/")
    try:
        lease = _api(options, f"{LEASES}/namespaces/{namespace}/leases/{name}")
    except urllib.error.HTTPError as refusal:
        raise Wrong(f"Lease {options.lease} answers {refusal.code}: no replica leads yet, see the pods' logs") from None
    spec: dict[str, Any] = lease["spec"]
    return spec


def _places(options: argparse.Namespace) -> list[str]:
    return [f"/namespaces/{namespace}" for namespace in options.namespace] or [""]


def _settle(check: Callable[[], str], deadline: float) -> int:
    while True:
        try:
            print(f"ok: {check()}", flush=True)
        except (Wrong, OSError) as wrong:
            if time.monotonic() > deadline:
                print(f"wrong: {wrong}", file=sys.stderr)
                return 1
            time.sleep(SECONDS_BETWEEN_TRIES)
        else:
            return 0


def _api(options: argparse.Namespace, path: str) -> dict[str, Any]:
    """What the API server answers to the pod's account, as JSON."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = (options.account / "token").read_text().strip()
    place = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    request = urllib.request.Request(place + path, headers={"Authorization": f"Bearer {token}"})
    trust = ssl.create_default_context(cafile=str(options.account / "ca.crt"))
    with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


if __name__ == "__main__":
    sys.exit(main())
