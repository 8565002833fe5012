"""Addresses that minimesh cannot copy from: the Model says so at once, as with Seldon, and nothing waits for it."""

from __future__ import annotations

import pytest

from e2e.conformance.history import Object, conditions
from e2e.conformance.world import Name, World
from e2e.minimesh.crds import MODELS

pytestmark = pytest.mark.stack


async def test_a_model_in_a_bucket_fails_with_its_address_and_the_reason(world: World, name: Name) -> None:
    uri = "s3://ml-models/models/baseline/f853b5406d5d"
    model = name("remote")
    await world.create_model(model, uri)

    failed = await world.until(MODELS, model, lambda obj: _state(obj) == "ModelFailed")

    status, reason = conditions(failed)["ModelReady"]
    assert status == "False"
    assert reason.startswith(f"failed to sync/copy {uri} to ")
    assert "only local folders can be copied here, not s3://" in reason


async def test_a_local_address_mends_a_model_in_a_bucket(world: World, name: Name) -> None:
    model = name("mended")
    await world.create_model(model, "s3://ml-models/models/baseline/f853b5406d5d")
    await world.until(MODELS, model, lambda obj: _state(obj) == "ModelFailed")

    await world.patch(MODELS, model, {"spec": {"storageUri": world.target.storage_uri}})

    await world.until(MODELS, model, lambda obj: _state(obj) == "ModelAvailable")


def _state(obj: Object) -> str | None:
    """Seldon's word for where the Model is; None before its first status."""
    told = [item for item in obj.get("status", {}).get("conditions", []) if item["type"] == "ModelReady"]
    return told[0].get("message") if told else None
