"""What a person tells a rollout to do: one annotation, `modelrollout.io/action: "<verb>@<token>"`, acted on once.

After the token may stand, as in a URL, for which attempt and stage it is meant, who says it and why:
`approve@7f3a?attempt=2&stage=3&by=alice&reason=looks+good`. What is left out is not checked. kubectl, the plugin and
Argo CD all write the same text.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

ACTION = "modelrollout.io/action"
LONGEST_TOKEN = 64
LONGEST_WORDS = 256  # of who and why
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*")
_NUMBERS = ("attempt", "stage")
_WORDS = ("by", "reason")


class Verb(StrEnum):
    """What can be told."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    APPROVE = "approve"
    SKIP = "skip"
    ABORT = "abort"
    RETRY = "retry"
    RESTART = "restart"
    UNDO = "undo"


MEANS: dict[Verb, str] = {
    Verb.PAUSE: "Hold the rollout where it is; looks go on, and a failed guardrail still rolls back.",
    Verb.RESUME: "Go on after a pause.",
    Verb.PROMOTE: "Take the candidate to the last stage now, or end the last stage, without waiting for evidence.",
    Verb.APPROVE: "Give the approval that the present stage waits for.",
    Verb.SKIP: "Go to the next stage now, without waiting for soak or evidence.",
    Verb.ABORT: "Put all traffic back on the baseline and end the attempt, from every state.",
    Verb.RETRY: "Begin a new attempt after one that was rolled back.",
    Verb.RESTART: "Begin a new attempt from weight 0, whatever the present one does.",
    Verb.UNDO: "Take a promotion back: all traffic to the baseline.",
}


class OrderUnclear(ValueError):
    """The annotation does not say what to do; the text is a sentence for people."""


@dataclass(frozen=True)
class Order:
    """One thing told. `attempt` and `stage` (as people count, from 1) are None when it does not matter which."""

    verb: Verb
    token: str
    attempt: int | None = None
    stage: int | None = None
    by: str = ""
    reason: str = ""


def parse(text: str) -> Order:
    """The order that an annotation holds. Raises OrderUnclear with one sentence."""
    told, _, rest = text.partition("?")
    word, at, token = told.partition("@")
    if word not in list(Verb):
        raise OrderUnclear(f"{ACTION} is '{_cut(text)}': no verb '{_cut(word)}', write one of {', '.join(Verb)}")
    if not at or not _TOKEN.fullmatch(token) or len(token) > LONGEST_TOKEN:
        raise OrderUnclear(
            f"{ACTION} is '{_cut(text)}': write {word}@ and a token that was not used before, at most "
            f"{LONGEST_TOKEN} letters, digits and . _ : + -, such as the time"
        )
    numbers, words = _details(text, rest)
    return Order(Verb(word), token, numbers.get("attempt"), numbers.get("stage"), **words)


def write(order: Order) -> str:
    """The annotation that says so; `parse` gives the order back."""
    told = {name: getattr(order, name) for name in (*_NUMBERS, *_WORDS)}
    rest = urlencode({name: value for name, value in told.items() if value not in (None, "")})
    return f"{order.verb}@{order.token}" + (f"?{rest}" if rest else "")


def _details(text: str, rest: str) -> tuple[dict[str, int], dict[str, str]]:
    numbers: dict[str, int] = {}
    words: dict[str, str] = {}
    for name, value in parse_qsl(rest, keep_blank_values=True):
        if name in _NUMBERS and re.fullmatch("[0-9]{1,9}", value):
            numbers[name] = int(value)
        elif name in _WORDS:
            words[name] = _printable(value)[:LONGEST_WORDS]
        else:
            raise OrderUnclear(
                f"{ACTION} is '{_cut(text)}': '{_cut(name)}={_cut(value)}' is not understood, "
                "write attempt=NUMBER, stage=NUMBER, by=NAME or reason=WORDS"
            )
    return numbers, words


def _cut(words: str) -> str:
    return _printable(words if len(words) <= 80 else words[:77] + "...")


def _printable(words: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in words)
