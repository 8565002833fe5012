import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelrollout.plan import grid

NOWS = st.integers(1_600_000_000_000, 2_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
INTERVALS = st.sampled_from([0.5, 1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 3600.0])
UIDS = st.uuids().map(str)


@given(NOWS, INTERVALS, UIDS)
def test_now_lies_between_two_neighbouring_ticks(now: float, interval: float, uid: str) -> None:
    before, after = grid.tick_at_or_before(now, interval, uid), grid.next_tick(now, interval, uid)

    assert before <= now < after
    assert after - before == pytest.approx(interval, abs=1e-6)


@given(NOWS, INTERVALS, UIDS)
def test_a_tick_is_its_own_last_tick_and_not_its_own_next(now: float, interval: float, uid: str) -> None:
    tick = grid.tick_at_or_before(now, interval, uid)

    assert grid.tick_at_or_before(tick, interval, uid) == tick
    assert grid.tick_at_or_before(grid.next_tick(tick, interval, uid), interval, uid) != tick


@given(NOWS, st.floats(0, 20), INTERVALS, UIDS, UIDS)
def test_rollouts_of_one_phase_share_the_very_same_ticks(
    now: float, later: float, interval: float, uid: str, other: str
) -> None:
    if grid.phase(uid) == grid.phase(other) and now + later < grid.next_tick(now, interval, uid):
        assert grid.next_tick(now, interval, uid) == grid.next_tick(now + later, interval, other)


def test_six_phases_carry_a_fair_share_of_rollouts_each() -> None:
    phases = [grid.phase(str(uuid.UUID(int=number * 2**64 + 7 * number))) for number in range(600)]

    shares = [phases.count(phase) for phase in range(grid.PHASES)]
    assert sum(shares) == 600
    assert min(shares) > 60
    assert max(shares) < 150


def test_the_phase_of_a_uid_is_the_same_in_every_process() -> None:
    assert grid.phase("0c2f9f4e-6a55-4b6e-9f0a-1d3b5a7c9e10") == 4
    assert grid.next_tick(1_700_000_000.0, 30.0, "0c2f9f4e-6a55-4b6e-9f0a-1d3b5a7c9e10") == 1_700_000_030.0


def test_each_of_five_looks_ends_the_round_of_a_fair_share_of_rollouts() -> None:
    uids = [str(uuid.UUID(int=number * 2**64 + 7 * number)) for number in range(600)]
    ends = {look: [uid for uid in uids if grid.rounds(look, uid) > grid.rounds(look - 1, uid)] for look in range(1, 11)}

    assert all(sorted(ends[look]) == sorted(ends[look + 5]) for look in range(1, 6))
    assert sorted(uid for look in range(1, 6) for uid in ends[look]) == sorted(uids)
    together = [sum(grid.phase(uid) == phase for uid in ends[look]) for look in range(1, 6) for phase in range(6)]
    assert min(together) > 5
    assert max(together) < 40


def test_a_look_lies_one_scrape_and_one_flush_behind_its_tick() -> None:
    assert grid.evaluation_time(1_700_000_010.0, scrape_seconds=15) == 1_699_999_990.0


@pytest.mark.parametrize("interval", [0.0, -30.0, float("nan")])
def test_an_interval_that_is_none_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="at least 1 ms"):
        grid.next_tick(1_700_000_000.0, interval, "uid")


@given(now=st.floats(1.7e9, 1.9e9), interval=st.sampled_from([1.0, 2.0, 10.0, 30.0, 60.0]), uid=st.uuids().map(str))
def test_evidence_begins_at_an_evaluation_time_that_later_ticks_continue(now: float, interval: float, uid: str) -> None:
    begins = grid.newest_evaluation(now, interval, uid, 15.0)

    following = grid.evaluation_time(grid.next_tick(begins + grid.lag_seconds(15.0), interval, uid), 15.0)

    assert now - interval - 0.002 < begins <= now
    assert following == round(begins + interval, 3)
