"""Why nothing can be replayed: one sentence for people, and the exit code that goes with it."""


class Refused(Exception):
    """What was asked makes no sense; the sentence says what, and the cure."""

    code = 2


class Forgotten(Refused):
    """Prometheus gives no answer, or no longer has what the looks saw."""

    code = 3
