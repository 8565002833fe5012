"""Write the examples beside the Lua scripts anew, in Argo CD's form, from the lives of real rollouts.

`python operator/tests/argocd/examples.py`. What no person reads of a status is left out.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "plan")]

import lives  # noqa: E402
import scripts  # noqa: E402
from modelrollout.api.orders import Verb  # noqa: E402
from scripts import TREE, Object  # noqa: E402

LEFT_OUT = ("engine", "followed", "blocks", "forecast", "warnings", "usedTokens")
READ_BY_ACTIONS = ("observedGeneration", "phase", "message", "attempt", "outcome", "stage", "pause")
FILES = {
    "progressing_newRollout": "not seen yet",
    "progressing_newGeneration": "the spec was edited",
    "progressing_stage": "stage 2 of 3",
    "progressing_rollingBack": "going back",
    "suspended_pausedByGit": "held by spec.paused",
    "suspended_pausedByHand": "held by hand",
    "suspended_approval": "awaits an approval",
    "suspended_guardrail": "held by a guardrail",
    "degraded_invalidSpec": "the spec is invalid",
    "degraded_rolledBack": "rolled back",
    "healthy_promoted": "promoted",
}
PRESSED_IN = {
    Verb.RESUME: "suspended_pausedByHand",
    Verb.APPROVE: "suspended_approval",
    Verb.RETRY: "degraded_rolledBack",
    Verb.UNDO: "healthy_promoted",
}


def main() -> None:
    """Everything but the scripts."""
    found = {file: _shown(lives.life(name)) for file, name in FILES.items()}
    for file, rollout in found.items():
        _write(TREE / "testdata" / f"{file}.yaml", rollout)
    tests = [{"healthStatus": scripts.health(one), "inputPath": f"testdata/{file}.yaml"} for file, one in found.items()]
    _write(TREE / "health_test.yaml", {"tests": tests})
    discovered = [{"inputPath": f"../testdata/{file}.yaml", "result": _offered(one)} for file, one in found.items()]
    acted = [_acted(verb, found[PRESSED_IN.get(verb, "progressing_stage")]) for verb in Verb]
    _write(TREE / "actions" / "action_test.yaml", {"discoveryTests": discovered, "actionTests": acted})


def _offered(rollout: Object) -> list[Object]:
    said = scripts.offered(rollout)
    return [{"name": verb.value, **{key: said[verb][key] for key in sorted(said[verb])}} for verb in Verb]


def _acted(verb: Verb, rollout: Object) -> Object:
    status = {key: rollout["status"][key] for key in READ_BY_ACTIONS if key in rollout["status"]}
    given = {**rollout, "status": status}
    wanted = scripts.acted(given, verb)
    wanted["metadata"] = {**given["metadata"], "annotations": wanted["metadata"]["annotations"]}
    names = (f"testdata/before_{verb}.yaml", f"testdata/after_{verb}.yaml")
    for name, one in zip(names, (given, {**given, "metadata": wanted["metadata"]}), strict=True):
        _write(TREE / "actions" / name, one)
    return {"action": verb.value, "inputPath": names[0], "expectedOutputPath": names[1]}


def _shown(rollout: Object) -> Object:
    known = rollout.get("status", {})
    status = {key: part for key, part in known.items() if key not in LEFT_OUT}
    if "guardrails" in status:
        status["guardrails"] = [{key: one[key] for key in one if key != "query"} for one in status["guardrails"]]
    return {key: rollout[key] for key in ("apiVersion", "kind", "metadata", "spec")} | (
        {"status": status} if status else {}
    )


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(content, sort_keys=False, width=1000))


if __name__ == "__main__":
    main()
