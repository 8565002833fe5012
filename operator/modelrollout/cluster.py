"""The API server: six verbs on five kinds, every foreign error translated here.

Objects are plain dicts as the API server gives them; the rooms that read them turn them into records at once.
Every write asks first whether this replica is certain to lead.
"""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from kubernetes.aio.client import ApiClient, CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException

from modelrollout import errors, telemetry

Object = dict[str, Any]
T = TypeVar("T")

FIELD_MANAGER = "modelrollout"
FENCE = "modelrollout.io/attempt"  # annotation of an Experiment: the rollout and attempt that may write it
TIMEOUT = 15.0  # seconds; the library's default is to wait for ever
CONFLICTS = {409, 422}  # 422 is a JSON patch whose test failed, or what the schema refuses


@dataclass(frozen=True)
class Kind:
    """A kind of object and where it lives."""

    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """Group and version as objects spell it."""
        return f"{self.group}/{self.version}"


ROLLOUT = Kind("modelrollout.io", "v1alpha1", "modelrollouts")
EXPERIMENT = Kind("mlops.seldon.io", "v1alpha1", "experiments")
MODEL = Kind("mlops.seldon.io", "v1alpha1", "models")
EVENT = Kind("events.k8s.io", "v1", "events")
LEASE = Kind("coordination.k8s.io", "v1", "leases")


def _always() -> bool:
    return True


class Cluster:
    """A thin door to the API server. Raises ClusterConflict, ClusterUnavailable (ClusterDenied) and TargetMissing."""

    def __init__(self, client: ApiClient, may_write: Callable[[], bool] = _always) -> None:
        """While `may_write` says no, every write raises ClusterUnavailable and nothing is sent."""
        self._client = client
        self._may_write = may_write
        self._objects = CustomObjectsApi(client)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None when there is none."""
        call = self._objects.get_namespaced_custom_object(*_at(kind, namespace), name, _request_timeout=TIMEOUT)
        try:
            return await _translated("get", kind, name, call)
        except errors.TargetMissing:
            return None

    async def all(self, kind: Kind, namespace: str) -> list[Object]:
        """All objects of the kind in the namespace; none of a kind that the API server does not serve."""
        call = self._objects.list_namespaced_custom_object(*_at(kind, namespace), _request_timeout=TIMEOUT)
        try:
            listed = await _translated("list", kind, "", call)
        except errors.TargetMissing:
            return []
        return list(listed["items"])

    async def serves(self, kind: Kind) -> bool:
        """True when the API server has a definition of the kind in this version."""
        call: Awaitable[Any] = self._objects.get_api_resources(kind.group, kind.version, _request_timeout=TIMEOUT)
        try:
            listed = await _translated("discover", kind, "", call)
        except errors.TargetMissing:
            return False
        return any(found.name == kind.plural for found in listed.resources)

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """The new object. Raises ClusterConflict when it exists."""
        self._check_certainty("create", kind)
        call: Awaitable[Object] = self._objects.create_namespaced_custom_object(
            *_at(kind, namespace), body, field_manager=FIELD_MANAGER, _request_timeout=TIMEOUT
        )
        return await _translated("create", kind, body["metadata"].get("name", ""), call)

    async def patch(self, kind: Kind, namespace: str, name: str, operations: list[Object]) -> Object:
        """The object after a JSON patch. Raises ClusterConflict when one of its tests failed."""
        self._check_certainty("patch", kind)
        call = self._objects.patch_namespaced_custom_object(
            *_at(kind, namespace),
            name,
            operations,
            field_manager=FIELD_MANAGER,
            _content_type="application/json-patch+json",  # the library sends a list as a merge patch otherwise
            _request_timeout=TIMEOUT,
        )
        return await _translated("patch", kind, name, call)

    async def replace_status(self, kind: Kind, namespace: str, body: Object) -> Object:
        """The object with the body's status. Raises ClusterConflict when its resourceVersion is not the newest."""
        self._check_certainty("update", kind)
        name = body["metadata"]["name"]
        call = self._objects.replace_namespaced_custom_object_status(
            *_at(kind, namespace), name, body, field_manager=FIELD_MANAGER, _request_timeout=TIMEOUT
        )
        return await _translated("update", kind, name, call)

    async def replace(self, kind: Kind, namespace: str, body: Object) -> Object:
        """The object with the body's spec. Raises ClusterConflict when its resourceVersion is not the newest."""
        self._check_certainty("update", kind)
        name = body["metadata"]["name"]
        call = self._objects.replace_namespaced_custom_object(
            *_at(kind, namespace), name, body, field_manager=FIELD_MANAGER, _request_timeout=TIMEOUT
        )
        return await _translated("update", kind, name, call)

    async def secret(self, namespace: str, name: str) -> dict[str, str]:
        """The Secret's values as text. Raises TargetMissing and ClusterDenied."""
        from kubernetes.aio.client import CoreV1Api  # costs two seconds to import, and few rollouts need it

        call = CoreV1Api(self._client).read_namespaced_secret(name, namespace, _request_timeout=TIMEOUT)
        found = await _translated("get", Kind("", "v1", "secrets"), name, call)
        return {key: base64.b64decode(value).decode() for key, value in (found.data or {}).items()}

    def _check_certainty(self, verb: str, kind: Kind) -> None:
        if not self._may_write():
            raise errors.ClusterUnavailable(f"{verb} {kind.plural}: not sent, because another replica may lead by now")


def _at(kind: Kind, namespace: str) -> tuple[str, str, str, str]:
    return kind.group, kind.version, namespace, kind.plural


async def _translated(verb: str, kind: Kind, name: str, call: Awaitable[T]) -> T:
    telemetry.API_CALLS.labels(verb, kind.plural).inc()
    what = f"{verb} {kind.plural} {name}".rstrip()
    try:
        return await call
    except ApiException as refused:
        raise _of_status(what, refused) from refused
    except (aiohttp.ClientError, TimeoutError, OSError) as failed:
        raise errors.ClusterUnavailable(f"{what}: the API server gave no answer ({type(failed).__name__})") from failed


def _of_status(what: str, refused: ApiException) -> errors.RolloutError:
    if refused.status == 404:
        return errors.TargetMissing(f"{what}: there is none")
    if refused.status == 403:
        return errors.ClusterDenied(f"{what}: the API server does not allow it: {str(refused.body)[:300]}")
    if refused.status in CONFLICTS:
        return errors.ClusterConflict(f"{what}: {refused.reason} {str(refused.body)[:300]}")
    return errors.ClusterUnavailable(f"{what}: the API server answered {refused.status} {refused.reason}")
