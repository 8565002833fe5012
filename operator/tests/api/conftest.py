"""A real API server with our definition in it, one for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from apiserver import ApiServer, running

DEFINITION = Path(__file__).parents[3] / "crds" / "modelrollouts.yaml"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The server, with the committed definition established."""
    with running(tmp_path_factory.mktemp("apiserver")) as server:
        server.kubectl("create", "-f", str(DEFINITION))
        server.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(DEFINITION))
        yield server


@pytest.fixture(scope="session")
def rollouts(api_server: ApiServer) -> Iterator[httpx.Client]:
    """A client whose root is the collection of rollouts in the namespace `default`."""
    group = yaml.safe_load(DEFINITION.read_text())["spec"]["group"]
    with api_server.client(f"/apis/{group}/v1alpha1/namespaces/default/modelrollouts") as client:
        yield client
