"""The behaviour that must hold in every world, as design 4 numbers it. The real controller runs in a played world.

A history is a random sequence of what happens to a rollout: about 500 of them are played here, and 10,000 by
`make properties` (HYPOTHESIS_PROFILE=properties).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from factories import BASELINE, CANDIDATE, ERRORS, NOW, raw_spec, stage
from histories import APPROVED, DETOURS, MOVES, STAGES, TROUBLE, Move, Stages, heal, moves, play, run_led, say
from hypothesis import given, settings
from hypothesis import strategies as st
from modelrollout import errors
from modelrollout.api import spec as api_spec
from modelrollout.api.reasons import Reason
from modelrollout.api.status import HandledAction, Outcome, Phase, Result, RolloutStatus
from modelrollout.plan import engine, steering
from simulator import INTERVAL, KEY, Simulation

# A history costs a tenth of a second or more; the profile says how many a cheap test would play.
FEW = settings(max_examples=settings().max_examples * 2 // 7)
SPEC_EDITS = ("a new version", "stages", "pause", "guardrails", "tell")
PLANS = st.sampled_from([*STAGES, *APPROVED])
LEADS_ON = st.sampled_from([*STAGES, *APPROVED[:2]])  # without a deadline that rolls back
LONG = raw_spec(stage(50, "100h", maxDuration="200h"), stage(100))
ALWAYS_PROMOTING = {"onInconclusive": "Promote"}


@contextmanager
def world(raw: dict[str, Any]) -> Iterator[Simulation]:
    sim = Simulation(raw)
    try:
        yield sim
    finally:
        sim.close()


def planned(stages: Stages, **fields: Any) -> dict[str, Any]:
    return raw_spec(*stages, **fields)


@FEW
@given(PLANS, moves(), st.integers(0, 4), moves("pause", "a model fails", "seldon", "kill at a write", most=5))
def test_invariant_01_a_fail_brings_the_candidate_to_weight_0_from_every_state(
    stages: Stages, history: list[Move], fuse: int, trouble: list[Move]
) -> None:
    with world(planned(stages)) as sim:
        play(sim, history)
        _settle(sim)
        attempt, began = sim.status.attempt, sim.status.outcome
        sim.prometheus.is_down, sim.prometheus.forced = False, (10_000, 9_000, 0)
        play(sim, trouble)
        sim.api.fuse = fuse
        for _ in range(6):
            sim.run(31)

        if sim.status.stage is not None and began is not Outcome.PROMOTED and sim.status.attempt == attempt:
            assert sim.status.outcome is Outcome.ROLLED_BACK
        assert sim.weight == 0 or sim.status.outcome is Outcome.PROMOTED


@FEW
@given(PLANS, moves())
def test_invariant_02_nothing_reaches_100_without_evidence(stages: Stages, history: list[Move]) -> None:
    """To pass at alpha 5 % with a floor of 0.5 % a candidate without errors must have answered 600 requests."""

    def check(sim: Simulation) -> None:
        status = sim.status
        if sim.is_spec_broken:
            return  # the plan that is followed then is another than the declared one
        if status.outcome is None and status.stage and status.stage.index + 1 == len(api_spec.parse(sim.raw).stages):
            until = status.last_look_at or 0.0
            answered = sim.counters.between(CANDIDATE, NOW, until)[0]
            assert _is_overridden(status) or answered >= 600

    with world(planned(stages)) as sim:
        sim.per_second = 5.0  # so few that soak alone is long over before there is evidence
        play(sim, history, check)
        heal(sim)
        for _ in range(20):
            run_led(sim)
            check(sim)


@FEW
@given(PLANS, moves(*TROUBLE, "guardrails", "pause", "delete the experiment"))
def test_invariant_02_a_candidate_that_always_errs_never_reaches_100(stages: Stages, history: list[Move]) -> None:
    with world(planned(stages)) as sim:
        sim.error_rate = 0.5
        play(sim, history, lambda sim: _never_wanted(sim, 100))
        heal(sim)
        for _ in range(12):
            run_led(sim)

        assert sim.status.outcome is Outcome.ROLLED_BACK
        assert sim.weight == 0


@settings(max_examples=settings().max_examples // 5)
@given(st.sampled_from(STAGES), st.integers(0, 12), st.integers(1, 12), st.sampled_from(["Hold", "Pause"]))
def test_invariant_03_an_outage_is_neither_guilt_nor_a_pass(
    stages: Stages, before: int, lasting: int, on_no_data: str
) -> None:
    raw = planned(stages, analysis={"onNoData": on_no_data, "noDataDeadline": "1m"})
    with world(raw) as dark, world(raw) as bright:
        for step in range(before + lasting + 30):
            dark.prometheus.is_down = before <= step < before + lasting
            dark.run(31)
            bright.run(31)
            assert _progress(dark) <= _progress(bright)
            assert dark.status.outcome is not Outcome.ROLLED_BACK

        assert dark.status.outcome is bright.status.outcome is Outcome.PROMOTED


@FEW
@given(
    moves(
        "run",
        "run on",
        "come again",
        "restart",
        "kill at a write",
        "sleep",
        "outage",
        "pause",
        "a model fails",
        "a model is back",
        "hold by hand",
        "let go",
    )
)
def test_invariant_04_soak_is_never_longer_than_the_operator_looked(history: list[Move]) -> None:
    awake = 0.0
    with world(LONG) as sim:
        for name, value in history:
            before, was = sim.now, sim.status
            play(sim, [(name, value)])
            if was.stage and sim.status.stage and was.pause and was.pause == sim.status.pause:
                assert sim.status.stage.soaked_seconds == was.stage.soaked_seconds
            awake += INTERVAL if name == "sleep" else sim.now - before
            soaked = sim.status.stage.soaked_seconds if sim.status.stage else 0.0
            assert soaked <= awake
            assert soaked <= sim.status.looks * INTERVAL


@FEW
@given(
    moves(
        *TROUBLE,
        *("pause", "delete the experiment", "a model fails", "a model is back", "error rate"),
        *("hold by hand", "let go"),
    )
)
def test_invariant_05_every_request_is_counted_once_whatever_dies_meanwhile(history: list[Move]) -> None:
    with world(LONG | {"analysis": {"alpha": "0.0001%"}, "guardrails": [ERRORS | {"action": "Pause"}]}) as sim:
        while sim.status.stage is None:
            sim.run(5)
        first = sim.status.last_look_at
        play(sim, [*history, ("run on", 0.0)])
        heal(sim)
        for _ in range(6):
            sim.run(31)

        status = sim.status
        assert first is not None
        assert status.last_look_at is not None
        counted = engine.unpack(status.engine[0])[1].seen
        truth = [sim.counters.between(name, first, status.last_look_at) for name in (CANDIDATE, BASELINE)]
        assert float(counted.candidate_total[0, 0]) == pytest.approx(truth[0][0], rel=1e-5, abs=1)
        assert float(counted.candidate_events[0, 0]) == pytest.approx(truth[0][1], rel=1e-5, abs=1)
        assert float(counted.baseline_total[0, 0]) == pytest.approx(truth[1][0], rel=1e-5, abs=1)


@FEW
@given(PLANS, moves("run", "run on", "restart"), moves(*SPEC_EDITS, most=4), st.booleans())
def test_invariant_07_a_stale_leader_cannot_write(
    stages: Stages, history: list[Move], meanwhile: list[Move], as_before: bool
) -> None:
    """The old leader is held up between its status and its patch; a new one goes on and has finished by then.

    `as_before`: the weights that the old one read have come back, so only fence and generation can tell.
    """
    found: list[object] = []

    async def overtake() -> None:
        old = sim.controller
        sim.restart()
        for name, value in meanwhile:
            MOVES[name](sim, value)
        for _ in range(6):
            await _quietly(sim)
            sim.pass_time(11)
        if as_before:
            sim.set_weights(1, 2)
        sim.controller = old
        found.append(sim.experiment)

    with world(planned(stages)) as sim:
        sim.run(31)
        play(sim, history)
        sim.set_weights(1, 2)
        sim.api.before_patch = overtake
        sim.reconcile()

        assert [sim.experiment] == found


def test_invariant_07_the_write_of_an_attempt_that_was_superseded_meanwhile_is_refused() -> None:
    async def overtake() -> None:
        old = sim.controller
        sim.restart()
        sim.set_model(CANDIDATE, is_ready=False, version="newest")
        for _ in range(3):
            await _quietly(sim)
        sim.controller = old

    with world(planned(STAGES[0])) as sim:
        sim.reconcile()
        sim.pass_time(1)
        sim.api.before_patch = overtake  # the write that begins stage 1
        sim.reconcile()
        sim.reconcile()

        assert sim.status.attempt == 2
        assert sim.weight == 0


@FEW
@given(PLANS, moves())
def test_invariant_09_and_14_nothing_is_written_that_seldon_would_refuse(stages: Stages, history: list[Move]) -> None:
    with world(planned(stages, analysis=ALWAYS_PROMOTING)) as sim:
        play(sim, history)  # the played API server raises Refused
        heal(sim)
        sim.run(31)


@FEW
@given(PLANS, moves(most=18))
def test_invariant_10_weights_are_in_force_only_after_seldon_took_them_up_or_a_deadline(
    stages: Stages, history: list[Move]
) -> None:
    def check(sim: Simulation) -> None:
        traffic, found = sim.status.traffic, sim.experiment
        if found is None or traffic.applied_at != sim.now or traffic.written_at is None:
            return
        waited = sim.now - traffic.written_at >= steering.APPLY_DEADLINE_SECONDS
        assert waited or (found["metadata"]["uid"], found["metadata"]["generation"]) in sim.flaps

    with world(planned(stages)) as sim:
        play(sim, history, check)


@pytest.mark.parametrize("stages", STAGES[:1] + STAGES[2:])
def test_invariant_10_a_split_that_never_comes_is_written_again_and_then_held(stages: Stages) -> None:
    with world(planned(stages)) as sim:
        sim.seldon = "away"
        for _ in range(12):
            sim.run(31)

        assert sim.status.stage is None or sim.status.stage.index == 0
        assert sim.status.outcome is None


def test_invariant_10_a_refused_route_is_pushed_again_by_other_numbers() -> None:
    with world(planned(STAGES[0])) as sim:
        sim.run(31)
        sim.seldon = "deaf"
        for _ in range(25):
            sim.run(31)

        assert "SplitNotAsWritten" in [reason for reason, _ in sim.api.events]
        assert sim.status.outcome is Outcome.PROMOTED


@FEW
@given(PLANS, moves(), moves(*DETOURS, most=8), st.sampled_from(["talks", "silent", "deaf"]))
def test_invariant_10_a_rollback_reaches_the_clients_or_is_said_not_to(
    stages: Stages, history: list[Move], detours: list[Move], seldon: str
) -> None:
    """A proxy that refuses the weights takes them in other numbers; one that was gone takes them when it is back."""
    with world(planned(stages)) as sim:
        sim.error_rate = 0.5
        play(sim, [*history, *detours], _agrees_with_clients)
        heal(sim)
        sim.error_rate, sim.seldon = 0.5, seldon
        for _ in range(15):
            sim.run(31)
            _agrees_with_clients(sim)

        if sim.status.outcome is Outcome.ROLLED_BACK:
            assert sim.candidate_share == 0
            assert (sim.status.phase, _synced(sim)) == (Phase.DEGRADED, "True")
            assert sim.status.look_due_at is None


@pytest.mark.parametrize("pinned", [0.0, 0.1])
def test_invariant_10_a_rollback_that_never_comes_is_said_and_written_once_more_and_no_more(pinned: float) -> None:
    with world(LONG) as sim:
        _run_to_weight(sim, 50)
        sim.seldon, sim.error_rate, sim.pinned = "away", 0.5, pinned
        for _ in range(12):
            sim.run(31)
        writes = sim.api.writes
        for _ in range(40):
            sim.run(31)

        assert (sim.status.outcome, sim.weight, _synced(sim)) == (Outcome.ROLLED_BACK, 0, "False")
        assert [reason for reason, _ in sim.api.events].count("SplitNotAsWritten") == 2
        assert sim.api.writes == writes
        sim.seldon = "talks"
        for _ in range(3):
            sim.run(31)
        assert (sim.status.phase, _synced(sim), sim.status.look_due_at) == (Phase.DEGRADED, "True", None)


def test_invariant_01_and_03_a_rollback_in_an_outage_is_written_and_not_called_confirmed() -> None:
    with world(LONG | {"analysis": {"onNoData": "Rollback", "noDataDeadline": "1m"}}) as sim:
        _run_to_weight(sim, 50)
        sim.prometheus.is_down = True
        for _ in range(10):
            sim.run(31)
        writes = sim.api.writes
        for _ in range(40):
            sim.run(31)

        assert (sim.status.outcome, sim.weight, sim.candidate_share) == (Outcome.ROLLED_BACK, 0, 0.0)
        assert (sim.status.phase, _synced(sim), sim.api.writes) == (Phase.DEGRADED, "Unknown", writes)
        sim.prometheus.is_down = False
        for _ in range(3):
            sim.run(31)
        assert (sim.status.phase, _synced(sim), sim.status.look_due_at) == (Phase.DEGRADED, "True", None)


@FEW
@given(PLANS, moves())
def test_invariant_12_coming_again_to_an_unchanged_world_writes_nothing(stages: Stages, history: list[Move]) -> None:
    def check(sim: Simulation) -> None:
        sim.api.fuse = None
        for _ in range(4):
            sim.reconcile()
        before, writes, told = sim.rollout, sim.api.writes, len(sim.api.events)
        if not _waits_for_the_clock(sim):
            sim.counters.pass_time(1.0, {})
            sim.now += 1.0
        sim.reconcile()
        assert (sim.api.writes, len(sim.api.events)) == (writes, told)
        assert sim.rollout == before

    with world(planned(stages)) as sim:
        play(sim, history, check)


@FEW
@given(PLANS, moves(), st.integers(0, 3))
def test_invariant_13_after_a_deletion_nothing_points_at_the_candidate(
    stages: Stages, history: list[Move], fuse: int
) -> None:
    with world(planned(stages)) as sim:
        play(sim, history)
        sim.api.fuse = fuse
        sim.release()

        assert sim.weight == 0


@FEW
@given(PLANS, moves(), st.sampled_from([BASELINE, CANDIDATE]), st.integers(1, 6))
def test_invariant_15_a_new_version_begins_a_new_attempt_from_0_and_loading_is_no_soak(
    stages: Stages, history: list[Move], name: str, loading: int
) -> None:
    with world(planned(stages)) as sim:
        play(sim, history)
        heal(sim)
        sim.run(31)
        attempt = sim.status.attempt
        sim.set_model(name, is_ready=False, version="newest")
        for _ in range(loading):
            sim.run(31)
            assert sim.weight == 0
            assert sim.status.stage is None

        assert sim.status.attempt == attempt + 1
        assert sim.status.traffic.wanted[1].weight == 0


@FEW
@given(
    LEADS_ON,
    moves(
        *TROUBLE,
        *("pause", "a model fails", "a model is back", "delete the experiment"),
        *("hold by hand", "let go", "approve"),
    ),
)
def test_a_healthy_candidate_is_promoted_whatever_happened_on_the_way(stages: Stages, history: list[Move]) -> None:
    with world(planned(stages)) as sim:
        play(sim, history)
        heal(sim)
        for _ in range(25):
            run_led(sim)

        assert sim.status.outcome is Outcome.PROMOTED
        assert sim.weight == 100


@FEW
@given(PLANS, moves(), st.sampled_from(["", "outage", "a model fails", "a spec that is not valid"]), st.integers(0, 3))
def test_an_abort_brings_the_candidate_to_weight_0_from_every_state(
    stages: Stages, history: list[Move], trouble: str, fuse: int
) -> None:
    """Within five seconds, with the operator killed at a write and whatever is wrong with the rest of the world."""
    with world(planned(stages)) as sim:
        sim.run(31)
        play(sim, [*history, *([(trouble, 1.0)] if trouble else [])])
        sim.api.fuse = fuse
        say(sim, "abort")
        for _ in range(8):
            sim.reconcile()
            sim.pass_time(0.5)

        assert sim.weight == 0
        assert sim.status.outcome is Outcome.ROLLED_BACK
        assert sim.status.pause is None
        sim.run(31)
        assert sim.weight == 0


@FEW
@given(PLANS, moves("tell", "kill at a write", "restart", "change leaders", "run on", "approve", "stages", most=25))
def test_a_token_acts_at_most_once_whatever_dies_meanwhile(stages: Stages, history: list[Move]) -> None:
    acted: list[HandledAction] = []

    def note(sim: Simulation) -> None:
        newest = sim.status.last_handled_action
        if newest is not None and newest.result is Result.DONE and newest not in acted:
            acted.append(newest)

    with world(planned(stages)) as sim:
        sim.run(31)
        play(sim, history, note)
        _settle(sim)
        note(sim)

    tokens = [one.token for one in acted]
    assert len(tokens) == len(set(tokens))


@FEW
@given(
    PLANS,
    moves(),
    st.sampled_from(["approve@{used}", "abort@{used}", "skip@x?attempt=99", "promote@x?stage=17", "abort", "stop@x"]),
)
def test_an_order_that_is_stale_or_unknown_changes_nothing_and_is_answered(
    stages: Stages, history: list[Move], text: str
) -> None:
    with world(planned(stages)) as sim:
        sim.run(31)
        play(sim, history)
        say(sim, "pause")
        _settle(sim)
        before, experiment, told = sim.status, sim.experiment, len(sim.api.events)
        answered = before.last_handled_action
        assert answered is not None
        sim.tell(text.format(used=answered.token))
        _settle(sim)

        after = sim.status
        assert after.last_handled_action is not None
        assert after.last_handled_action.result is Result.REFUSED
        assert _without_answer(after) == _without_answer(before)
        assert sim.experiment == experiment
        assert [reason for reason, _ in sim.api.events[told:]] == [Reason.ACTION_REFUSED]


@FEW
@given(PLANS, moves())
def test_no_weight_rises_while_somebody_holds_the_rollout(stages: Stages, history: list[Move]) -> None:
    last: list[RolloutStatus] = [RolloutStatus()]

    def check(sim: Simulation) -> None:
        before, now = last[0], sim.status
        if before.pause is not None and before.pause == now.pause:
            assert _wanted(now) <= _wanted(before)
        last[0] = now

    with world(planned(stages)) as sim:
        play(sim, history, check)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _never_wanted(sim: Simulation, weight: int) -> None:
    assert sim.status.traffic.wanted == [] or sim.status.traffic.wanted[1].weight != weight


def _settle(sim: Simulation) -> None:
    """Until everything that can be decided now was decided."""
    sim.api.fuse = None
    for _ in range(5):
        sim.reconcile()


def _is_overridden(status: RolloutStatus) -> bool:
    """Whether the history says on whose word, or by which default, the candidate got everything."""
    by_hand = {Reason.SKIPPED, Reason.PROMOTED_BY_HAND}
    mine = [entry for entry in status.history if entry.attempt == status.attempt and entry.weight == 100]
    return any((entry.reason in by_hand and entry.by) or "without a Pass" in entry.message for entry in mine)


def _without_answer(status: RolloutStatus) -> RolloutStatus:
    return status.model_copy(update={"last_handled_action": None, "used_tokens": []})


def _wanted(status: RolloutStatus) -> int:
    return sum(share.weight for share in status.traffic.wanted[1:])


def _progress(sim: Simulation) -> int:
    status = sim.status
    if status.outcome is Outcome.PROMOTED:
        return 100
    return status.stage.index if status.stage else -1


def _synced(sim: Simulation) -> str:
    """What condition TrafficSynced says."""
    return next(one.status for one in sim.status.conditions if one.type == "TrafficSynced")


def _agrees_with_clients(sim: Simulation) -> None:
    """After an outcome traffic is called synced only when clients' requests are."""
    if sim.status.outcome is Outcome.ROLLED_BACK and _synced(sim) == "True":
        assert sim.candidate_share == 0


def _run_to_weight(sim: Simulation, weight: int) -> None:
    """Until clients' requests are split so, and looks have counted them."""
    for _ in range(6):
        sim.run(31)
    assert sim.candidate_share == weight / 100


def _waits_for_the_clock(sim: Simulation) -> bool:
    """Whether the next second may rightly change the status: a look or a deadline is due."""
    status = sim.status
    if status.outcome is not None and status.look_due_at is not None:
        return True
    clocks = [status.look_due_at, status.stage.expires_at if status.stage else None]
    due = any(clock is not None and clock <= sim.now + 1 for clock in clocks)
    return due or status.no_data_since is not None or status.traffic.applied_at is None


async def _quietly(sim: Simulation) -> None:
    try:
        await sim.controller.reconcile(KEY)
    except errors.RolloutError:
        return
