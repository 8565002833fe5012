"""Which blocks were judged, and how: what it takes to read them again later and come to the same evidence.

Where looks began to go otherwise than one interval after the other stands in no other place: a look that Prometheus
did not answer makes its block longer, weights come into force some time after a stage began.
"""

from collections.abc import Sequence

from modelrollout.api.status import JudgedBlocks
from modelrollout.plan.world import LookData

MOST_ENTRIES = 80  # about 7 kB; the status has room for 20 more, for the stages of the longest plan


def opened(blocks: Sequence[JudgedBlocks], stage: int, gate: bool, since: float) -> list[JudgedBlocks]:
    """The record when a stage begins whose first block starts at `since`."""
    return [*blocks, JudgedBlocks(stage=stage, gate=gate, since=since)]


def judged(blocks: Sequence[JudgedBlocks], look: LookData, weight: int | None) -> list[JudgedBlocks]:
    """The record after this look; weight is what was in force all through its block, None when it changed.

    A look that would need one entry too many is left out: then the counts no longer sum to the looks of the attempt.
    """
    if not blocks:
        return []  # an attempt that began before there was a record
    last, seconds = blocks[-1], round(look.until - look.since, 3)
    if last.count == 0:
        first = last.model_copy(update={"since": look.since, "seconds": seconds, "weight": weight, "count": 1})
        return [*blocks[:-1], first]
    if (look.since, seconds, weight) == (until(last), last.seconds, last.weight):
        return [*blocks[:-1], last.model_copy(update={"count": last.count + 1})]
    if len(blocks) >= MOST_ENTRIES:
        return list(blocks)
    return [*blocks, JudgedBlocks(stage=last.stage, since=look.since, seconds=seconds, count=1, weight=weight)]


def until(blocks: JudgedBlocks) -> float:
    """Where the last of them ends, Unix seconds."""
    return round(blocks.since + blocks.count * blocks.seconds, 3)
