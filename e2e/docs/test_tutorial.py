"""The tutorial from its first command to its last, in one shell, on a stack of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest
import yaml
from pages import ROOT, TUTORIAL

from e2e.stack import paths

LONGEST_SECONDS = 1500  # every wait in it has a deadline of its own


@pytest.fixture
def stack_name() -> Iterator[str]:
    """Of a stack that nobody else has; it is down and gone afterwards, however the walk ended."""
    name = f"tutorial-{os.getpid()}"
    yield name
    subprocess.run([sys.executable, "-m", "e2e.stack", "down", "--name", name], cwd=ROOT, check=True)
    for left in (paths.CACHE / name, paths.CACHE / "stack" / name):
        shutil.rmtree(left, ignore_errors=True)


def test_the_rollout_that_is_shown_is_the_one_that_is_applied() -> None:
    (shown,) = pages.blocks("yaml", page=TUTORIAL)

    assert yaml.safe_load(shown.text) == yaml.safe_load((ROOT / "docs" / "tutorial" / "rollout.yaml").read_text())


@pytest.mark.stack
def test_every_step_of_the_tutorial_works(tmp_path: Path, stack_name: str) -> None:
    """Exit codes tell: each command that waits ends with 0 only when what the page says has come."""
    log, script = tmp_path / "log", tmp_path / "walk.sh"
    script.write_text("\n".join(["set -ex", *walk(stack_name)]))
    with log.open("w") as output:
        shell = subprocess.Popen(
            ["bash", str(script)], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = shell.wait(LONGEST_SECONDS)
        finally:
            stop(shell.pid)

    assert code == 0, log.read_text()[-6000:]


def walk(stack_name: str) -> list[str]:
    """The commands of the page, with the stack and the folder of this test; what make does is done.

    On a busy machine models take longer to be ready than a person would wait.
    """
    lines = [line for line in pages.steps(TUTORIAL) if not line.startswith("make ")]
    lines = [line.replace("--timeout=60s", "--timeout=300s") for line in lines]
    return [re.sub(r"(--name |\.cache/(?:stack/)?)tutorial\b", rf"\g<1>{stack_name}", line) for line in lines]


def stop(session: int) -> None:
    """Ends the clients that a walk which broke off left behind."""
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return
