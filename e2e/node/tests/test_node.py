"""What only pods show: the image under the chart's security context, and a rollout that outlives its operator's pods.

One node for all. Traffic, Seldon's part and Prometheus run beside it, as on the local stack.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e import waiting
from e2e.node import debian, needs
from e2e.node.images import MODELS, Images
from e2e.rollouts import stage
from e2e.stack import Settings, Stack, paths
from e2e.stack.errors import CommandError, MissingError
from e2e.story import Story

pytestmark = [pytest.mark.stack, pytest.mark.node]

RELEASE = "modelrollout"
OURS = f"--selector=app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
WINDOW = {"name": "input_data", "datatype": "FP32", "shape": [1, 10, 35]}
NOT_IN_THE_IMAGE = ("torch", "mlserver", "onnxruntime", "rolloutmodels", "pip", "setuptools", "pytest")


class Pods(Story):
    """A story whose operator runs in pods."""

    def pods(self) -> list[dict[str, Any]]:
        """Those that are not on their way out."""
        listed = json.loads(self.kubectl("get", "pods", OURS, "-o", "json"))["items"]
        return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]

    def ready(self) -> set[str]:
        """Names of the pods that are Ready."""
        return {pod["metadata"]["name"] for pod in self.pods() if _is_ready(pod)}

    def holder(self) -> str:
        """The pod whose operator holds the Lease; empty when it is free or its holder is gone."""
        lease = json.loads(self.kubectl("get", "lease", RELEASE, "-o", "json"))
        said = lease["spec"].get("holderIdentity") or ""
        return next((name for name in sorted(self.ready()) if said.startswith(name)), "")

    def until_another_leads(self, before: str) -> str:
        return self.until(lambda: (found := self.holder()) != before and found, f"another pod than {before} leads")

    def until_whole(self) -> set[str]:
        """Both pods Ready; their names."""
        self.until(lambda: len(self.ready()) == len(self.pods()) == 2, "both pods are ready")
        return self.ready()

    def crash(self, name: str) -> None:
        """SIGKILL for the operator in a pod, as when its memory is full: it lets go of nothing."""
        uid = next(pod["metadata"]["uid"] for pod in self.pods() if pod["metadata"]["name"] == name)
        for pid in _processes_of_pod(uid):
            if b"modelrollout" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def restarts(self) -> int:
        return sum(pod["status"]["containerStatuses"][0]["restartCount"] for pod in self.pods())

    def describe(self) -> str:
        asked = (("get", "pods,lease,pdb,deployment", "-o", "wide"), ("logs", OURS, "--prefix", "--tail=40"))
        status = {key: value for key, value in self.rollout.status.items() if key not in ("engine", "kopf")}
        return "\n".join([json.dumps(status, indent=1), *(self.kubectl(*each) for each in asked)])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    try:
        needs.check()
        debian.provide(print)
    except MissingError as lacking:
        pytest.skip(str(lacking))
    with Stack(Settings(directory=tmp_path_factory.mktemp("node") / "stack", node=True)) as running:
        strict = "pod-security.kubernetes.io/enforce=restricted"
        running.kubectl("label", "namespace", running.namespace, strict)
        running.install_chart(RELEASE)
        yield running


@pytest.fixture
def story(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Pods]:
    mine = Pods(stack, request.node.name.removeprefix("test_").replace("_", "-")[:36].strip("-"))
    yield mine
    mine.clean_up()


def test_pods_of_the_image_run_where_only_restricted_ones_may(story: Pods) -> None:
    one, other = sorted(story.until_whole())

    leader = story.until(story.holder, "one of them leads")

    assert leader in (one, other)
    assert story.restarts() == 0
    assert _ask(story, one, "import os; print(os.getuid(), os.getgid())") == "65532 65532"
    assert "Read-only file system" in _ask(story, one, "try: open('/project/x', 'w')\nexcept OSError as e: print(e)")
    found = f"from importlib.util import find_spec; print([x for x in {NOT_IN_THE_IMAGE} if find_spec(x)])"
    assert _ask(story, one, found) == "[]"


def test_a_rollout_goes_on_while_the_pods_of_its_operator_come_and_go(story: Pods, tmp_path: Path) -> None:
    story.serve_both()
    before = story.until_whole()
    first = story.until(story.holder, "one pod leads")
    with story.clients(), story.watching_weights() as written:
        # Approvals keep the rollout from ending before all this has happened.
        story.begin([stage(20), {"approval": {}}, stage(60), {"approval": {}}, stage(100)])

        story.until_at(1, 20)
        story.crash(first)
        story.until_another_leads(first)
        story.until_at(2, 20)

        story.until_whole()
        _upgrade(story, "--set", "podAnnotations.round=second", "--wait")
        assert not before & story.until_whole()
        story.until(story.holder, "one of the new pods leads")
        _approve(story, 2)
        story.until_at(3, 60)

        with _draining(story, tmp_path / "drain.log") as said:
            story.until(lambda: "disruption budget" in said.read_text(), "the last pod is spared")
            story.until(lambda: len(story.ready()) == 1, "one pod is left")
        story.until_at(4, 60)
        story.kubectl("uncordon", "node")
        _approve(story, 4)

        done = story.until_rollout(lambda seen: seen.phase == "Healthy", "the candidate is promoted")

    assert done.attempt == 1
    # The same ratio may be written in other numbers; what matters is that it never went back.
    shares = [round(100 * candidate / (baseline + candidate)) for baseline, candidate in written]
    assert list(dict.fromkeys(shares)) == [0, 20, 60, 100]
    assert shares == sorted(shares)
    story.until_whole()


def test_helm_takes_an_image_back_that_does_not_start(story: Pods) -> None:
    before = story.until_whole()
    revision = _revision(story)

    with pytest.raises(CommandError, match="rolled back"):
        _upgrade(story, "--set", "image.tag=absent", "--rollback-on-failure", "--wait", "--timeout", "30s")

    assert _revision(story) == revision + 2
    assert before & story.until_whole(), "one of the old pods stayed all the time"
    assert story.until(story.holder, "a pod leads") in story.ready()

    story.stack.helm("rollback", RELEASE, str(revision - 1 or 1), "--namespace", story.stack.namespace, "--wait")

    story.until_whole()
    assert _revision(story) == revision + 3


def test_the_models_image_answers_from_a_restricted_pod(story: Pods) -> None:
    images = Images(print)
    image = images.build("models", MODELS)
    story.stack.node.load(images, image)
    try:
        story.kubectl("apply", "-f", "-", input=json.dumps(_models_pod(image)))
        story.until(lambda: _is_ready(_models(story)), "the models are served")

        address = f"http://{_models(story)['status']['podIP']}:8080/v2/models/baseline/infer"
        answer = httpx.post(address, json={"inputs": [{**WINDOW, "data": [0.1] * 350}]}, trust_env=False)

        assert answer.status_code == 200
        assert 0 < answer.json()["outputs"][0]["data"][0] < 1
    finally:
        story.kubectl("delete", "pod", "models", "--now", "--ignore-not-found")


def test_a_second_node_stands_beside_the_first_and_ctrl_c_leaves_nothing_of_it(story: Pods, tmp_path: Path) -> None:
    others = set(_traces())
    left_out = "mlserver,minimesh,envoy,prometheus"
    command = [sys.executable, "-m", "e2e.stack", "up", "--foreground", "--cluster=node", "--without", left_out]
    second = subprocess.Popen(
        [*command, "--directory", str(tmp_path / "second")], cwd=paths.ROOT, preexec_fn=_hear_interrupts
    )
    try:
        log = tmp_path / "second" / "logs" / "stack.log"
        waiting.until(lambda: log.exists() and "stack ready" in log.read_text(), "the second node is ready")
        (link,) = {trace for trace in _traces() if "/net/" in trace} - others
        its = {trace for trace in _traces() if trace.endswith(f"/{Path(link).name}")}
        second.send_signal(signal.SIGINT)
        second.wait(waiting.DEADLINE_SECONDS)
    finally:
        second.kill()
        second.wait()

    assert {Path(trace).parent.name for trace in its} >= {"net", "memory"}
    assert not its & set(_traces())
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if str(tmp_path) in line]
    assert len(story.until_whole()) == 2


@contextmanager
def _draining(story: Pods, said: Path) -> Iterator[Path]:
    """Somebody drains the node, for as long as the block lasts; what is said of it."""
    access = story.stack.access
    command = [access.kubectl_binary, "drain", "node", "--ignore-daemonsets", "--delete-emptydir-data"]
    with said.open("w") as output:
        drain = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "KUBECONFIG": str(access.kubeconfig)}
        )
    try:
        yield said
    finally:
        drain.kill()
        drain.wait()


def _upgrade(story: Pods, *how: str) -> None:
    where = (RELEASE, str(paths.CHART), "--namespace", story.stack.namespace)
    story.stack.helm("upgrade", *where, "--reuse-values", *how)


def _approve(story: Pods, number: int) -> None:
    order = f"modelrollout.io/action=approve@stage-{number}?attempt=1&stage={number}"
    story.kubectl("annotate", "modelrollout", story.name, order, "--overwrite")


def _revision(story: Pods) -> int:
    listed = json.loads(story.stack.helm("history", RELEASE, "--namespace", story.stack.namespace, "-o", "json"))
    return max(entry["revision"] for entry in listed)


def _ask(story: Pods, pod: str, code: str) -> str:
    return story.kubectl("exec", pod, "--", "python", "-c", code).strip()


def _models(story: Pods) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(story.kubectl("get", "pod", "models", "-o", "json"))
    return found


def _models_pod(image: str) -> dict[str, Any]:
    may = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    served = {
        "name": "models",
        "image": image,
        "imagePullPolicy": "Never",
        "readinessProbe": {"httpGet": {"path": "/v2/models/baseline/ready", "port": 8080}, "periodSeconds": 1},
        "securityContext": may,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [served],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "models"}, "spec": spec}


def _traces() -> list[str]:
    """What nodes have on this machine: links and control groups."""
    return [*map(str, Path("/sys/class/net").glob("mrnode*")), *map(str, Path("/sys/fs/cgroup").glob("*/mrnode*"))]


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _processes_of_pod(uid: str) -> list[int]:
    groups = Path("/sys/fs/cgroup/memory").glob(f"mrnode*/**/pod{uid}/**/cgroup.procs")
    return [int(pid) for group in groups for pid in group.read_text().split()]
