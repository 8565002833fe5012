"""One mesh with two models, their Experiment and feedback, for all tests that send real traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from traffic_mesh import Mesh

from e2e.stack import Settings, Stack, ports

# Nothing here needs them, and two cores are few.
_WITHOUT = frozenset({"kube-controller-manager", "prometheus"})


@pytest.fixture(scope="package")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with Stack(Settings(directory=tmp_path_factory.mktemp("traffic") / "stack", without=_WITHOUT)) as stack:
        found = Mesh(stack)
        for model, artefact in {"blue": "baseline", "green": "lightweight", "feedback": "feedback"}.items():
            found.serve(model, artefact)
        found.split("pair", "blue", "green")
        yield found


@pytest.fixture
def port() -> Iterator[int]:
    """One that nobody listens on, and that the kernel gives to nobody's connection meanwhile."""
    reservation = ports.reserve()
    yield reservation.ports.prometheus
    reservation.release()
