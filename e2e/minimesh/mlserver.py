"""MLServer's repository API, and the folders it loads from."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from e2e.minimesh.desired import ModelSource

_SETTINGS = "model-settings.json"
# Loading a large model may take long; everything else answers at once.
_LOAD_SECONDS = 120


class LoadError(Exception):
    """A version could not be brought up; the text is what the Model's status will say."""


class MLServer:
    """The one inference server. Use as an async context manager."""

    def __init__(self, url: str, repository: Path) -> None:
        self._url = url.rstrip("/")
        self._repository = repository

    async def __aenter__(self) -> MLServer:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_LOAD_SECONDS))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def is_live(self) -> bool:
        """Whether the server answers at all."""
        try:
            async with self._session.get(f"{self._url}/v2/health/live", timeout=aiohttp.ClientTimeout(total=2)) as r:
                return r.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def ready_models(self) -> set[str]:
        """Internal names of the models that are loaded."""
        async with self._session.post(f"{self._url}/v2/repository/index", json={"ready": True}) as response:
            return {item["name"] for item in await response.json()}

    async def load(self, internal_name: str) -> None:
        """Load a version whose folder is in place.

        LoadError with the server's words when it cannot; aiohttp.ClientError when there is no server.
        """
        await self._call(internal_name, "load")

    async def unload(self, internal_name: str) -> None:
        """Unload a version and remove its folder; nothing happens when it is not loaded."""
        try:
            with contextlib.suppress(LoadError, aiohttp.ClientError, TimeoutError):
                await self._call(internal_name, "unload")
        finally:
            shutil.rmtree(self._repository / internal_name, ignore_errors=True)

    def place(self, internal_name: str, source: ModelSource) -> None:
        """Copy the artefact under the version's name and write the settings MLServer shall load it with."""
        folder = self._repository / internal_name
        try:
            shutil.copytree(_local_folder(source.storage_uri), folder, dirs_exist_ok=True)
            settings = json.loads((folder / _SETTINGS).read_text())
        except (OSError, ValueError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise LoadError(f"failed to sync/copy {source.storage_uri} to {folder}: {error}") from error
        (folder / _SETTINGS).write_text(json.dumps(_settings(settings, internal_name, source), indent=2))

    async def _call(self, internal_name: str, verb: str) -> None:
        url = f"{self._url}/v2/repository/models/{internal_name}/{verb}"
        async with self._session.post(url) as response:
            text = await response.text()
        if response.status != 200:
            raise LoadError(f"rpc error: code = Internal desc = {_error_text(text)}")


def _local_folder(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        raise OSError(f"only local folders can be copied here, not {parts.scheme}://")
    folder = Path(parts.path if parts.scheme else uri)
    if not folder.is_dir():
        raise OSError(f"{folder} is no folder")
    return folder


def _settings(settings: dict[str, Any], internal_name: str, source: ModelSource) -> dict[str, Any]:
    parameters = settings.get("parameters") or {}
    extra = (parameters.get("extra") or {}) | {item.name: item.value for item in source.parameters}
    return {**settings, "name": internal_name, "parameters": {**parameters, "extra": extra}}


def _error_text(body: str) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:500]
