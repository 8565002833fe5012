"""What was decided can be read again: the same verdict from the same numbers, though the operator died meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from e2e.rollouts import ERRORS, LATENCY, Object, Rollout, on_soak, stage
from e2e.story import Story

pytestmark = pytest.mark.stack

LATENCY_ON_A_BUSY_MACHINE: Object = {"name": "latency", "latency": {"floor": "500ms"}}
STAGES = [on_soak(20), stage(50, soak="8s"), stage(100)]


def test_a_rollback_is_replayed_from_a_file_and_from_the_cluster(story: Story, tmp_path: Path) -> None:
    story.serve_both(delay_ms=400)
    with story.clients():
        story.begin([stage(20), stage(100)], guardrails=[ERRORS, LATENCY])
        ended = story.until_rollout(lambda seen: seen.phase == "Degraded", "it is rolled back")
    file = _written(story, tmp_path)
    from_file = _replay(story, ["-f", str(file)])
    from_cluster = _replay(story, [story.name, "-n", story.stack.namespace])

    assert from_file.returncode == 0, _said(from_file)
    assert _says(from_file, f"Same verdict: RolledBack at {_told(ended)} because latency failed")
    assert (from_cluster.returncode, from_cluster.stdout) == (0, from_file.stdout)


def test_a_promotion_is_replayed_though_the_operator_died(story: Story, tmp_path: Path) -> None:
    story.serve_both()
    with story.clients(per_second=80):
        story.begin(STAGES, guardrails=[ERRORS, LATENCY_ON_A_BUSY_MACHINE])
        story.until_at(2, 50)
        story.stack.part("operator").kill()
        killed = story.rollout.status
        story.until(lambda: story.ask("vector(time())") > killed["lastLookAt"] + 16, "looks are missing")
        story.stack.part("operator").start()
        promoted = story.until_rollout(lambda seen: seen.phase == "Healthy", "it is promoted")
    file = _written(story, tmp_path)
    replayed = _replay(story, ["-f", str(file), "--all"])

    assert "outcome" not in killed
    assert max(blocks["seconds"] for blocks in promoted.status["blocks"]) > 2  # looks were missing
    assert replayed.returncode == 0, _said(replayed)
    assert _says(replayed, f"Same verdict: Promoted at {_told(promoted)}")
    assert len(replayed.stdout.splitlines()) == promoted.status["looks"] + 2


def test_a_verdict_that_the_looks_do_not_bear_is_told(story: Story, tmp_path: Path) -> None:
    story.serve_both(delay_ms=400)
    with story.clients():
        story.begin([stage(20), stage(100)], guardrails=[ERRORS, LATENCY])
        story.until_rollout(lambda seen: seen.phase == "Degraded", "it is rolled back")
    file = _written(story, tmp_path)
    forged = yaml.safe_load(file.read_text())
    forged["status"] |= {"outcome": "Promoted", "verdict": "Pass"}
    file.write_text(yaml.safe_dump(forged))
    replayed = _replay(story, ["-f", str(file)])

    assert replayed.returncode == 1, _said(replayed)
    assert "Different: the verdict is Fail, but the rollout's was Pass" in replayed.stdout


def _written(story: Story, folder: Path) -> Path:
    file = folder / "rollout.yaml"
    file.write_text(story.kubectl("get", "rollout", story.name, "-o", "yaml"))
    return file


def _replay(story: Story, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """As a person would, with the operator's own settings."""
    settings = story.stack.settings
    environment = {
        **os.environ,
        "KUBECONFIG": str(story.stack.kubeconfig),
        "MODELROLLOUT_PROMETHEUS_ADDRESS": story.stack.prometheus_url,
        "MODELROLLOUT_SCRAPE_INTERVAL": f"{round(1000 * settings.scrape_seconds)}ms",
    }
    command = [sys.executable, "-m", "modelrollout", "replay", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)


def _says(replayed: subprocess.CompletedProcess[str], sentence: str) -> bool:
    """True when it closes with the sentence, and with numbers that are the very same."""
    closing = replayed.stdout.splitlines()[-1]
    assert closing.startswith(sentence), _said(replayed)
    return closing.endswith(", bit for bit the same numbers).")


def _said(replayed: subprocess.CompletedProcess[str]) -> str:
    return replayed.stdout + replayed.stderr


def _told(ended: Rollout) -> str:
    """When the history says that it ended."""
    return str(ended.status["history"][0]["time"])
