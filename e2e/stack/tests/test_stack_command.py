"""`python -m e2e.stack`, as people use it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.stack import Access
from e2e.stack.processes import born

pytestmark = pytest.mark.stack

Command = Callable[..., "subprocess.Popen[str]"]
Eventually = Callable[[Callable[[], bool], str], None]


def output(process: subprocess.Popen[str], exit_code: int = 0) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == exit_code, said
    return said


def pids(directory: Path) -> list[int]:
    return [json.loads(file.read_text())["pid"] for file in (directory / "run").glob("*.json")]


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("stack ready"):
            return
    pytest.fail("the stack ended: " + "".join(said))


def test_up_status_logs_and_down(command: Command, control_plane: tuple[str, ...]) -> None:
    directory = Path(control_plane[1])
    which = ("--directory", directory)

    said = output(command("up", *control_plane))
    assert re.search(r"^etcd ready in \d+\.\d s at http://127.0.0.1:\d+$", said, re.MULTILINE)
    assert "default" in Access.load(directory).kubectl("get", "namespaces")

    table = output(command("status", *which))
    for part in ("etcd", "kube-apiserver"):
        assert re.search(rf"^{part} +\d+ +running +https?://127\.0\.0\.1:\d+ +[\dm]+s +\d+$", table, re.MULTILINE), (
            table
        )

    assert "v1.36.3" in output(command("logs", "kube-apiserver", "--lines", "100000", *which))
    assert "no log of grafana" in output(command("logs", "grafana", *which), exit_code=2)
    assert "runs in" in output(command("up", *control_plane), exit_code=1)

    running = pids(directory)
    assert "is down" in output(command("down", *which))
    assert [pid for pid in running if born(pid)] == []
    assert "No stack runs" in output(command("down", *which))
    assert "No stack runs" in output(command("status", *which), exit_code=1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_nothing_is_left_however_it_ends(
    command: Command, little: tuple[str, ...], eventually: Eventually, how: signal.Signals
) -> None:
    process = command("up", "--foreground", *little)
    wait_until_ready(process)
    running = pids(Path(little[1]))
    assert len([pid for pid in running if born(pid)]) == 2

    process.send_signal(how)
    process.wait(timeout=300)

    eventually(lambda: not any(born(pid) for pid in running), f"every part has gone after {how.name}")


def test_a_failed_start_takes_everything_down(command: Command, little: tuple[str, ...]) -> None:
    said = output(command("up", "--namespace", "Not_A_Name", *little), exit_code=1)

    assert "prometheus ready" in said
    assert 'Invalid value: "Not_A_Name"' in said
    running = pids(Path(little[1]))
    assert len(running) == 2
    assert [pid for pid in running if born(pid)] == []


def test_kind_without_docker_is_refused_in_one_sentence(command: Command, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}

    said = output(
        command("up", "--cluster=kind", "--directory", tmp_path / "stack", environment=environment), exit_code=2
    )

    assert re.fullmatch(r"--cluster=kind needs a running Docker .* and kind .*, which this machine lacks; .*\n", said)


REFUSED = {
    "two clusters": (("--kubeconfig", __file__, "--cluster=kind"), "each choose the cluster"),
    "a kubeconfig that is not there": (("--kubeconfig", "/nowhere"), "/nowhere, which does not exist"),
    "the real Seldon without its addresses": (
        ("--kubeconfig", __file__, "--seldon=external"),
        "needs --data-plane-url",
    ),
    "addresses of no external Seldon": (("--data-plane-url", "http://x"), "belong to --seldon=external"),
    "an unknown part": (("--without", "grafana"), "--without names grafana; the parts are etcd"),
    "somebody else's directory": (("--foreground", "--directory", str(Path(__file__).parent)), "not a stack's"),
}


@pytest.mark.parametrize(("options", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused(command: Command, options: tuple[str, ...], sentence: str) -> None:
    assert sentence in output(command("up", "--name", "refused", *options), exit_code=2)
