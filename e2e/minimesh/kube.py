"""A small client of the Kubernetes API: list, watch, and the few writes minimesh makes."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import yaml

from e2e.minimesh.crds import GROUP, VERSION

Object = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server answered with a code outside 2xx."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Access:
    """How to reach the API server: the current context of a kubeconfig."""

    server: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Access:
        """The current context; KeyError or StopIteration when the file lacks it."""
        config = yaml.safe_load(path.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        token = user.get("token") or (Path(user["tokenFile"]).read_text().strip() if "tokenFile" in user else "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        tls = _tls(cluster, user, path.parent) if cluster["server"].startswith("https") else None
        return cls(cluster["server"].rstrip("/"), headers, tls)


class Kube:
    """One namespace of Seldon's objects. Use as an async context manager."""

    def __init__(self, access: Access, namespace: str) -> None:
        self._access = access
        self._namespace = namespace

    async def __aenter__(self) -> Kube:
        self._session = aiohttp.ClientSession(
            headers=dict(self._access.headers),
            connector=aiohttp.TCPConnector(ssl=self._access.tls or True),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def list_all(self, plural: str) -> tuple[list[Object], str]:
        """All objects, and the resource version to watch from."""
        answer = await self.call("GET", self.path(plural))
        return answer["items"], answer["metadata"]["resourceVersion"]

    async def watch(self, plural: str, resource_version: str) -> AsyncGenerator[tuple[str, Object]]:
        """Changes as (type, object) until the server ends the stream; ApiError 410 when the version is too old."""
        query = {"watch": "true", "resourceVersion": resource_version, "allowWatchBookmarks": "true"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=120)
        url = self._access.server + self.path(plural)
        async with self._session.get(url, params={**query, "timeoutSeconds": "100"}, timeout=timeout) as response:
            await _raise_for(response)
            # An object may be far longer than aiohttp's line limit, so lines are cut by hand.
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield _event(line)

    async def get(self, plural: str, name: str) -> Object | None:
        """The object as it is now, or None."""
        try:
            return await self.call("GET", self.path(plural, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def put_status(self, plural: str, obj: Object) -> Object:
        """Replace the status, if the object has not changed since it was read (ApiError 409)."""
        path = self.path(plural, obj["metadata"]["name"]) + "/status?fieldManager=manager"
        return await self.call("PUT", path, obj)

    async def set_finalizer(self, plural: str, obj: Object, finalizer: str, *, present: bool) -> Object:
        """Add or remove one finalizer, if the object has not changed since it was read (ApiError 409).

        Returns the object as it is now; nothing is written when nothing would change.
        """
        have: list[str] = obj["metadata"].get("finalizers", [])
        if (finalizer in have) == present:
            return obj
        want = [item for item in have if item != finalizer] + ([finalizer] if present else [])
        metadata = {"finalizers": want, "resourceVersion": obj["metadata"]["resourceVersion"]}
        path = self.path(plural, obj["metadata"]["name"]) + "?fieldManager=manager"
        return await self.call("PATCH", path, {"metadata": metadata}, MERGE_PATCH)

    async def release(self, plural: str, name: str, finalizer: str) -> None:
        """Remove a finalizer from the object as it is now, if it still exists."""
        obj = await self.get(plural, name)
        if obj is not None:
            await self.set_finalizer(plural, obj, finalizer, present=False)

    async def apply_crd(self, crd: Object) -> None:
        """Create the definition, or bring it up to date."""
        name = crd["metadata"]["name"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}?fieldManager=minimesh&force=true"
        await self.call("PATCH", path, crd, APPLY_PATCH)

    async def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Object:
        """One call; returns the parsed answer or raises ApiError."""
        data = None if body is None else json.dumps(body)
        timeout = aiohttp.ClientTimeout(total=30)
        url = self._access.server + path
        async with self._session.request(method, url, data=data, headers={"Content-Type": kind}, timeout=timeout) as r:
            await _raise_for(r)
            answer: Object = await r.json()
            return answer

    def path(self, plural: str, name: str = "") -> str:
        """The URL path of a collection, or of one object."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self._namespace}/{plural}"
        return f"{path}/{quote(name)}" if name else path


def _event(line: bytes) -> tuple[str, Object]:
    event = json.loads(line)
    if event["type"] == "ERROR":
        raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
    return event["type"], event["object"]


async def _raise_for(response: aiohttp.ClientResponse) -> None:
    if response.status >= 300:
        raise ApiError(response.status, (await response.text())[:500])


def _named(entries: list[Object], name: str) -> Object:
    return next(entry for entry in entries if entry["name"] == name)


def _tls(cluster: Object, user: Object, folder: Path) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _pem(user, "client-certificate", folder), _pem(user, "client-key", folder)
    if certificate and key:
        # ssl reads certificates from files only.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(certificate + b"\n" + key)
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _pem(entry: Object, field: str, folder: Path) -> bytes:
    if f"{field}-data" in entry:
        return base64.b64decode(entry[f"{field}-data"])
    return (folder / entry[field]).read_bytes() if field in entry else b""
