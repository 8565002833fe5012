"""The election, decided by what was read and when it was seen. Pure: every time is this replica's own monotonic clock.

What keeps two replicas from being certain at once: a renewal counts from when it was sent, a sight of it from when its
answer came. So what another replica sees is never older for it than for the one that renewed, and it waits longer
(LEASE_SECONDS) than that one stays certain (GIVE_UP_SECONDS). Clocks may be set apart as far as they like, as long as
they run about equally fast: the gap of three seconds in eight allows one of them to run half as fast again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

LEASE_SECONDS = 8  # how long others wait after the last change that they saw
RENEW_SECONDS = 2.0
GIVE_UP_SECONDS = 5.0  # without a good renewal for so long, the leader stops
LOOK_SECONDS = 1.0  # how often those who wait look
RETRY_SECONDS = 0.5  # after a call that failed
CALL_SECONDS = 1.5  # one renewal that hangs leaves time for another


@dataclass(frozen=True)
class Lease:
    """The Lease as it was read."""

    version: str
    holder: str = ""
    """Identity of the replica that leads; empty: it was given back, or never taken."""
    seconds: float = LEASE_SECONDS
    transitions: int = 0
    found: dict[str, Any] = field(default_factory=dict, compare=False)
    """The object itself, for writing it back whole."""


@dataclass(frozen=True)
class Known:
    """All that one replica knows. `None` for a time: it has not happened."""

    me: str
    lease: Lease | None = None
    """None: there is no Lease, or nobody has looked yet."""
    since: float | None = None
    """When this replica first saw the Lease, or its absence, as it is now."""
    looked_at: float | None = None
    """When it last looked; None also when it knows that somebody else wrote since."""
    renewed_at: float | None = None
    """When it sent the newest of its own writes that is known to have been taken; None unless it leads."""
    wait_until: float = float("-inf")
    """No call before this time, because the last one failed."""


@dataclass(frozen=True)
class Look:
    """Read the Lease."""


@dataclass(frozen=True)
class Write:
    """Take the Lease, or renew it: if it still is what was read."""


@dataclass(frozen=True)
class Wait:
    """Do nothing before this time."""

    until: float


@dataclass(frozen=True)
class StepDown:
    """This replica led and does no more. `why` is for people."""

    why: str


Step = Look | Write | Wait | StepDown


def next_step(known: Known, now: float) -> Step:
    """What this replica does now."""
    if known.renewed_at is None:
        return _step_of_another(known, now)
    lost = _why_lost(known, now)
    return StepDown(lost) if lost else _step_of_the_leader(known, known.renewed_at, now)


def is_certain(known: Known, now: float) -> bool:
    """True when no other replica can lead now."""
    return known.renewed_at is not None and not _why_lost(known, now)


def _why_lost(known: Known, now: float) -> str:
    if known.lease is not None and known.lease.holder != known.me:
        return f"{known.lease.holder or 'nobody'} holds the Lease now"
    if known.renewed_at is None or now - known.renewed_at >= GIVE_UP_SECONDS:
        return f"the Lease could not be renewed for {GIVE_UP_SECONDS:g} s"
    return ""


def _step_of_the_leader(known: Known, renewed_at: float, now: float) -> Step:
    if now < known.wait_until:
        return Wait(min(known.wait_until, renewed_at + GIVE_UP_SECONDS))
    if known.looked_at is None:
        return Look()
    due = renewed_at + RENEW_SECONDS
    return Write() if now >= due else Wait(due)


def _step_of_another(known: Known, now: float) -> Step:
    if now < known.wait_until:
        return Wait(known.wait_until)
    if known.looked_at is None:
        return Look()
    free_at = _free_at(known)
    if now >= free_at:
        return Write()
    look_at = known.looked_at + LOOK_SECONDS
    return Look() if now >= look_at else Wait(min(look_at, free_at))


def _free_at(known: Known) -> float:
    """From when on this replica may take the Lease. A write of its own whose answer was lost makes it its own."""
    if known.since is None or (known.lease is not None and known.lease.holder in ("", known.me)):
        return float("-inf")
    return known.since + (known.lease.seconds if known.lease else LEASE_SECONDS)


def looked(known: Known, found: Lease | None, now: float) -> Known:
    """After a look whose answer came at `now`.

    Of a Lease that vanished (somebody deleted it) the holder may still be certain, so its absence counts like a
    holder. Where there was none at the first look, there is nobody to wait for.
    """
    if found is None and known.since is None:
        return replace(known, looked_at=now)
    since = known.since if found == known.lease and known.since is not None else now
    return replace(known, lease=found, since=since, looked_at=now)


def wrote(known: Known, taken: Lease, sent_at: float, now: float) -> Known:
    """After a write that was sent at `sent_at` and whose good answer came at `now`: this replica leads."""
    return replace(known, lease=taken, since=now, looked_at=now, renewed_at=sent_at, wait_until=float("-inf"))


def contradicted(known: Known, now: float) -> Known:
    """After a write that was refused because somebody wrote first, perhaps this replica itself: look again."""
    return replace(known, looked_at=None, wait_until=now + RETRY_SECONDS)


def failed(known: Known, now: float) -> Known:
    """After a call without a usable answer. If it was taken after all, the next write is refused and tells."""
    return replace(known, wait_until=now + RETRY_SECONDS)


def longest_call(known: Known, now: float) -> float:
    """How long a call may take (seconds): a leader must not wait for one beyond the time when it gives up."""
    if known.renewed_at is None:
        return CALL_SECONDS
    return min(CALL_SECONDS, max(0.0, known.renewed_at + GIVE_UP_SECONDS - now))
