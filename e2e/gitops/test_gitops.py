"""Git and the operator on one object: what Argo CD applied stays as it is, whatever the rollout does meanwhile.

Chart and example repository are applied as Argo CD applies them, on the real API server with the real operator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import repository
import scripts
import yaml
from modelrollout.api import orders
from modelrollout.api.orders import Verb
from repository import CLIENT_SIDE, SERVER_SIDE, Mode, Object, tracked

from e2e.rollouts import Rollout
from e2e.stack import Settings, Stack, paths
from e2e.story import EXPERIMENTS, ROLLOUTS, Story, storage

pytestmark = pytest.mark.stack

NAME = "financial-predictor"
NAMESPACE = "financial-inference"
ARTEFACTS = {"baseline-predictor": "baseline", "enhanced-predictor": "enhanced"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Every part, and the operator with the rights of the chart as Argo CD renders and applies it."""
    chosen = Settings(directory=tmp_path_factory.mktemp("gitops") / "stack", namespace=NAMESPACE)
    with Stack(chosen) as running:
        SERVER_SIDE.apply(running, *chart(running))
        running.kubectl("wait", "--for=condition=Established", "--timeout=240s", "crd/modelrollouts.modelrollout.io")
        managers = running.part("kube-controller-manager")
        managers.kill()  # its garbage collector learns of the new kind at its start
        managers.start()
        running.start_operator()
        yield running


def chart(stack: Stack) -> list[Object]:
    """The objects of the operator's Application."""
    (application,) = [one for one in repository.manifests("apps") if one["metadata"]["name"] == "modelrollout"]
    values = stack.settings.directory / "values.yaml"
    values.write_text(yaml.safe_dump(application["spec"]["source"]["helm"]["valuesObject"]))
    release = application["spec"]["source"]["helm"]["releaseName"]
    text = stack.helm("template", release, str(paths.CHART), "--skip-tests", "-n", NAMESPACE, "-f", str(values))
    return [found for found in yaml.safe_load_all(text) if found]


@pytest.fixture(scope="module")
def models(stack: Stack) -> Story:
    """Baseline and candidate of the example, ready to answer, from where our models lie."""
    story = Story(stack, NAME)
    story.baseline, story.candidate = ARTEFACTS
    for model in example("Model"):
        story.make_model(model["metadata"]["name"], storage(ARTEFACTS[model["metadata"]["name"]]))
    story.until(lambda: all(map(story.model_is_ready, ARTEFACTS)), "both models are ready")
    return story


def example(kind: str) -> list[Object]:
    return [one for one in repository.manifests("financial-inference") if one["kind"] == kind]


@pytest.fixture
def manifest() -> Object:
    """The ModelRollout of the example, with Argo CD's marks."""
    (found,) = example("ModelRollout")
    return tracked(found, NAMESPACE)


def test_what_argo_cd_applied_in_a_stage_stays_as_it_is(models: Story, manifest: Object) -> None:
    stack = models.stack
    with models.clients():
        CLIENT_SIDE.apply(stack, manifest)
        models.will_delete(ROLLOUTS, NAME)
        models.until_at(1, 5)
        assert drift(stack, manifest) == ["", ""]
        healed(models, manifest, CLIENT_SIDE)

        press(models, Verb.PAUSE)
        assert scripts.health(found(models))["status"] == "Suspended"
        assert drift(stack, manifest) == ["", ""]
        healed(models, manifest, CLIENT_SIDE)
        assert models.rollout.is_true("Paused")

        press(models, Verb.ABORT)
        models.until_rollout(lambda seen: seen.weight_in_force == 0, "all traffic is back")
        assert drift(stack, manifest) == ["", ""]
        healed(models, manifest, CLIENT_SIDE)
        assert metadata(models)["finalizers"]
        assert marks(models.experiment) == set()
    models.delete(ROLLOUTS, NAME)
    models.until_gone(ROLLOUTS, NAME)
    models.until_gone(EXPERIMENTS, NAME)


def test_the_same_holds_for_server_side_apply(models: Story, manifest: Object) -> None:
    with models.clients():
        SERVER_SIDE.apply(models.stack, manifest)
        models.will_delete(ROLLOUTS, NAME)
        models.until_at(1, 5)
        assert drift(models.stack, manifest) == ["", ""]
        held = {**manifest, "spec": {**manifest["spec"], "paused": True}}
        assert all("paused: true" in shown for shown in drift(models.stack, held))

        press(models, Verb.PAUSE)
        press(models, Verb.RESUME)
        healed(models, manifest, SERVER_SIDE)
        assert drift(models.stack, manifest) == ["", ""]
        assert marks(models.experiment) == set()


def test_the_operators_own_objects_show_no_difference_either(stack: Stack) -> None:
    rendered = chart(stack)

    assert SERVER_SIDE.drift(stack, *rendered) == ""
    assert chart(stack) == rendered  # nothing random in it, nothing that was looked up


def drift(stack: Stack, manifest: Object) -> list[str]:
    """What a client-side apply would change, and what a server-side one."""
    return [mode.drift(stack, manifest) for mode in (CLIENT_SIDE, SERVER_SIDE)]


def healed(story: Story, manifest: Object, mode: Mode) -> None:
    """Argo CD applies again, as it does by itself; neither the decisions nor the annotation nor the weights move."""
    before = decided(story.rollout), metadata(story).get("annotations"), generation(story.experiment)
    mode.apply(story.stack, manifest)
    assert (decided(story.rollout), metadata(story).get("annotations"), generation(story.experiment)) == before


def press(story: Story, verb: Verb) -> Object:
    """Clicks the button in Argo CD: its Lua decides that it is not grey, and its patch is written. What came of it."""
    live = found(story)
    assert verb in scripts.allowed(live)
    text = scripts.acted(live, verb)["metadata"]["annotations"][orders.ACTION]
    body = json.dumps({"metadata": {"annotations": {orders.ACTION: text}}})
    story.kubectl("patch", "mro", NAME, "--type=merge", "--field-manager=argocd-server", "-p", body)
    handled = story.until_rollout(
        lambda seen: seen.status.get("lastHandledAction", {}).get("text") == text, f"{verb} was handled"
    )
    said: Object = handled.status["lastHandledAction"]
    assert (said["verb"], said["result"], said["by"]) == (verb, "Done", "argocd-server")
    return said


def decided(rollout: Rollout) -> dict[str, Any]:
    """What a needless apply must not move."""
    kept = {key: rollout.status.get(key) for key in ("attempt", "outcome", "history", "lastHandledAction")}
    return {**kept, "stage": rollout.stage, "generation": rollout.found["metadata"]["generation"]}


def found(story: Story) -> Object:
    return story.rollout.found


def metadata(story: Story) -> Object:
    known: Object = found(story)["metadata"]
    return known


def generation(experiment: Object | None) -> int:
    assert experiment is not None
    return int(experiment["metadata"]["generation"])


def marks(experiment: Object | None) -> set[str]:
    """Argo CD's own labels and annotations on the Experiment: by one of them it would prune it as not in Git."""
    assert experiment is not None
    known = {**experiment["metadata"].get("labels", {}), **experiment["metadata"].get("annotations", {})}
    return {name for name in known if name.startswith("argocd.") or name == repository.TRACKING_LABEL}
