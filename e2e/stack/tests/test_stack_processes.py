"""Parts as processes: how they die, what is said about it, and that nothing outlives its stack."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.stack import PartError, PortTakenError, Process, Settings, Stack, ports, tools
from e2e.stack.parts import Part, Ready
from e2e.stack.processes import born

pytestmark = pytest.mark.stack

Eventually = Callable[[Callable[[], bool], str], None]


@pytest.fixture
def port() -> Iterator[int]:
    """One that the kernel gives to nobody's connection, also while Prometheus is between two runs."""
    reservation = ports.reserve()
    yield reservation.ports.prometheus
    reservation.release()


@pytest.fixture
def prometheus(port: int, tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    """A Prometheus alone, with the given configuration."""
    begun: list[Process] = []

    def make(configuration: str) -> Process:
        file = tmp_path / "prometheus.yml"
        binary = tools.provide(["prometheus"], print)["prometheus"]
        address = f"http://127.0.0.1:{port}"
        part = Part(
            name="prometheus",
            command=(str(binary), f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}"),
            address=address,
            ports=(port,),
            ready=Ready(f"{address}/-/ready"),
            files={file: configuration},
        )
        begun.append(Process(part, tmp_path, print, ready_within_seconds=60))
        return begun[-1]

    yield make
    for process in begun:
        process.kill()


def test_a_part_that_dies_at_start_is_named_with_its_exit_code_and_log(prometheus: Callable[[str], Process]) -> None:
    with pytest.raises(PartError, match="prometheus ended with exit code 2 before it was ready") as failure:
        prometheus("scrape_configs: none\n").start()

    assert "Error loading config" in str(failure.value)
    assert failure.value.part == "prometheus"


def test_a_part_whose_port_is_taken_says_which(prometheus: Callable[[str], Process], port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTakenError, match=f"port {port} is taken"):
        prometheus("").start()


def test_a_part_that_never_answers_is_named_with_the_address_that_was_asked(
    prometheus: Callable[[str], Process], tmp_path: Path
) -> None:
    part = prometheus("").part
    asked = part.address + "/no-such-page"
    impatient = Process(replace(part, ready=Ready(asked)), tmp_path, print, ready_within_seconds=2)

    with pytest.raises(PartError, match=rf"was not ready after \d+ s \({asked} did not answer 200\)"):
        impatient.start()

    impatient.kill()


def test_a_part_started_again_keeps_the_log_of_the_run_before(prometheus: Callable[[str], Process]) -> None:
    process = prometheus("")
    process.start()
    process.kill()
    said = process.log.read_text()

    process.start()

    assert process.log.with_name("prometheus.1.log").read_text() == said
    assert process.log.read_text() != said


def test_a_part_that_somebody_kills_is_noticed_once(stack: Stack, eventually: Eventually) -> None:
    envoy = stack.part("envoy")
    assert envoy.pid is not None
    os.kill(envoy.pid, signal.SIGKILL)
    eventually(lambda: not envoy.is_running, "Envoy is dead")

    assert stack.note_deaths() == [envoy]
    assert stack.note_deaths() == []
    assert envoy.exit_code == -signal.SIGKILL
    envoy.start()
    assert stack.note_deaths() == []


def test_a_part_started_by_a_thread_outlives_the_thread(stack: Stack, eventually: Eventually) -> None:
    minimesh = stack.part("minimesh")
    minimesh.stop()

    thread = threading.Thread(target=minimesh.start)
    thread.start()
    thread.join()

    assert minimesh.is_running
    eventually(minimesh.part.ready, "minimesh answers")


def test_parts_die_with_a_process_that_is_killed(eventually: Eventually) -> None:
    holder = """
import os, sys, time
from e2e.stack import tether
process = tether.start(["sleep", "600"], sys.stderr, os.environ)
print(process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    assert born(pid) is not None

    parent.kill()
    parent.wait()

    eventually(lambda: born(pid) is None, "the child died with its parent")


def test_a_port_taken_while_the_stack_starts_is_changed_for_another(tmp_path: Path) -> None:
    taken: list[socket.socket] = []
    left_out = frozenset(Settings().parts()) - {"etcd", "kube-apiserver"}

    def take_the_port_of_the_api_server(line: str) -> None:
        if line.startswith("etcd ready") and not taken:
            etcd = int(line.rpartition(":")[2])
            taken.append(socket.create_server(("127.0.0.1", etcd + 2)))

    settings = Settings(directory=tmp_path / "stack", without=left_out)
    with Stack(settings, say=take_the_port_of_the_api_server) as stack:
        assert stack.part("kube-apiserver").part.ports[0] != taken[0].getsockname()[1]
        assert "default" in stack.kubectl("get", "namespaces")
    taken[0].close()
