"""The Dockerfile and what goes into the images, as far as it shows without building them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from e2e.node import sbom
from e2e.stack.paths import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")
HEAVY = {"torch", "mlserver", "onnxruntime", "pandas", "matplotlib"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(
        [HADOLINT, "--failure-threshold", "style", ROOT / "Dockerfile"], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_both_images_run_as_a_numeric_user_and_the_operators_is_what_one_gets_by_default() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    shipped = {stage.split()[2]: stage for stage in stages if "ENTRYPOINT" in stage}

    assert list(shipped) == ["models", "operator"]
    assert stages[-1] == shipped["operator"]
    for stage in shipped.values():
        assert "USER 65532:65532" in stage
        assert not re.search(r"^RUN ", stage, re.MULTILINE), "a shipped stage only takes files from others"


def test_the_operators_bill_of_materials_names_what_it_runs_on_and_nothing_heavy() -> None:
    bill = json.loads(sbom.bill(sbom.lock_of("operator"), "3.12"))

    named = {component["name"]: component for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "modelrollout"
    assert {"kopf", "kubernetes", "pydantic", "scipy"} <= set(named)
    assert not HEAVY & set(named)
    assert named["kopf"]["purl"].startswith("pkg:pypi/kopf@1.45.")
    assert all(component["externalReferences"][0]["hashes"] for component in named.values())


def test_locks_name_each_package_once_for_one_python_and_models_as_the_tests_have_them() -> None:
    tested = dict(line.split("==", 1) for line in _pinned((ROOT / "requirements" / "dev.txt").read_text()))

    for image in sbom.IMAGES:
        pinned = [line.split("==", 1) for line in _pinned(sbom.lock_of(image))]
        assert len({name for name, _ in pinned}) == len(pinned)
        assert {name: version for name, version in pinned if tested.get(name, version) != version} == {}
    assert {"mlserver", "onnxruntime"} <= {line.split("==")[0] for line in _pinned(sbom.lock_of("models"))}
    assert "kopf" not in {line.split("==")[0] for line in _pinned(sbom.lock_of("models"))}


def _pinned(lock: str) -> list[str]:
    return [line.split(" ", 1)[0] for line in sbom.applying(lock, "3.12")]
