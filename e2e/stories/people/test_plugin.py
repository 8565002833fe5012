"""A person sees a rollout and tells it what to do, with `kubectl modelrollout` and nothing else."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from e2e.rollouts import on_soak, stage
from e2e.story import Story

pytestmark = pytest.mark.stack

COLOURS = re.compile("\x1b\\[[0-9;]*m")
NOBODY = "system:serviceaccount:default:nobody"
LONGEST_SECONDS = 400  # longer than any of its own time-outs here


class Plugin:
    """kubectl with the installed plugin on PATH."""

    def __init__(self, story: Story) -> None:
        folders = (story.stack.access.kubectl_binary.parent, Path(sys.executable).parent)
        path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
        known = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self.environment = {**known, "PATH": path, "KUBECONFIG": str(story.stack.kubeconfig), "TERM": "xterm"}

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What it prints into a pipe: its answer, or with another exit code than 0 its error."""
        done = subprocess.run(
            ["kubectl", "modelrollout", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        assert "\x1b" not in done.stdout + done.stderr
        return done.stderr if code == 1 else done.stdout

    def on_a_terminal(self, columns: int, *arguments: str, **environment: str) -> str:
        """What it prints on a terminal of so many columns."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 200, columns, 0, 0))
        running = subprocess.Popen(
            ["kubectl", "modelrollout", *arguments],
            env=self.environment | environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        text = _read(ours)
        os.close(ours)
        assert running.wait(timeout=60) == 0, text
        return text.replace("\r\n", "\n")

    def watching(self, *arguments: str) -> subprocess.Popen[str]:
        """One that goes on until it is ended."""
        command = ["kubectl-modelrollout", *arguments]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)


def test_a_rollout_is_seen_held_approved_and_ended_with_the_plugin(story: Story) -> None:
    plugin, name = Plugin(story), story.name
    story.serve_both()
    with story.clients():
        story.begin([on_soak(20, soak="16s"), {"approval": {}}, stage(50, soak="600s"), stage(100)])
        story.until_at(1, 20)
        watched = plugin.watching("get", name, "-w")
        paused = plugin("pause", name, "--reason", "market is closed", "--by", "alice")
        seen_live = _until_line(watched, "market is closed")
        story.until_rollout(lambda seen: bool(seen.status.get("guardrails")), "it looks on")
        held = plugin("get", name)
        again = plugin("pause", name, "--no-color")
        too_early = plugin("approve", name, code=1)
        _everything_is_seen(plugin, story)
        resumed = plugin("resume", name)

        waited = plugin("status", name, "--timeout", "5m", code=6)
        not_past = plugin("skip", name, code=1)
        trial = plugin("approve", name, "--dry-run")
        untouched = story.rollout.stage
        approved = plugin("approve", name, "--reason", "looks good")
        plugin("status", name, "--for", "progressing", "--timeout", "5m")
        story.until_rollout(lambda seen: seen.stage == 3, "the approval let it go on")
        running = plugin("explain", name)

        aborted = plugin("abort", name, "--reason", "enough")
        ended = plugin("status", name, "--timeout", "5m", code=4)
        told = plugin("explain", name)
        decided = json.loads(plugin("history", name, "-o", "json"))
        tried_again = plugin("retry", name)

    assert paused == f"modelrollout/{name} paused\n"
    assert re.search("pause +held by alice for .*: market is closed", held)
    assert again.startswith(f"modelrollout/{name} unchanged: Nothing to do")
    assert "alice" in seen_live
    assert "does not wait for approval" in too_early
    assert resumed == f"modelrollout/{name} resumed\n"
    assert f"kubectl modelrollout approve {name}" in waited
    assert ": skip does not go past an approval" in not_past
    assert "dry run" in trial
    assert untouched == 2
    assert approved == f"modelrollout/{name} approved\n"
    assert running.startswith(f"The rollout {name} ")
    assert aborted == f"modelrollout/{name} aborted\n"
    assert "Degraded" in ended
    assert told.startswith("Aborted by ")
    assert "The reason given: enough." in told
    assert f"kubectl modelrollout retry {name}" in told
    assert [entry["reason"] for entry in reversed(decided)] == [
        *("AttemptStarted", "StageStarted", "PausedByHand", "Resumed"),
        *("StageStarted", "Approved", "StageStarted", "Aborted"),
    ]
    assert [entry["by"] for entry in decided if entry["reason"] == "PausedByHand"] == ["alice"]
    assert tried_again == f"modelrollout/{name} retried\n"
    assert story.rollout.attempt == 2


def _everything_is_seen(plugin: Plugin, story: Story) -> None:
    """One rollout in every form, on every screen, and what is said to those who may not see it."""
    name = story.name
    tree = plugin("get", name)
    narrow, usual = (plugin.on_a_terminal(columns, "get", name) for columns in (40, 80))
    plain = plugin.on_a_terminal(80, "get", name, NO_COLOR="1")

    assert f"Model {story.candidate} ready" in tree
    assert f"{story.baseline} 80 %" in tree
    assert max(len(line) for line in COLOURS.sub("", narrow).splitlines()) <= 40
    assert max(len(line) for line in COLOURS.sub("", usual).splitlines()) <= 80
    assert COLOURS.search(usual)
    assert not COLOURS.search(plain)
    assert json.loads(plugin("get", name, "-o", "json"))["metadata"]["name"] == name
    assert plugin("get", f"mro/{name}", "-o", "name") == f"modelrollout.modelrollout.io/{name}\n"
    assert name in plugin("list", "-A", "-o", "wide")
    assert "modelrollout.io/v1alpha1" in plugin("version")
    assert f"\n{name}\n" in "\n" + plugin_completes(plugin, "get", name[:3])
    assert plugin("get", "absent", code=1) == (
        "error: there is no rollout 'absent' there: look for it with kubectl modelrollout list -A\n"
    )
    assert 'verbs: ["get"]' in plugin("abort", name, "--as", NOBODY, code=1)
    kinds = ("modelrollouts.modelrollout.io", "models.mlops.seldon.io", "experiments.mlops.seldon.io")
    for most in (1, 3):
        user = f"{name}-sees-{most}"
        story.kubectl("create", "role", user, "--verb=get", f"--resource={','.join(kinds[:most])}")
        story.kubectl("create", "rolebinding", user, f"--role={user}", f"--user={user}")
        asked = ("auth", "can-i", "get", kinds[most - 1], "--as", user)
        story.until(lambda asked=asked: _may(plugin, *asked), f"{user} may get {kinds[most - 1]}")
    assert f"Model {story.candidate} ready" in plugin("get", name, "--as", f"{name}-sees-3")
    assert f"not known: {name}-sees-1 may not get experiments" in plugin("get", name, "--as", f"{name}-sees-1")


def _may(plugin: Plugin, *asked: str) -> bool:
    return subprocess.run(["kubectl", *asked], env=plugin.environment, capture_output=True).returncode == 0


def plugin_completes(plugin: Plugin, *words: str) -> str:
    """What kubectl itself offers after these words."""
    return subprocess.run(
        ["kubectl", "__complete", "modelrollout", *words],
        env=plugin.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def _until_line(running: subprocess.Popen[str], words: str) -> str:
    """The first line with these words that a watching plugin prints; it is ended then, or after the longest time."""
    assert running.stdout is not None
    impatience = threading.Timer(LONGEST_SECONDS, running.kill)
    impatience.start()
    try:
        return next(line for line in running.stdout if words in line)
    finally:
        impatience.cancel()
        running.terminate()
        running.wait(timeout=30)


def _read(terminal: int) -> str:
    """All that comes until the other side hangs up."""
    read = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when nobody writes any more
            chunk = b""
        if not chunk:
            return read.decode()
        read += chunk
