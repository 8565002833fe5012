"""A decision in the making: handed from room to room, never changed in place."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from modelrollout.api.reasons import Reason
from modelrollout.api.status import HistoryEntry, RolloutStatus
from modelrollout.plan.actions import Action, Level, Notice

HISTORY_LENGTH = 20
LONGEST_SENTENCE = 1024  # more makes the API server refuse the whole status


@dataclass(frozen=True)
class Hold:
    """Why the rollout stays where it is. `stalled` means: nothing will change without a person."""

    reason: Reason
    message: str
    paused: bool = False
    stalled: bool = False


@dataclass(frozen=True)
class Draft:
    """Status so far, what shall be done, and why we stay (if we do).

    `rollout` is the object's name. `refusal` says what is wrong with the present spec; what is followed then is the
    last valid one.
    """

    status: RolloutStatus
    now: float
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    hold: Hold | None = None
    drift: str = ""
    refusal: str = ""
    rollout: str = ""

    def change(self, **fields: Any) -> Self:
        """The same draft with these fields of the status changed."""
        return replace(self, status=self.status.model_copy(update=fields))

    def staying(self, hold: Hold) -> Self:
        """The same draft that stays where it is; the first reason to stay wins."""
        return self if self.hold else replace(self, hold=hold)

    def noticing(self, reason: Reason, message: str, level: Level = Level.NORMAL) -> Self:
        """The same draft with something to tell."""
        return replace(self, notices=(*self.notices, Notice(reason.value, message, level)))

    def recording(self, reason: Reason, message: str, weight: int, level: Level = Level.NORMAL, by: str = "") -> Self:
        """The same draft with a decision told and kept in the history; `by` is on whose word."""
        entry = HistoryEntry(
            time=timestamp(self.now),
            reason=reason,
            message=fitting(message),
            attempt=self.status.attempt,
            weight=weight,
            by=by,
            requests=self.status.arm_requests,
        )
        kept = [entry, *self.status.history][:HISTORY_LENGTH]
        return self.noticing(reason, message, level).change(history=kept)

    def acting(self, action: Action) -> Self:
        """The same draft with something to do."""
        return replace(self, actions=(*self.actions, action))


def fitting(sentence: str) -> str:
    """The sentence, cut to what the status may hold: others' words in it can be of any length."""
    return sentence if len(sentence) <= LONGEST_SENTENCE else sentence[: LONGEST_SENTENCE - 3] + "..."


def timestamp(at: float) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
