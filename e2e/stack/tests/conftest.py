"""One whole stack for every test of this folder, and a way to run the command line."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.stack import Settings, Stack, paths

SECONDS_OF_PATIENCE = 150

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(Settings(directory=tmp_path_factory.mktemp("stack"))) as running:
        yield running


@pytest.fixture
def command() -> Iterator[Run]:
    """Starts `python -m e2e.stack ...`; whatever still runs at the test's end is killed."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "e2e.stack", *map(str, arguments)]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "preexec_fn": hear_interrupts}
        begun.append(subprocess.Popen(line, cwd=paths.ROOT, env=environment, **how))  # type: ignore[call-overload]
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def hear_interrupts() -> None:
    """What a shell starts in the background inherits a deaf ear for Ctrl-C; a person's terminal has none."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Waits until it is so; fails the test when it never comes."""
    deadline = time.monotonic() + SECONDS_OF_PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"still not so after {SECONDS_OF_PATIENCE} s: {what}"
        time.sleep(0.05)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[Callable[[], bool], str], None]:
    return eventually


@pytest.fixture
def control_plane(tmp_path: Path) -> tuple[str, ...]:
    """Options for `up` that start etcd and kube-apiserver alone, in a directory of the test's own."""
    left_out = "kube-controller-manager,mlserver,minimesh,envoy,prometheus"
    return ("--directory", str(tmp_path / "second"), "--without", left_out)


@pytest.fixture
def little(stack: Stack, tmp_path: Path) -> tuple[str, ...]:
    """Options for `up` that start MLServer and Prometheus alone, on the cluster of the whole stack."""
    return (
        "--directory",
        str(tmp_path / "second"),
        "--kubeconfig",
        str(stack.kubeconfig),
        "--without",
        "minimesh,envoy",
    )
