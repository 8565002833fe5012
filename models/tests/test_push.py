"""Artefact folders go to a real S3 server, come back through Seldon's kind of client, and are served.

object_store.py says which server that is, and why.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from model_server import ARTEFACTS, Server, tensor
from object_store import BUCKET, CREDENTIALS, KEY, SECRET, Copier, ObjectStore, Wire, copying, serving, wired
from rolloutmodels import packages

SETTINGS = "model-settings.json"
MODELS = sorted(folder.name for folder in ARTEFACTS.iterdir())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with serving(tmp_path_factory.mktemp("s3") / "root") as running:
        yield running


@pytest.fixture
def store(server: ObjectStore) -> Iterator[ObjectStore]:
    """The server, empty again afterwards."""
    yield server
    server.clear()


@pytest.fixture
def wire(store: ObjectStore) -> Iterator[Wire]:
    with wired(store.url) as running:
        yield running


@pytest.fixture(scope="module")
def copier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copier]:
    with copying(tmp_path_factory.mktemp("copier")) as running:
        yield running


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """A copy of the lightweight model and of feedback, free to be broken."""
    for name in ("lightweight", "feedback"):
        shutil.copytree(ARTEFACTS / name, tmp_path / "artefacts" / name)
    return tmp_path / "artefacts"


def start(url: str, *options: str | Path, **environment: str) -> subprocess.Popen[str]:
    """The command in an environment that holds no credentials but those given, by default the right ones."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    words = ["--endpoint", url, *map(str, options)]
    if "--bucket" not in words:
        words += ["--bucket", BUCKET]
    if "--artefacts" not in words:
        words += ["--artefacts", str(ARTEFACTS)]
    return subprocess.Popen(
        [sys.executable, "-m", "rolloutmodels.push", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | nowhere | (environment or CREDENTIALS),
    )


def push(url: str, *options: str | Path, **environment: str) -> str:
    """What a successful push printed."""
    process = start(url, *options, **environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def refusal(url: str, *options: str | Path, **environment: str) -> str:
    """The one sentence of a push that was refused."""
    process = start(url, *options, **environment)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert len(err.splitlines()) == 1, err
    return err.removeprefix("error: ").strip()


def remote(store: ObjectStore) -> dict[str, Any]:
    """What a storage secret of Seldon would hold."""
    parameters = {"provider": "Other", "access_key_id": KEY, "secret_access_key": SECRET, "endpoint": store.url}
    return {"name": "s3", "type": "s3", "parameters": parameters}


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def loadable(store: ObjectStore) -> set[str]:
    """Folders that an MLServer would load."""
    return {key.removesuffix(f"/{SETTINGS}") for key in store.objects() if key.endswith(f"/{SETTINGS}")}


# -- there and back


def test_what_is_pushed_comes_back_byte_for_byte_and_is_served(
    store: ObjectStore, copier: Copier, model_server: Server
) -> None:
    printed = list(yaml.safe_load_all(push(store.url, "-o", "yaml", "--models", "lightweight,feedback")))

    for model in printed:
        name, internal = model["metadata"]["name"], f"{model['metadata']['name']}_7"
        folder = model_server.repository / internal
        copied = copier.copy(model["spec"]["storageUri"], remote(store), folder)
        assert copied.status_code == 200, copied.text
        assert files(folder) == {file.name: file.content for file in packages.read(ARTEFACTS / name).files}
        settings = json.loads((folder / SETTINGS).read_text())
        (folder / SETTINGS).write_text(json.dumps(settings | {"name": internal}))  # as Seldon's agent does
        assert model_server.load(internal).status_code == 200

    answers = [model_server.infer(name, tensor(batch=3)) for name in ("lightweight", "lightweight_7")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["outputs"] == answers[1].json()["outputs"]
    for model in printed:
        model_server.unload(f"{model['metadata']['name']}_7")


def test_every_shipped_model_is_pushed_once(store: ObjectStore, wire: Wire) -> None:
    first = push(wire.url)
    there = store.objects()
    wire.seen.clear()

    second = push(wire.url)

    assert sorted(line.partition(":")[0] for line in first.splitlines()) == MODELS
    assert first.count("uploaded") == second.count("already there") == len(MODELS)
    assert wire.written() == []
    assert store.objects() == there
    assert loadable(store) == {f"models/{name}/{packages.read(ARTEFACTS / name).content_version}" for name in MODELS}


def test_the_settings_are_written_last(wire: Wire) -> None:
    push(wire.url)

    for name in MODELS:
        written = [path for path in wire.written() if f"/{name}/" in path]
        assert written[-1].endswith(SETTINGS)
        assert [path for path in written[:-1] if path.endswith(SETTINGS)] == []


def test_a_dry_run_writes_nothing(store: ObjectStore, wire: Wire) -> None:
    said = push(wire.url, "--dry-run")

    assert said.count("would upload") == len(MODELS)
    assert wire.written() == []
    assert store.objects() == {}


def test_prefix_and_version_are_what_was_asked_for(store: ObjectStore) -> None:
    push(store.url, "--prefix", "/teams/a/", "--version", "v1.2", "--models", "feedback")
    push(store.url, "--prefix", "", "--version", "v1.2", "--models", "feedback")

    assert set(store.objects()) == {f"teams/a/feedback/v1.2/{SETTINGS}", f"feedback/v1.2/{SETTINGS}"}


def test_the_version_changes_with_any_byte_and_is_what_sha256sum_says(artefacts: Path) -> None:
    folder = artefacts / "lightweight"
    before = packages.read(folder).content_version
    line = f"sha256sum card.json {SETTINGS} model.onnx | sha256sum"
    summed = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True)

    with (folder / "card.json").open("a") as card:
        card.write("\n")

    assert summed.stdout.startswith(before)
    assert packages.read(folder).content_version != before


def test_the_manifest_is_a_model_for_servers_with_our_runtime(store: ObjectStore) -> None:
    said = push(store.url, "-o", "yaml", "--models", "feedback", "--version", "v1", "--secret", "model-store")

    assert yaml.safe_load(said) == {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Model",
        "metadata": {"name": "feedback"},
        "spec": {
            "storageUri": "s3://models/models/feedback/v1",
            "secretName": "model-store",
            "requirements": ["rolloutmodels"],
        },
    }


def test_a_torch_package_holds_the_weights_and_names_their_runtime(artefacts: Path) -> None:
    folder = artefacts / "lightweight"
    weights = packages.File("model.pt", b"weights")
    (folder / weights.name).write_bytes(weights.content)
    card = json.loads((folder / "card.json").read_text())
    card["files"] = {"model.pt": {"sha256": weights.sha256}}
    (folder / "card.json").write_text(json.dumps(card))

    package = packages.read(folder, with_torch=True)

    assert [file.name for file in package.files] == ["card.json", SETTINGS, "model.pt"]
    settings = json.loads(package.files[1].content)
    assert settings["implementation"] == "rolloutmodels.torch_runtime.TorchDirectionRuntime"
    assert settings["parameters"]["uri"] == "./model.pt"


# -- a version keeps its content


def test_other_content_under_the_same_version_is_refused_and_nothing_is_pushed(
    store: ObjectStore, artefacts: Path
) -> None:
    push(store.url, "--artefacts", artefacts, "--version", "v1", "--models", "lightweight")
    there = store.objects()
    _edit(artefacts / "lightweight" / SETTINGS, parameters={"uri": "./model.onnx", "extra": {"delay_ms": 5}})

    said = refusal(store.url, "--artefacts", artefacts, "--version", "v1")

    assert "s3://models/models/lightweight/v1 holds another model-settings.json already" in said
    assert "--version" in said
    assert store.objects() == there  # feedback, which was free to go, stayed behind as well


def test_force_replaces_and_takes_the_settings_away_first(store: ObjectStore, wire: Wire, artefacts: Path) -> None:
    push(store.url, "--artefacts", artefacts, "--version", "v1", "--models", "lightweight")
    _edit(artefacts / "lightweight" / "card.json", notice="another")

    push(wire.url, "--artefacts", artefacts, "--version", "v1", "--models", "lightweight", "--force")

    names = [path.rpartition("/")[2] for path in wire.written()]
    assert names == [SETTINGS, "card.json", SETTINGS]
    held = {key.rpartition("/")[2]: content for key, content in store.objects().items()}
    assert held == {file.name: file.content for file in packages.read(artefacts / "lightweight").files}


def test_a_stranger_in_the_folder_is_refused_even_with_force(store: ObjectStore) -> None:
    key = "models/feedback/v1/sub/notes.txt"
    store.client.put_object(BUCKET, key, BytesIO(b"mine"), 4)

    said = refusal(store.url, "--version", "v1", "--models", "feedback", "--force")

    assert "sub/notes.txt" in said
    assert store.objects() == {key: b"mine"}


# -- accidents on the way


def test_a_push_that_breaks_off_leaves_nothing_loadable_and_the_next_one_completes_it(
    store: ObjectStore, wire: Wire
) -> None:
    wire.is_cut = lambda method, path: method == "PUT" and path.endswith("lightweight/v1/model.onnx")
    said = refusal(wire.url, "--version", "v1", "--models", "feedback,lightweight")
    broken = store.objects()

    push(store.url, "--version", "v1", "--models", "feedback,lightweight")

    assert said.startswith("writing s3://models/models/lightweight/v1/model.onnx: ")
    assert "push again" in said
    assert set(broken) == {f"models/feedback/v1/{SETTINGS}", "models/lightweight/v1/card.json"}
    assert loadable(store) == {"models/feedback/v1", "models/lightweight/v1"}


def test_a_push_that_is_killed_leaves_nothing_loadable(store: ObjectStore, wire: Wire) -> None:
    reached, released = threading.Event(), threading.Event()

    def hangs(method: str, path: str) -> bool:
        if method == "PUT" and path.endswith("model.onnx"):
            reached.set()
            released.wait(60)
            return True
        return False

    wire.is_cut = hangs
    process = start(wire.url, "--models", "lightweight")
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    released.set()

    assert loadable(store) == set()


def test_a_store_that_returns_other_bytes_is_noticed_before_the_model_is_loadable(
    store: ObjectStore, wire: Wire
) -> None:
    def bent(method: str, path: str, body: bytes) -> bytes:
        return body[:-1] + b"!" if method == "GET" and path.endswith("model.onnx") else body

    wire.spoiled = bent

    said = refusal(wire.url, "--version", "v1", "--models", "lightweight")

    assert said.startswith("s3://models/models/lightweight/v1/model.onnx does not hold what was written to it")
    assert loadable(store) == set()


# -- refusals of the store, one sentence each


REFUSALS: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "no credentials": ((), {"LANG": "C"}, "there are no credentials for the store; set AWS_ACCESS_KEY_ID"),
    "half of the credentials": ((), {"AWS_ACCESS_KEY_ID": KEY}, "there are no credentials for the store"),
    "a profile that is not there": ((), {"AWS_PROFILE": "nobody"}, "there are no credentials for the store"),
    "an unknown key": ((), CREDENTIALS | {"AWS_ACCESS_KEY_ID": "who"}, "the credentials (InvalidAccessKeyId)"),
    "a wrong secret": ((), CREDENTIALS | {"AWS_SECRET_ACCESS_KEY": "no"}, "the credentials (SignatureDoesNotMatch)"),
    "a missing bucket": (("--bucket", "nowhere"), {}, "there is no bucket 'nowhere' at http://127.0.0.1"),
    "no name for a bucket": (("--bucket", "a_"), {}, "invalid bucket name a_"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_the_store_refuses(case: str, store: ObjectStore) -> None:
    options, environment, sentence = REFUSALS[case]

    said = refusal(store.url, *options, **environment)

    assert sentence in said
    assert store.objects() == {}


def test_a_request_that_is_not_allowed_names_the_rights_that_are_needed(store: ObjectStore, wire: Wire) -> None:
    wire.added = lambda method, _path: {"x-amz-acl": "public-read"} if method == "PUT" else {}

    said = refusal(wire.url)

    assert "does not allow it (AccessDenied)" in said
    assert "s3:PutObject" in said
    assert store.objects() == {}


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    {
        "http://127.0.0.1:9": "nobody answers at http://127.0.0.1:9; check --endpoint",
        "http://no-such-host.invalid": "nobody answers at http://no-such-host.invalid",
        "127.0.0.1:9": "--endpoint is '127.0.0.1:9': it must begin with http:// or https://",
        "http://127.0.0.1:9/path": "path in endpoint is not allowed",
    }.items(),
)
def test_an_endpoint_that_is_none_is_named(endpoint: str, sentence: str) -> None:
    assert sentence in refusal(endpoint)


def test_a_server_that_speaks_no_s3_is_called_so(model_server: Server) -> None:
    assert "speaks no S3; check --endpoint" in refusal(str(model_server.http.base_url).rstrip("/"))


def test_an_untrusted_certificate_names_its_cure(store: ObjectStore) -> None:
    """A server without TLS shows no certificate at all."""
    assert "AWS_CA_BUNDLE" in refusal(store.url.replace("http:", "https:"))


def test_credentials_come_from_a_profile_too(store: ObjectStore, tmp_path: Path) -> None:
    shared = tmp_path / "credentials"
    shared.write_text(f"[team]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")

    push(store.url, "--models", "feedback", AWS_SHARED_CREDENTIALS_FILE=str(shared), AWS_PROFILE="team")

    assert len(loadable(store)) == 1


# -- folders that are not fit


def _edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no settings": (lambda f: (f / SETTINGS).unlink(), "model-settings.json cannot be read (No such file"),
    "settings that are no JSON": (lambda f: (f / SETTINGS).write_text("{"), "model-settings.json is no JSON"),
    "settings that are a list": (lambda f: (f / SETTINGS).write_text("[]"), "holds no JSON object"),
    "another name": (lambda f: _edit(f / SETTINGS, name="x"), "name is 'x'; it must be the folder's, 'lightweight'"),
    "a name Seldon refuses": (
        lambda f: (_edit(f / SETTINGS, name="a.b"), f.rename(f.with_name("a.b"))),
        "'a.b' is no name for a Seldon Model",
    ),
    "a foreign runtime": (
        lambda f: _edit(f / SETTINGS, implementation="os.system"),
        "'os.system', which is no runtime",
    ),
    "a misspelt runtime": (
        lambda f: _edit(f / SETTINGS, implementation="rolloutmodels.runtime.DirectionRuntim"),
        "which is no runtime of rolloutmodels",
    ),
    "a network outside": (
        lambda f: _edit(f / SETTINGS, parameters={"uri": "/models/model.onnx"}),
        "parameters.uri is '/models/model.onnx'; name a file beside it",
    ),
    "no network": (lambda f: (f / "model.onnx").unlink(), "model.onnx cannot be read (No such file"),
    "an empty network": (lambda f: (f / "model.onnx").write_bytes(b""), "model.onnx is empty"),
    "no card": (lambda f: (f / "card.json").unlink(), "card.json cannot be read"),
    "the card of another model": (lambda f: _edit(f / "card.json", model="x"), "describes model 'x'"),
    "a network the card does not know": (lambda f: (f / "model.onnx").write_bytes(b"x"), "train it again"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_folder_is_not_fit(case: str, artefacts: Path) -> None:
    spoil, sentence = UNFIT[case]
    spoil(artefacts / "lightweight")

    with pytest.raises(packages.PackageError, match=r"\.$") as refused:
        packages.read_all(artefacts)

    assert sentence in str(refused.value)


def test_an_unfit_folder_keeps_the_others_back(store: ObjectStore, artefacts: Path) -> None:
    (artefacts / "lightweight" / "model.onnx").unlink()

    said = refusal(store.url, "--artefacts", artefacts)

    assert "lightweight/model.onnx cannot be read" in said
    assert store.objects() == {}


def test_weights_that_were_never_exported_are_missed(artefacts: Path) -> None:
    (artefacts / "lightweight" / "model.pt").unlink(missing_ok=True)

    with pytest.raises(packages.PackageError, match=r"model\.pt cannot be read"):
        packages.read(artefacts / "lightweight", with_torch=True)


def test_a_model_that_is_not_there_is_named_with_those_that_are(artefacts: Path) -> None:
    with pytest.raises(packages.PackageError, match="has no model 'x'; it has feedback, lightweight"):
        packages.read_all(artefacts, ["x"])


def test_an_empty_place_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(packages.PackageError, match="holds no artefact folders; train the models with `make models`"):
        packages.read_all(tmp_path / "nothing")


@pytest.mark.parametrize("words", [("--version", "a/b"), ("--version", ""), ("--prefix", "a b"), ("--prefix", "a//b")])
def test_a_name_that_makes_no_key_is_refused(words: tuple[str, str]) -> None:
    process = start("http://127.0.0.1:9", *words)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "may hold letters, digits" in err
