"""When looks happen (pure): all looks of one interval share one grid on the wall clock, in six phases.

A shared grid makes the evaluation times, and so the queries, of rollouts that fall due together the same: they merge
into one. The phases, by uid, keep the burst of judging a sixth as large. Times are Unix seconds in whole
milliseconds, the precision of Prometheus: two rollouts that compute the same tick get the very same float.
"""

import math
import zlib

PHASES = 6
LOOKS_PER_ROUND = 5
# Envoy hands its histograms on every 5 s: before that a scrape shows requests whose latency is not there yet.
FLUSH_SECONDS = 5.0


def next_tick(now: float, interval_seconds: float, uid: str) -> float:
    """The first tick after `now`, never `now` itself."""
    return round(tick_at_or_before(now, interval_seconds, uid) + interval_seconds, 3)


def tick_at_or_before(now: float, interval_seconds: float, uid: str) -> float:
    """The last tick that is not after `now`."""
    interval = _milliseconds(interval_seconds)
    offset = interval * phase(uid) // PHASES
    # A microsecond more, so that a tick that is no round binary number is not floored to the millisecond before it.
    now_milliseconds = math.floor(now * 1000 + 0.001)
    return ((now_milliseconds - offset) // interval * interval + offset) / 1000


def phase(uid: str) -> int:
    """0 to 5."""
    return _number(uid) % PHASES


def rounds(looks: int, uid: str) -> int:
    """How many rounds of looks are over: what is dear is done once a round.

    Rollouts that began together end their rounds at different looks, so that not all do it at one tick.
    """
    return (looks + _number(uid) // PHASES % LOOKS_PER_ROUND) // LOOKS_PER_ROUND


def evaluation_time(tick: float, scrape_seconds: float) -> float:
    """What the look at `tick` looks at: so far back that every scrape up to there is in, with its histograms."""
    return round(tick - lag_seconds(scrape_seconds), 3)


def newest_evaluation(now: float, interval_seconds: float, uid: str, scrape_seconds: float) -> float:
    """The last evaluation time of the grid that is not after `now`."""
    tick = tick_at_or_before(now + lag_seconds(scrape_seconds), interval_seconds, uid)
    return evaluation_time(tick, scrape_seconds)


def lag_seconds(scrape_seconds: float) -> float:
    """How far a look lies behind its tick."""
    return scrape_seconds + FLUSH_SECONDS


def _number(uid: str) -> int:
    """The same for one uid in every process and for ever (Python's own hash changes with the process)."""
    return zlib.crc32(uid.encode())


def _milliseconds(seconds: float) -> int:
    if not seconds >= 0.001:
        raise ValueError(f"an interval must be at least 1 ms, not {seconds} s")
    return round(seconds * 1000)
