"""What a run comes to, counted while it lasts, however many answers it has."""

from __future__ import annotations

from collections import Counter

from e2e.traffic.labels import Teller
from e2e.traffic.records import NO_ANSWER, Answer, Outcome


class Tally:
    """Watches traffic; may be read at any time."""

    def __init__(self) -> None:
        self.requests = 0
        """That were answered, or that will not be."""
        self.labels = 0
        self.failed: Counter[int] = Counter()
        """Requests that a client would complain about, by code."""
        self.swallowed: Counter[int] = Counter()
        """Nonsense that was not refused, by code."""

    def answered(self, answer: Answer) -> None:
        """One more answer."""
        self.requests += 1
        if answer.is_garbage and not answer.is_refused:
            self.swallowed[answer.code] += 1
        elif not answer.is_garbage and not answer.is_ok:
            self.failed[answer.code] += 1

    def told(self, outcome: Outcome) -> None:  # noqa: ARG002  # only how many there are counts here
        """One more label."""
        self.labels += 1


def complaints(tally: Tally, teller: Teller | None) -> list[str]:
    """What went wrong that should not have, a sentence each."""
    said = []
    if not tally.requests:
        said.append("Nothing was sent.")
    if tally.failed:
        said.append(f"{tally.failed.total():,} of {tally.requests:,} requests failed: {_by_code(tally.failed)}.")
    if tally.swallowed:
        said.append(
            f"{tally.swallowed.total():,} of the nonsense was not refused with 4xx: {_by_code(tally.swallowed)}."
        )
    if teller and teller.refused:
        said.append(f"The feedback model refused labels: {teller.refused[0]}")
    if teller and teller.given_up:
        said.append(f"{teller.given_up:,} labels could not be told: no answer, or none that counts, came in time.")
    return said


def _by_code(codes: Counter[int]) -> str:
    return ", ".join(
        f"{count:,} {'without an answer' if code == NO_ANSWER else f'with code {code}'}"
        for code, count in codes.most_common()
    )
