"""A real API server with our definition in it, one for all tests of this folder."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from e2e.stack import Settings, Stack

DEFINITION = Path(__file__).parents[3] / "crds" / "modelrollouts.yaml"
COLLECTION = "/apis/modelrollout.io/v1alpha1/namespaces/default/modelrollouts"


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The API server alone, with the committed definition established."""
    without = frozenset({"kube-controller-manager", "mlserver", "minimesh", "envoy", "prometheus"})
    with Stack(Settings(directory=tmp_path_factory.mktemp("api"), namespace="default", without=without)) as stack:
        stack.kubectl("create", "-f", str(DEFINITION))
        stack.kubectl("wait", "--for=condition=Established", "--timeout=240s", "-f", str(DEFINITION))
        yield stack


@pytest.fixture(scope="package")
def rollouts(stack: Stack) -> Iterator[httpx.Client]:
    """The admin's client whose root is the collection of rollouts in the namespace `default`.

    kubectl starts a process per question; the corpus and the drawn specs ask hundreds.
    """
    config = yaml.safe_load(stack.kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority").decode())
    identity = stack.settings.directory / "admin.pem"
    identity.write_bytes(_pem(user, "client-certificate") + _pem(user, "client-key"))
    context.load_cert_chain(identity)
    with httpx.Client(base_url=cluster["server"] + COLLECTION, verify=context, timeout=30) as client:
        yield client


def _pem(entry: dict[str, str], name: str) -> bytes:
    """A certificate or key of a kubeconfig, inline or in a file."""
    if f"{name}-data" in entry:
        return base64.b64decode(entry[f"{name}-data"])
    return Path(entry[name]).read_bytes()
