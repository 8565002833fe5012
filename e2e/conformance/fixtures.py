"""Fixtures for tests against a mesh, here and in minimesh's own tests: import them in a conftest."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from e2e.conformance.target import Target
from e2e.conformance.world import Name, World
from e2e.minimesh.kube import Access, Kube
from e2e.stack import Settings, Stack

# Nothing here needs them, and two cores are few.
_WITHOUT = frozenset({"kube-controller-manager", "prometheus"})


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The local stack, for the tests of one folder."""
    with Stack(Settings(directory=tmp_path_factory.mktemp("mesh"), without=_WITHOUT)) as running:
        yield running


@pytest.fixture
async def world(target: Target) -> AsyncIterator[World]:
    """A clean namespace: what a test makes through it is deleted afterwards."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200, keepalive_expiry=2)
    async with (
        Kube(Access.from_kubeconfig(target.kubeconfig), target.namespace) as kube,
        httpx.AsyncClient(timeout=60, limits=limits) as client,
    ):
        world = World(target, kube, client)
        yield world
        await world.clean_up()


@pytest.fixture
def name() -> Name:
    """Names that no other test, and no earlier run, has used: `name("a")` is always the same within one test."""
    suffix = uuid.uuid4().hex[:6]
    return lambda short: f"{short}-{suffix}"
