"""The models this project ships, served through minimesh."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2e.conformance.world import Name, World
from e2e.stack import paths

pytestmark = pytest.mark.stack

WINDOW = {"name": "input_data", "datatype": "FP32", "shape": [1, 10, 35], "data": [0.0] * 350}


@pytest.mark.parametrize("shipped", ["baseline", "enhanced", "lightweight"])
async def test_a_shipped_model_answers(world: World, name: Name, shipped: str) -> None:
    world.target = replace(world.target, request={"inputs": [WINDOW]})
    model = await world.model(name(shipped), str(paths.ROOT / "models" / "artefacts" / shipped))

    answer = await world.ask(model)

    assert (answer.status, answer.route) == (200, f":{model}_1:")
    assert b"probability" in answer.body


async def test_a_shipped_model_is_as_slow_and_faulty_as_its_parameters_say(world: World, name: Name) -> None:
    world.target = replace(world.target, request={"inputs": [WINDOW]})
    artefact = str(paths.ROOT / "models" / "artefacts" / "baseline")
    slow = await world.model(name("slow"), artefact, delay_ms="300")
    faulty = await world.model(name("faulty"), artefact, error_rate="0.3")
    await world.experiment(name("e"), {faulty: 1, slow: 0}, default=faulty)

    pinned = [await world.ask(faulty, route=f":{faulty}_1:") for _ in range(40)]

    assert (await world.ask(slow)).seconds >= 0.3
    # 40 requests at 30 %: 12 expected, standard deviation 2.9; the seed is fixed anyway.
    assert 2 <= sum(answer.status == 500 for answer in pinned) <= 24
