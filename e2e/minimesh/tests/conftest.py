"""minimesh in a stack, and its fault switches."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from e2e.conformance.fixtures import name, stack, world
from e2e.conformance.target import Target
from e2e.stack import Stack

__all__ = ["faults", "name", "stack", "target", "world"]


@pytest.fixture(scope="package")
def target(stack: Stack) -> Target:
    """The stack's own mesh: faults are never switched on anywhere else."""
    return Target.of_stack(stack.access)


@pytest.fixture
async def faults(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """PUT and DELETE of /faults/..., as in `await faults.put("/faults/hold-edit/e")`; mended after the test."""
    async with httpx.AsyncClient(base_url=stack.minimesh_url, timeout=30) as client:
        yield client
        await client.delete("/faults/scheduler?attach_seconds=0")
        await client.delete("/faults/server")
