"""A real Prometheus with the past of a few models, for replays and backtests alike."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "observe"))

import replay_past
from prometheus_bench import Prometheus, running_prometheus


@pytest.fixture(scope="package")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(tmp_path_factory.mktemp("replayed"), replay_past.series(), []) as prometheus:
        yield prometheus
