"""The plugin's tools on a real cluster: what lint and doctor find there, and the page of a rollout that really ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.rollouts import ERRORS, LATENCY, Object, stage
from e2e.story import EXPERIMENTS, Story

pytestmark = pytest.mark.stack

NOT_THERE: list[Object] = [
    {"name": "accuracy", "ratio": {"bad": "nothing_total", "total": "something_total"}},
    {"name": "ups", "query": {"promql": "up", "min": "1"}},
]
STAGES = [stage(50, soak="2s"), stage(100, soak="2s")]


def plugin(story: Story, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """As a person would call it."""
    access = story.stack.access
    environment = {
        "HOME": str(access.directory),  # where kubectl keeps what it caches
        "KUBECONFIG": str(access.kubeconfig),
        "PATH": f"{access.kubectl_binary.parent}:/usr/bin:/bin",
        "MODELROLLOUT_SCRAPE_INTERVAL": f"{round(1000 * story.stack.settings.scrape_seconds)}ms",
    }
    command = [sys.executable, "-m", "modelrollout.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, **more)


def written(folder: Path, *documents: Object) -> str:
    file = folder / "rollouts.yaml"
    file.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return str(file)


def rollout(story: Story, **spec: Any) -> Object:
    return {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": story.name, "namespace": story.stack.namespace},
        "spec": story.spec(STAGES, **spec),
    }


@pytest.fixture
def foreign_experiment(story: Story) -> str:
    """An Experiment of somebody else, with the story's baseline as its default."""
    name = f"{story.name}-holder"
    story.will_delete(EXPERIMENTS, name)
    arms = [{"name": story.baseline, "weight": 100}, {"name": story.candidate, "weight": 0}]
    body = {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {"default": story.baseline, "candidates": arms},
    }
    story.kubectl("create", "-f", "-", input=json.dumps(body))
    return name


def test_lint_asks_the_server_what_stands_in_the_way(story: Story, tmp_path: Path, foreign_experiment: str) -> None:
    story.serve(story.baseline, "baseline")
    wrong = rollout(story, guardrails=[{"name": "none"}], experiment={"name": foreign_experiment})
    wrong["metadata"]["name"] = f"{story.name}-wrong"
    file = written(tmp_path, rollout(story, guardrails=[ERRORS, *NOT_THERE]), wrong)
    asked = ("--server", "--prometheus", story.stack.prometheus_url)
    found = plugin(story, "lint", *asked, "-o", "json", "-f", file)
    findings = json.loads(found.stdout)["findings"]
    said = [one["sentence"] for one in findings if one["level"] == "error"]

    assert found.returncode == 1
    place = f"in namespace {story.stack.namespace}"
    for told in (
        f"no envoy_cluster_upstream_rq_total of model {story.candidate} {place}, needed by every guardrail",
        f"no nothing_total of model {story.baseline} {place}, needed by guardrail accuracy, with a label model",
    ):
        assert any(one["sentence"] == f"Prometheus has {told}" for one in findings), found.stdout
    assert "guardrail ups: its query gives several series: aggregate it, for example with max(...)" in said
    assert f"Model {story.candidate} does not exist: create it, or correct its name" in said
    assert any(f"already the default of Experiment {foreign_experiment}" in one for one in said)
    refused = [one for one in said if one.startswith("the API server would not take it: ")]
    assert len(refused) == 1
    assert "must have exactly one of errorRate, latency, ratio, mean or query" in refused[0]
    assert story.rollout.found == {}


def test_the_tools_agree_about_a_rollout_that_runs(story: Story, tmp_path: Path) -> None:
    prometheus = story.stack.prometheus_url
    story.serve_both()
    rails = [ERRORS, {**LATENCY, "action": "Report"}]  # a busy machine is no harm of the candidate
    with story.clients(per_second=10):
        file = written(tmp_path, rollout(story, guardrails=rails))
        asked = ("lint", "--server", "--prometheus", prometheus, "-f", file)

        def well() -> str:
            ahead = plugin(story, *asked)
            return ahead.stdout if ahead.returncode == 0 and "\n  stage 1 at 50 %: " in ahead.stdout else ""

        ahead = story.until(well, "lint foresees a rollout of models that serve")
        story.begin(STAGES, guardrails=rails)
        story.until_rollout(lambda seen: seen.status.get("looks", 0) >= 3, "it was looked at")
        second = f"{story.name}-second"
        credentials = {"address": prometheus, "secretRef": {"name": "ungranted"}}
        story.begin(STAGES, name=second, experiment={"name": second}, prometheus=credentials)
        examined = plugin(story, "doctor", "-n", story.stack.namespace, "--prometheus", prometheus)
    page = plugin(story, "report", story.name, "-n", story.stack.namespace, "-o", "-", "--prometheus", prometheus)

    assert f"{story.name}, with the traffic of {story.baseline} in the last 24 hours:" in ahead
    assert examined.returncode == 1, examined.stdout + examined.stderr
    for line in (
        "✔ modelrollouts.modelrollout.io is the one of this version (v1alpha1)",
        "replicas ready (",  # none of them: nothing runs pods here: the operator is a process beside the cluster
        "✔ its ServiceAccount has all rights that it needs",
        "may not get secrets ungranted in namespace",
        "✔ you may steer them",
        f"✔ {prometheus} answers",
        f"✔ {story.name}: every metric of its guardrails is there",
    ):
        assert line in examined.stdout, examined.stdout
    assert page.returncode == 0, page.stderr
    assert "<p>Same verdict" in page.stdout
    for rail in rails:
        assert f"<title>Evidence of {rail['name']} over time</title>" in page.stdout
