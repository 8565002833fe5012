"""`python -m e2e.traffic` as a person runs it: against the mesh, against nobody, and with Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from traffic_mesh import Mesh

from e2e import waiting
from e2e.stack.paths import ROOT
from e2e.traffic import results

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def command() -> Iterator[Run]:
    """Starts the command with these words; what still runs after the test is ended."""
    begun: list[subprocess.Popen[str]] = []

    def run(*words: object) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "e2e.traffic", *map(str, words)]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": _hear_interrupts}
        begun.append(subprocess.Popen(line, cwd=ROOT, **how))  # type: ignore[call-overload]
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def _hear_interrupts() -> None:
    """What a shell starts in the background inherits a deaf ear for Ctrl-C; a person's terminal has none."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@pytest.mark.stack
def test_a_run_tells_what_clients_saw(mesh: Mesh, command: Run, port: int, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = command(
        *("--url", mesh.url, "--experiment", "pair", "--feedback", "feedback", "--per-second", 40, "--seconds", 12),
        *("--clients", 6, "--windows", 2, "--sticky", 0.5, "--garbage", 0.1, "--scenario", "calm,volatile@6"),
        *("--label-loss", 0.1, "--label-repeat", 0.2, "--metrics-port", port, "--out", out),
    )
    words = ("ab_test_model_accuracy{", 'experiment="pair",model="blue",version="1"')
    waiting.until(lambda: all(map(_page(port).__contains__, words)), "labels are on the page for dashboards")
    said, complaint = process.communicate(timeout=300)

    assert process.returncode == 0, said + complaint
    assert "failed" not in said.splitlines()[-1]
    assert " sent · blue " in said
    found = results.read(out)
    assert len(found.answers) == 480
    assert {answer.climate for answer in found.answers} == {"calm", "volatile"}
    assert {answer.arm for answer in found.answers if answer.is_ok} == {"blue", "green"}
    assert {outcome.regime for outcome in found.outcomes} == {"bull", "sideways", "volatile"}
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.stack
def test_a_person_who_has_had_enough_gets_what_there_is(mesh: Mesh, command: Run, port: int, tmp_path: Path) -> None:
    process = command(
        *("--url", mesh.url, "--model", "blue", "--feedback", "feedback", "--seconds", 3600, "--label-delay", 3600),
        *("--metrics-port", port, "--out", tmp_path),
    )
    waiting.until(lambda: "ab_test_requests_total{" in _page(port), "requests are on the page for dashboards")
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=300)

    assert process.returncode == 0, said + complaint
    found = results.read(tmp_path)
    assert len(found.answers) == len(found.outcomes) > 0
    assert (tmp_path / "report.png").is_file()


def test_requests_that_fail_are_said_and_counted(command: Run) -> None:
    process = command("--url", "http://127.0.0.1:9", "--model", "blue", "--per-second", 20, "--seconds", 1)
    said, complaint = process.communicate(timeout=300)

    assert (process.returncode, complaint) == (1, "")
    assert said == "20 of 20 requests failed: 20 without an answer.\n"


@pytest.mark.stack
def test_a_model_that_is_not_served_is_said(mesh: Mesh, command: Run) -> None:
    words = ("--url", mesh.url, "--model", "grey", "--feedback", "feedback", "--per-second", 20, "--seconds", 1)
    said, _ = (process := command(*words)).communicate(timeout=300)

    assert process.returncode == 1
    assert "20 of 20 requests failed: 20 with code 404." in said


def test_a_port_that_is_taken_is_said_before_anything_is_sent(command: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = listening.getsockname()[1]
        process = command("--url", "http://127.0.0.1:9", "--model", "blue", "--metrics-port", taken)
        said, complaint = process.communicate(timeout=300)

    assert (process.returncode, said) == (2, "")
    assert complaint == f"--metrics-port is {taken}: Address already in use; give another.\n"


def test_a_bad_word_ends_it_with_one_sentence(command: Run) -> None:
    process = command("--url", "http://127.0.0.1:9", "--model", "blue", "--clients", "0")

    assert process.communicate(timeout=300) == ("", "--clients is '0': give a whole number from 1 to 1000.\n")
    assert process.returncode == 2
