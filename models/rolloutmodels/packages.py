"""What is shipped of an artefact folder: its settings, the network they name, and its card; checked, and in memory.

The version follows from the content, so an address that holds it never means two different models.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SETTINGS, CARD, ONNX, TORCH = "model-settings.json", "card.json", "model.onnx", "model.pt"
TORCH_RUNTIME = "rolloutmodels.torch_runtime.TorchDirectionRuntime"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # of a Seldon Model
_VERSION_DIGITS = 12

Object = dict[str, Any]


class PackageError(Exception):
    """The folder is not fit to be served; the sentence says what is wrong with which file, and the cure."""


@dataclass(frozen=True)
class File:
    """A file of a package; `name` has no folder."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Package:
    """A model's files in the order of their names."""

    model: str
    files: tuple[File, ...]

    @property
    def content_version(self) -> str:
        """12 hex digits that change with any byte: `sha256sum FILE... | sha256sum` over the files, cut off."""
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()[:_VERSION_DIGITS]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(len(file.content) for file in self.files)


def read_all(root: Path, models: Iterable[str] | None = None, with_torch: bool = False) -> list[Package]:
    """The packages of these models, or of every folder in `root`, by name. Raises PackageError at the first unfit one.

    With `with_torch`, models that have a network are packed for the torch runtime instead.
    """
    there = sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    if not there:
        raise PackageError(f"{root} holds no artefact folders; train the models with `make models`.")
    chosen = sorted(set(models)) if models else there
    for name in chosen:
        if name not in there:
            raise PackageError(f"{root} has no model '{name}'; it has {', '.join(there)}.")
    return [read(root / name, with_torch) for name in chosen]


def read(folder: Path, with_torch: bool = False) -> Package:
    """The package of one artefact folder. Raises PackageError."""
    settings = _json(folder / SETTINGS)
    _check_name(folder, settings)
    _check_implementation(folder, settings)
    network = _network(folder, settings)
    if network is None:
        files = [File(SETTINGS, _bytes(folder / SETTINGS))]
    else:
        files = _with_network(folder, settings, TORCH if with_torch else network)
    return Package(folder.name, tuple(sorted(files, key=lambda file: file.name)))


def _with_network(folder: Path, settings: Object, network: str) -> list[File]:
    told = _dump(_for_torch(settings)) if network == TORCH else _bytes(folder / SETTINGS)
    shipped = File(network, _bytes(folder / network))
    _check_card(folder, shipped)
    return [File(SETTINGS, told), shipped, File(CARD, _bytes(folder / CARD))]


def _for_torch(settings: Object) -> Object:
    parameters = settings["parameters"] | {"uri": f"./{TORCH}"}
    return settings | {"implementation": TORCH_RUNTIME, "parameters": parameters}


def _check_name(folder: Path, settings: Object) -> None:
    name = settings.get("name")
    if name != folder.name:
        raise PackageError(f"{folder / SETTINGS}: name is {name!r}; it must be the folder's, '{folder.name}'.")
    if not _NAME.fullmatch(folder.name):
        raise PackageError(
            f"{folder}: '{folder.name}' is no name for a Seldon Model; use a-z, 0-9 and '-', at most 63."
        )


def _check_implementation(folder: Path, settings: Object) -> None:
    """A server with this package must find the runtime. Looked up in its source: an import would take MLServer."""
    named = settings.get("implementation")
    module, _, kind = str(named).rpartition(".")
    found = find_spec(module) if re.fullmatch(r"rolloutmodels\.\w+", module) else None
    if not (found and found.origin and re.search(rf"^class {kind}\b", Path(found.origin).read_text(), re.MULTILINE)):
        raise PackageError(
            f"{folder / SETTINGS}: implementation is {named!r}, which is no runtime of rolloutmodels; "
            "name one like 'rolloutmodels.runtime.DirectionRuntime'."
        )


def _network(folder: Path, settings: Object) -> str | None:
    """The file that the settings name; None when they name none, as those of feedback."""
    uri = (settings.get("parameters") or {}).get("uri")
    if uri is None:
        return None
    name = str(uri).removeprefix("./")
    if not name or Path(name).name != name:
        raise PackageError(f"{folder / SETTINGS}: parameters.uri is {uri!r}; name a file beside it, like './{ONNX}'.")
    return name


def _check_card(folder: Path, network: File) -> None:
    """The card must be that of the network beside it, or it would praise a model that was never measured."""
    card = _json(folder / CARD)
    files = card.get("files") or {ONNX: card.get("file")}
    told = (files.get(network.name) or {}).get("sha256")
    if card.get("model") != folder.name or told != network.sha256:
        raise PackageError(
            f"{folder / CARD} describes model {card.get('model')!r} with {network.name} of sha256 {told}, "
            f"but the file has {network.sha256}; train it again: python -m rolloutmodels.train --model {folder.name}."
        )


def _json(file: Path) -> Object:
    try:
        content = json.loads(_bytes(file))
    except ValueError as error:
        raise PackageError(f"{file} is no JSON: {error}; write it again with `make models`.") from error
    if not isinstance(content, dict):
        raise PackageError(f"{file} holds no JSON object; write it again with `make models`.")
    return content


def _bytes(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PackageError(f"{file} cannot be read ({error.strerror}); train the model with `make models`.") from error
    if not content:
        raise PackageError(f"{file} is empty; train the model with `make models`.")
    return content


def _dump(content: Object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
