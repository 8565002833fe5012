"""The definition on a real API server: what it accepts, what it refuses and in which words, what kubectl shows."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from modelrollout.api import spec as specs

pytestmark = pytest.mark.stack

CORPUS = Path(__file__).parent / "corpus"
GOOD = sorted(CORPUS.glob("good/*.yaml"))
BAD = sorted(CORPUS.glob("bad/*.yaml"))


def _expected(path: Path, who: str) -> list[str]:
    """What the head of the file expects `API server` or `operator` to say."""
    prefix = f"# {who}: "
    return [line.removeprefix(prefix) for line in path.read_text().splitlines() if line.startswith(prefix)]


def _create(rollouts: httpx.Client, rollout: dict[str, Any]) -> httpx.Response:
    """As `kubectl create --validate=strict --dry-run=server`."""
    return rollouts.post("", params={"fieldValidation": "Strict", "dryRun": "All"}, json=rollout)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_specs_are_accepted_by_the_server_and_by_the_operator(path: Path, rollouts: httpx.Client) -> None:
    rollout = yaml.safe_load(path.read_text())

    answer = _create(rollouts, rollout)

    assert answer.status_code == 201, answer.text
    assert answer.json()["spec"] == rollout["spec"], "the server wrote something into the spec"
    specs.parse(answer.json()["spec"])


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_specs_are_refused_with_one_clear_sentence(path: Path, rollouts: httpx.Client) -> None:
    rollout = yaml.safe_load(path.read_text())

    answer = _create(rollouts, rollout).json()

    assert answer["kind"] == "Status", "it was accepted"
    causes = [f"{cause['field']}: {cause['message']}" for cause in answer.get("details", {}).get("causes", [])]
    sentences = [cause for cause in causes if not cause.startswith("<nil>: ")] or [answer["message"].split(": ", 1)[1]]
    assert sentences == _expected(path, "API server")


def test_the_largest_spec_that_the_bounds_allow_is_within_the_cost_that_the_server_pays(rollouts: httpx.Client) -> None:
    rollout = yaml.safe_load((CORPUS / "good" / "minimal.yaml").read_text())
    selectors = {field: f'{field}{{a="{"x" * (505 - len(field))}"}}' for field in ("count", "sum", "sumOfSquares")}
    mean = selectors | {"label": "l" * 63, "min": "0." + "1" * 9, "range": {"min": "-1", "max": "9" * 15}}
    rollout["spec"] |= {
        "guardrails": [{"name": f"{number:02}{'n' * 61}", "mean": mean} for number in range(16)],
        "strategy": {"canary": {"stages": [{"weight": 5 * number} for number in range(1, 21)]}},
        "prometheus": {"address": f"http://{'h' * 2041}", "matchers": f'a="{"x" * 1020}"'},
    }

    answer = _create(rollouts, rollout)

    assert answer.status_code == 201, answer.text
    specs.parse(rollout["spec"])
