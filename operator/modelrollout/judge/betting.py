"""Bets on one share per look, for traffic whose requests hang together: sessions, retries, batches.

However alike the requests inside a look are, a look is one observation here. That costs speed and needs several looks.
"""

import numpy as np
from numpy.typing import NDArray

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.priors import SPREAD

STAKES: Floats = np.concatenate([[0.3], np.geomspace(0.01, 0.9, SPREAD)])
"""16 stakes in the order of `priors.WEIGHTS`. A stake c loses at most that part of its wealth in one look.

Which stake is best depends on how many events a look has. With half the weight on 0.3 no traffic that was simulated
(1 to 100 requests per second, shares of 5 to 50 %) waits more than 1.5 times as long as with its own best choice; with
less the noisy looks of few events decide sooner, with more the quiet ones do, which are fast anyway.
"""


def share_increments(
    candidate_events: Floats, baseline_events: Floats, candidate_share: Floats, stakes: Floats
) -> Floats:
    """dL_j = ln(1 + c_j (X - w)/w), X = s_c/(s_c + s_b), w = candidate_share; one per stake c_j on the last axis.

    Null: of the block's events each arm has its share of traffic, on average: X has mean at most w. That is so for
    alike arms when whole sessions are routed at random with the configured share w, however many events one session
    has. A share that changed inside the block, or that traffic does not keep to, breaks it: give NaN then.
    Events and candidate_share broadcast against the stakes ([runs, tests, 1]). Waudby-Smith and Ramdas 2024, applied
    to looks. Exactly 0 without events, and where the share is unknown (NaN) or leaves one arm without traffic.
    """
    both = candidate_events + baseline_events
    known = (both > 0) & (candidate_share > 0) & (candidate_share < 1)
    seen = candidate_events / np.where(both > 0, both, 1.0)
    return _bet(seen, np.where(known, candidate_share, 0.5), known, stakes)


def rate_increments(events: Floats, total: Floats, null: Floats, stakes: Floats) -> Floats:
    """dL_j = ln(1 + c_j (s/n - p0)/p0), one per stake c_j on the last axis; negative stakes bet on a lower rate.

    Null: given the past, the look's rate s/n has mean at most p0 (at least p0 for negative stakes, whose deviation is
    measured in 1 - p0 so that even a rate of 1 leaves some wealth). events and total are [runs, tests, 1], null is
    [tests, 1], in 0-1 exclusive. Waudby-Smith and Ramdas 2024, applied to looks. Exactly 0 without requests.
    """
    known = total > 0
    return _bet(events / np.where(known, total, 1.0), null, known, stakes)


def _bet(seen: Floats, mean: Floats, known: NDArray[np.bool_], stakes: Floats) -> Floats:
    """ln of the wealth factor of betting c that a value in 0-1 of at most (c > 0) or at least (c < 0) this mean is off.

    The factor is 1 + c (seen - mean)/room, room being how far a value can fall to the losing side: at least 1 - |c|.
    """
    room = np.where(stakes > 0, mean, 1 - mean)
    return floats(np.where(known, np.log1p(stakes * (seen - mean) / room), 0.0))
