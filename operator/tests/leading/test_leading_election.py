"""Who leads, decided from what was read and when: the rules one by one, and any two replicas in a bad world."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelrollout.leading import election
from modelrollout.leading.election import (
    GIVE_UP_SECONDS,
    LEASE_SECONDS,
    LOOK_SECONDS,
    RENEW_SECONDS,
    RETRY_SECONDS,
    Known,
    Lease,
    Look,
    StepDown,
    Wait,
    Write,
)

THEIRS = Lease("1", "other", LEASE_SECONDS, 3)


def test_who_knows_nothing_looks_first() -> None:
    assert election.next_step(Known("me"), 0.0) == Look()


def test_a_lease_that_nobody_made_is_taken_at_once() -> None:
    known = election.looked(Known("me"), None, 0.0)

    assert election.next_step(known, 0.0) == Write()


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    known = election.looked(Known("me"), Lease("1"), 0.0)

    assert election.next_step(known, 0.0) == Write()


def test_a_lease_whose_holder_renews_is_never_taken() -> None:
    known = Known("me")
    for second in range(60):
        known = election.looked(known, Lease(str(second // 2), "other"), float(second))
        assert election.next_step(known, float(second)) == Wait(second + LOOK_SECONDS)


def test_a_lease_is_taken_when_it_was_seen_unchanged_for_as_long_as_it_says() -> None:
    known = election.looked(Known("me"), replace(THEIRS, seconds=3.5), 10.0)
    known = election.looked(known, replace(THEIRS, seconds=3.5), 13.0)

    assert election.next_step(known, 13.0) == Wait(13.5)
    assert election.next_step(known, 13.5) == Write()


def test_a_lease_that_somebody_deleted_is_not_taken_before_its_holder_must_have_stopped() -> None:
    known = election.looked(election.looked(Known("me"), THEIRS, 0.0), None, 1.0)

    assert election.next_step(known, 1.0) == Wait(1.0 + LOOK_SECONDS)
    assert election.next_step(known, 1.0 + LEASE_SECONDS) == Write()


def test_an_answer_that_was_lost_does_not_lose_the_lease() -> None:
    known = election.failed(election.looked(Known("me"), None, 0.0), 1.5)
    known = election.contradicted(known, 2.0)
    known = election.looked(known, Lease("1", "me"), 2.6)

    assert not election.is_certain(known, 2.6)  # nobody knows when it was written
    assert election.next_step(known, 2.6) == Write()


def test_the_leader_renews_in_time_and_stays_certain() -> None:
    known = election.wrote(Known("me"), Lease("1", "me"), sent_at=10.0, now=10.4)

    assert election.next_step(known, 10.4) == Wait(10.0 + RENEW_SECONDS)
    assert election.next_step(known, 12.0) == Write()
    assert election.is_certain(known, 10.0 + GIVE_UP_SECONDS - 0.01)


def test_the_leader_whose_renewals_fail_stops_before_anybody_else_may_begin() -> None:
    known = election.failed(election.wrote(Known("me"), Lease("1", "me"), sent_at=10.0, now=10.4), 14.8)

    assert election.next_step(known, 14.8) == Wait(15.0)
    assert election.longest_call(known, 14.8) == pytest.approx(0.2)
    assert election.next_step(known, 15.0) == StepDown("the Lease could not be renewed for 5 s")
    assert not election.is_certain(known, 15.0)


def test_the_leader_that_sees_another_holder_stops_at_once() -> None:
    leading = election.wrote(Known("me"), Lease("1", "me"), sent_at=10.0, now=10.4)
    known = election.looked(election.contradicted(leading, 12.0), THEIRS, 12.5)

    assert election.next_step(known, 12.5) == StepDown("other holds the Lease now")
    assert not election.is_certain(known, 12.5)


def test_a_refused_write_is_followed_by_a_pause_and_a_look() -> None:
    known = election.contradicted(election.looked(Known("me"), None, 0.0), 1.0)

    assert election.next_step(known, 1.0) == Wait(1.0 + RETRY_SECONDS)
    assert election.next_step(known, 1.0 + RETRY_SECONDS) == Look()


# -- any two replicas in a bad world


@dataclass
class Server:
    """What the API server keeps, by compare-and-swap."""

    lease: Lease | None = None
    versions: itertools.count[int] = field(default_factory=itertools.count)

    def take(self, read: Lease | None, me: str) -> Lease | None:
        """The Lease as written; None when it no longer is what was read."""
        if read != self.lease:
            return None
        before = self.lease or Lease("")
        transitions = before.transitions + (before.holder != me)
        self.lease = Lease(str(next(self.versions)), me, LEASE_SECONDS, transitions)
        return self.lease


@dataclass(frozen=True)
class Call:
    """How one call fares: seconds there and back, and whether it or its answer is lost on the way."""

    there: float
    back: float
    lost: str


@dataclass
class Replica:
    """One replica with a clock of its own, which starts anywhere and runs a little fast or slow."""

    known: Known
    offset: float
    rate: float
    trouble: str
    """What happens for a while: "stopped" (the process does nothing), "request" or "answer" (all are lost)."""
    begins: float
    lasts: float

    def clock(self, true: float) -> float:
        return self.offset + self.rate * true

    def true(self, own: float) -> float:
        return (own - self.offset) / self.rate

    def when_it_runs(self, true: float) -> float:
        """A stopped process does nothing until it goes on; its clock runs all the while."""
        return self.begins + self.lasts if self.trouble == "stopped" and self._is_now(true) else true

    def loses(self, true: float) -> str:
        """What is lost of a call that is made now."""
        return self.trouble if self.trouble in ("request", "answer") and self._is_now(true) else ""

    def _is_now(self, true: float) -> bool:
        return self.begins <= true < self.begins + self.lasts


class World:
    """Virtual time. Plays the shell's part for every replica, by the same calls of `election`."""

    def __init__(self, replicas: list[Replica], calls: list[Call]) -> None:
        self.server = Server()
        self.replicas = replicas
        self.led: set[str] = set()
        self._calls = itertools.cycle(calls)
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        for replica in replicas:
            self._at(0.0, lambda now, one=replica: self._act(one, now))

    def run(self, seconds: float) -> None:
        while self._agenda and self._agenda[0][0] <= seconds:
            now, _, happen = heapq.heappop(self._agenda)
            happen(now)
            self.check(now)

    def check(self, now: float) -> None:
        certain = [one.known.me for one in self.replicas if election.is_certain(one.known, one.clock(now))]
        assert len(certain) < 2, f"{certain} are certain at {now}"
        self.led.update(certain)

    def _at(self, now: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (now, next(self._order), happen))

    def _act(self, replica: Replica, now: float) -> None:
        awake = replica.when_it_runs(now)
        if awake > now:
            self._at(awake, lambda then: self._act(replica, then))
            return
        step = election.next_step(replica.known, replica.clock(now))
        match step:
            case Wait():
                self._at(max(now, replica.true(step.until)) + 1e-9, lambda then: self._act(replica, then))
            case StepDown():  # the kubelet starts it anew, under another name
                replica.known = Known(replica.known.me + "+")
                self._at(now + 1.0, lambda then: self._act(replica, then))
            case _:
                self._call(replica, isinstance(step, Write), next(self._calls), now)

    def _call(self, replica: Replica, is_write: bool, call: Call, now: float) -> None:
        """The request arrives, even when the caller has stopped waiting; the answer comes, or the time is over."""
        read, me, sent_at = replica.known.lease, replica.known.me, replica.clock(now)
        answer: list[Lease | None] = []
        lost = call.lost or replica.loses(now)
        over = now + election.longest_call(replica.known, sent_at) / replica.rate

        def arrive(_: float) -> None:
            answer.append(self.server.take(read, me) if is_write else self.server.lease)

        def hear(then: float) -> None:
            if (awake := replica.when_it_runs(then)) > then:
                self._at(awake, hear)
                return
            self._hear(replica, is_write, answer if then <= over and not lost else [], sent_at, then)

        if lost != "request":
            self._at(now + call.there, arrive)
        self._at(min(over, now + call.there + call.back) if not lost else over, hear)

    def _hear(self, replica: Replica, is_write: bool, answer: list[Lease | None], sent_at: float, now: float) -> None:
        own = replica.clock(now)
        if not answer:
            replica.known = election.failed(replica.known, own)
        elif not is_write:
            replica.known = election.looked(replica.known, answer[0], own)
        elif answer[0] is None:
            replica.known = election.contradicted(replica.known, own)
        else:
            replica.known = election.wrote(replica.known, answer[0], sent_at, own)
        self._act(replica, now)


def calls(longest: float) -> st.SearchStrategy[list[Call]]:
    """Good calls mostly: a world where nothing ever works shows little."""
    delay = st.one_of(st.just(0.01), st.floats(0.001, longest))
    fate = st.sampled_from(["", "", "", "", "request", "answer"])
    return st.lists(st.builds(Call, delay, delay, fate), min_size=1, max_size=40)


def replicas(number: int) -> st.SearchStrategy[list[Replica]]:
    offset, rate = st.sampled_from([0.0, -1e5, 1e5]), st.sampled_from([0.9, 1.0, 1.1])
    trouble = st.sampled_from(["", "stopped", "request", "answer"])
    one = st.tuples(offset, rate, trouble, st.floats(0, 60), st.floats(3, 30))
    return st.lists(one, min_size=number, max_size=number).map(
        lambda drawn: [Replica(Known(f"r{index}"), *values) for index, values in enumerate(drawn)]
    )


@given(replicas(2), calls(longest=20.0))
def test_two_replicas_are_never_certain_at_once(two: list[Replica], fates: list[Call]) -> None:
    World(two, fates).run(120.0)


@given(replicas(3), calls(longest=0.2), st.floats(2, 60))
def test_somebody_leads_again_soon_after_the_leader_is_gone(
    three: list[Replica], fates: list[Call], death: float
) -> None:
    healthy = [replace(one, trouble="") for one in three]
    world = World(healthy, [replace(one, lost="") for one in fates])
    world.run(death)
    leader = next(one for one in healthy if election.is_certain(one.known, one.clock(death)))
    leader.trouble, leader.begins, leader.lasts = "stopped", death, 1e9
    world.led.clear()

    world.run(death + (LEASE_SECONDS + LOOK_SECONDS) / 0.9 + 2.0)

    assert world.led - {leader.known.me}
