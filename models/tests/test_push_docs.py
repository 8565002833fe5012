"""What docs/models.md shows is what the command does and what Seldon's client takes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from model_server import ARTEFACTS
from object_store import KEY, SECRET, Copier, ObjectStore, copying, serving
from rolloutmodels import packages, push
from test_push import push as run

PAGE = (ARTEFACTS.parents[1] / "docs" / "models.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(r"^  ", "", block, flags=re.MULTILINE) if block.startswith("  ") else block for block in found]


def shown(kind: str) -> dict[str, Any]:
    """The object of that kind on the page."""
    (found,) = (it for it in map(yaml.safe_load, blocks("yaml")) if it["kind"] == kind)
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with serving(tmp_path_factory.mktemp("s3") / "root") as running:
        yield running


@pytest.fixture(scope="module")
def copier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copier]:
    with copying(tmp_path_factory.mktemp("copier")) as running:
        yield running


def test_seldons_client_copies_the_printed_address_with_the_secret_of_the_page(
    store: ObjectStore, copier: Copier, tmp_path: Path
) -> None:
    printed = yaml.safe_load(run(store.url, "--models", "baseline", "--secret", "model-store", "-o", "yaml"))
    remote = yaml.safe_load(shown("Secret")["stringData"]["s3"])
    mine = {"endpoint": store.url, "access_key_id": KEY, "secret_access_key": SECRET}
    assert set(mine) < set(remote["parameters"])
    remote["parameters"] |= mine

    copied = copier.copy(printed["spec"]["storageUri"], remote, tmp_path / "copy")

    assert copied.status_code == 200, copied.text
    assert {file.name for file in (tmp_path / "copy").iterdir()} == {
        file.name for file in packages.read(ARTEFACTS / "baseline").files
    }


def test_the_model_of_the_page_is_the_one_that_is_printed() -> None:
    model = shown("Model")
    *_, version = model["spec"]["storageUri"].split("/")

    uri = f"s3://ml-models/models/baseline/{version}"
    assert model == push.model("baseline", uri, shown("Secret")["metadata"]["name"])
    assert re.fullmatch("[0-9a-f]{12}", version)


def test_the_server_of_the_page_has_what_the_models_require() -> None:
    assert shown("Server")["spec"]["extraCapabilities"] == shown("Model")["spec"]["requirements"]


def test_the_command_for_the_version_prints_it() -> None:
    (line,) = [line for block in blocks("sh") for line in block.splitlines() if "sha256sum" in line]

    done = subprocess.run(line, shell=True, cwd=ARTEFACTS.parents[1], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == packages.read(ARTEFACTS / "baseline").content_version


def test_the_layout_of_the_page_is_the_one_in_the_bucket(store: ObjectStore) -> None:
    run(store.url, "--models", "baseline")
    version = packages.read(ARTEFACTS / "baseline").content_version

    (layout,) = blocks("text")
    told = {line.removeprefix("s3://ml-models/") for line in layout.splitlines()}
    assert {key.replace("<model>", "baseline").replace("<version>", version) for key in told} == set(store.objects())


def test_every_file_of_a_folder_is_explained() -> None:
    rows = set(re.findall(r"^\| `([\w.-]+)` \|", PAGE, re.MULTILINE))

    assert rows == {packages.ONNX, packages.TORCH, packages.SETTINGS, packages.CARD}
