"""One MLServer for all tests of the models."""

from collections.abc import Iterator

import pytest
from model_server import Server, running


@pytest.fixture(scope="package")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("repository")) as server:
        yield server
