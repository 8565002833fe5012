"""The V2 protocol as clients speak it."""

from __future__ import annotations

import pytest

from e2e.traffic import garbage, protocol


@pytest.mark.parametrize(
    ("route", "arm"),
    [("enhanced_3", ("enhanced", "3")), ("a_b_12", ("a_b", "12")), ("enhanced", ("enhanced", "")), ("", ("", ""))],
)
def test_a_route_names_the_arm_and_its_version(route: str, arm: tuple[str, str]) -> None:
    assert protocol.arm_and_version(route) == arm


@pytest.mark.parametrize(
    ("headers", "route"),
    [
        pytest.param({"x-seldon-route": ":m_2:", "ce-modelid": "other"}, "m_2", id="the mesh knows best"),
        pytest.param({"ce-modelid": "m"}, "m", id="no mesh is there"),
        pytest.param({}, "", id="nobody says"),
    ],
)
def test_who_answered(headers: dict[str, str], route: str) -> None:
    assert protocol.route(headers) == route


def test_the_likelier_class_is_predicted() -> None:
    assert protocol.predictions(b'{"outputs": [{"data": [0.2, 0.7, 0.5]}]}', 3) == [0, 1, 0]


@pytest.mark.parametrize(
    "answer",
    ["", "<html>", "[]", "{}", '{"outputs": []}', '{"outputs": [{"data": ["x"]}]}', '{"outputs": [{"data": [1]}]}'],
)
def test_an_answer_of_no_model_is_none(answer: str) -> None:
    with pytest.raises(ValueError, match=r"is no answer of a model|predictions came for 2"):
        protocol.predictions(answer.encode(), 2)


def test_every_kind_of_nonsense_is_another() -> None:
    kinds = garbage.bodies()

    assert len(set(kinds.values())) == len(kinds) == 6
