"""What was judged is recorded so that it can be read again: entries only where looks began to go otherwise."""

from factories import NOW, SCRAPE, SINCE, look
from modelrollout.api.status import JudgedBlocks, Traffic
from modelrollout.plan import evidence, record


def judged(
    blocks: list[JudgedBlocks], since: float, seconds: float = 30.0, weight: int | None = 10
) -> list[JudgedBlocks]:
    return record.judged(blocks, look(since=since, seconds=seconds), weight)


def test_looks_that_go_on_alike_are_one_entry() -> None:
    blocks = record.opened([], 0, False, SINCE)
    for number in range(500):
        blocks = judged(blocks, SINCE + 30.0 * number)

    assert blocks == [JudgedBlocks(stage=0, since=SINCE, seconds=30.0, count=500, weight=10)]
    assert record.until(blocks[0]) == SINCE + 15_000


def test_another_length_another_weight_and_a_dropped_block_begin_new_entries() -> None:
    blocks = judged(record.opened([], 0, False, SINCE), SINCE, weight=None)
    blocks = judged(blocks, SINCE + 30)  # its weight is in force now
    blocks = judged(blocks, SINCE + 60, seconds=90)  # two looks found nothing
    blocks = judged(blocks, SINCE + 180)  # a block was dropped

    assert [(one.since - SINCE, one.seconds, one.count, one.weight) for one in blocks] == [
        (0, 30, 1, None),
        (30, 30, 1, 10),
        (60, 90, 1, 10),
        (180, 30, 1, 10),
    ]


def test_a_stage_begins_an_entry_with_its_gate() -> None:
    blocks = judged(record.opened([], 0, False, SINCE), SINCE)
    blocks = judged(record.opened(blocks, 1, True, SINCE + 30), SINCE + 30)

    assert blocks[1] == JudgedBlocks(stage=1, gate=True, since=SINCE + 30, seconds=30, count=1, weight=10)


def test_milliseconds_of_the_grid_stay_whole() -> None:
    blocks = record.opened([], 0, False, 1_700_000_000.333)
    for number in range(3000):
        start = round(1_700_000_000.333 + 2 * number, 3)
        blocks = judged(blocks, start, seconds=round(start + 2, 3) - start)

    assert len(blocks) == 1


def test_a_full_record_lacks_looks_and_never_ascribes_one_to_another_stage() -> None:
    blocks = record.opened([], 0, False, SINCE)
    for number in range(200):
        blocks = judged(blocks, SINCE + 100.0 * number)
    assert len(blocks) == record.MOST_ENTRIES
    for stage in range(1, 20):
        blocks = judged(record.opened(blocks, stage, True, SINCE), SINCE + 100_000 * stage)

    assert len(blocks) == record.MOST_ENTRIES + 19 <= 100
    assert sum(one.count for one in blocks) == record.MOST_ENTRIES + 19
    assert blocks[-1].since == SINCE + 1_900_000


def test_an_attempt_from_before_there_was_a_record_has_none() -> None:
    assert judged([], SINCE) == []


def test_a_weight_is_in_force_when_it_was_applied_before_anything_that_the_block_counts() -> None:
    def weight(applied_at: float | None) -> int | None:
        return evidence.weight_in_force(Traffic(candidate_weight=10, applied_at=applied_at), look(since=NOW), SCRAPE)

    oldest = NOW - SCRAPE - 5  # the last scrape before the block, of a histogram that was handed on just before it
    assert (weight(oldest - 1), weight(oldest), weight(oldest + 1), weight(NOW), weight(None)) == (
        10,
        10,
        None,
        None,
        None,
    )
