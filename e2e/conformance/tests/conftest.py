"""The mesh under test: the one named in the environment, else minimesh in a stack of its own."""

from __future__ import annotations

import pytest

from e2e.conformance.fixtures import name, stack, world
from e2e.conformance.target import Target

__all__ = ["name", "stack", "target", "world"]


@pytest.fixture(scope="package")
def target(request: pytest.FixtureRequest) -> Target:
    """Where the tests are pointed at."""
    return Target.from_environment() or Target.of_stack(request.getfixturevalue("stack").access)
