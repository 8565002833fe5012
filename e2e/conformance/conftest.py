"""The mesh under test, and a clean world in it for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from e2e.conformance.target import Target
from e2e.conformance.world import World
from e2e.minimesh.kube import Access, Kube

Name = Callable[[str], str]


@pytest.fixture(scope="session")
def target() -> Target:
    """The mesh named in the environment, else minimesh in a stack of its own."""
    named = Target.from_environment()
    if named is None:
        pytest.skip("no stack yet")
    return named


@pytest.fixture
async def world(target: Target) -> AsyncIterator[World]:
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
