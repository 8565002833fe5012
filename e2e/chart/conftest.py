"""One API server for every test of the chart, and the chart as a release on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chart_release import NAMESPACES, Release, definition, establish

from e2e.minimesh import crds
from e2e.stack import Settings, Stack

MONITORING = {
    "ServiceMonitor": "servicemonitors",
    "PodMonitor": "podmonitors",
    "PrometheusRule": "prometheusrules",
}


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server with nothing in it but namespaces, and the kinds of Seldon and of the Prometheus operator."""
    without = frozenset({"mlserver", "minimesh", "envoy", "prometheus"})
    with Stack(Settings(directory=tmp_path_factory.mktemp("chart"), without=without)) as stack:
        for namespace in NAMESPACES:
            stack.kubectl("create", "namespace", namespace)
        establish(stack, [*crds.all_crds(), *(definition(*kind) for kind in MONITORING.items())])
        yield stack


@pytest.fixture
def release(stack: Stack) -> Release:
    """The release, whether installed or not."""
    return Release(stack)


@pytest.fixture
def installed(release: Release, request: pytest.FixtureRequest) -> Iterator[str]:
    """The release with the values of the parameter; what Helm said of it.

    The definition stays from test to test, as it does for users: a busy API server may take minutes to delete one.
    """
    yield release.install(getattr(request, "param", ()))
    release.uninstall()
