"""Whatever a version of the operator wrote, or left out, can be shown."""

import copy
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from cli_corpus import found, moment
from hypothesis import given
from hypothesis import strategies as st
from modelrollout.api import reasons
from modelrollout.api.status import RolloutStatus
from modelrollout.cli import accounts, history, layout, listing, picture, status, views
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Rollout

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def shown(rollout: Rollout) -> list[str]:
    """Everything that the commands can say of it."""
    now, narrow = moment(rollout), Screen(40)
    return [
        layout.tree(picture.of(rollout, (), now, is_wide=True), narrow),
        layout.tree(picture.of(rollout, (), now), narrow),
        "\n".join(accounts.of(rollout, now)),
        history.text(rollout, None, now, narrow),
        listing.table([rollout], now, narrow, is_wide=True, everywhere=True),
        status.sentence(rollout),
    ]


def test_the_corpus_is_what_the_operator_writes_today(named: str) -> None:
    told = found(named).get("status", {})

    assert RolloutStatus.model_validate(told).model_dump(mode="json", exclude_unset=True) == told


def test_a_view_tells_what_the_status_says(named: str) -> None:
    told = found(named).get("status", {})
    rollout = views.rollout(found(named))

    assert rollout.phase == told.get("phase", "Pending")
    assert rollout.weight == told.get("traffic", {}).get("candidateWeight", 0)
    assert [rail.name for rail in rollout.rails] == [rail["name"] for rail in told.get("guardrails", [])]
    assert [entry.reason for entry in rollout.history] == [entry["reason"] for entry in told.get("history", [])]
    assert {one.type for one in rollout.conditions} <= set(reasons.ConditionType)


def test_an_approval_has_the_weight_of_the_stage_before_it() -> None:
    raw = found("progressing")
    raw["spec"]["strategy"]["canary"]["stages"].insert(1, {"approval": {"deadline": "24h", "onDeadline": "Rollback"}})

    stages = views.rollout(raw).stages

    assert [(one.weight, one.is_approval) for one in stages] == [(5, False), (5, True), (25, False), (100, False)]
    assert (stages[1].deadline, stages[1].on_deadline) == ("24h", "Rollback")


def test_a_status_with_any_field_missing_or_of_another_type_is_shown(named: str) -> None:
    for half in _half_filled(found(named)):
        assert all(isinstance(text, str) for text in shown(views.rollout(half)))


@given(spec=JUNK, told=JUNK)
def test_no_object_is_too_strange_to_be_shown(spec: Any, told: Any) -> None:
    assert shown(views.rollout({"metadata": {"name": "odd"}, "spec": spec, "status": told}))


def _half_filled(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object with each field of status and spec, one after the other, replaced or left out."""
    junks = cycle([None, [], "x", 3, {"a": 1}, [{"a": 1}], [None]])
    for part in ("spec", "status"):
        for key in raw.get(part, {}):
            half = copy.deepcopy(raw)
            half[part][key] = next(junks)
            yield half
            del half[part][key]
            yield half
