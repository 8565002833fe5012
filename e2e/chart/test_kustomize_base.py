"""The kustomize base: the chart with its default values, for those without Helm."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_release import NAME, Object, Release

from e2e.stack import Stack, paths

pytestmark = pytest.mark.stack

KUSTOMIZE = paths.CHART.parent / "kustomize"
HELMS = {"helm.sh/chart", "app.kubernetes.io/managed-by", "helm.sh/resource-policy"}


@pytest.fixture(scope="module", autouse=True)
def namespaces(stack: Stack) -> None:
    for namespace in (NAME, "financial-inference"):
        stack.kubectl("create", "namespace", namespace)


def _build(stack: Stack, folder: Path) -> list[Object]:
    return list(yaml.safe_load_all(stack.kubectl("kustomize", str(folder))))


def _unmarked(manifest: Object) -> Object:
    """The object without what only Helm reads."""
    metadata = manifest["metadata"]
    marks = {
        part: {key: value for key, value in metadata.get(part, {}).items() if key not in HELMS}
        for part in ("labels", "annotations")
    }
    return {**manifest, "metadata": {**metadata, **marks}}


def _by_name(manifests: list[Object]) -> dict[tuple[str, str], Object]:
    return {(each["kind"], each["metadata"]["name"]): _unmarked(each) for each in manifests}


def _namespaces(value: Any) -> set[str]:
    """Every namespace that is named anywhere in an object."""
    if isinstance(value, list):
        return set().union(*map(_namespaces, value))
    if not isinstance(value, dict):
        return set()
    own = {value["namespace"]} if isinstance(value.get("namespace"), str) else set[str]()
    return own.union(*map(_namespaces, value.values()))


def test_the_base_is_the_chart_and_the_server_takes_it(stack: Stack, release: Release) -> None:
    helm = str(stack.access.helm_binary)

    subprocess.run([sys.executable, str(KUSTOMIZE / "render.py"), "--check", f"--helm={helm}"], check=True)
    rendered = release.render((), f"--namespace={NAME}")

    assert _by_name(_build(stack, KUSTOMIZE / "base")) == _by_name(rendered)
    stack.kubectl("apply", "-k", str(KUSTOMIZE / "base"), "--dry-run=server", "--validate=strict")


def test_an_overlay_moves_everything_and_names_the_image(stack: Stack, tmp_path: Path) -> None:
    (overlay,) = re.findall(r"```yaml\n(.*?)```", (KUSTOMIZE / "README.md").read_text(), re.DOTALL)
    (tmp_path / "base").symlink_to(KUSTOMIZE / "base")
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "kustomization.yaml").write_text(overlay)

    manifests = _build(stack, tmp_path / "overlay")
    (deployment,) = [each for each in manifests if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}

    assert container["image"] == "example.com/modelrollout/operator:0.1.0"
    assert environment["MODELROLLOUT_SCRAPE_INTERVAL"] == "30s"
    assert container["args"] == ["run", "--namespace=$(POD_NAMESPACE)"]
    assert set().union(*map(_namespaces, manifests)) == {"financial-inference"}
    stack.kubectl("apply", "--server-side", "-k", str(tmp_path / "overlay"), "--dry-run=server", "--validate=strict")
