"""Why a command could not do what was asked."""

# 3 means "unchanged" to kubectl, so it is left free.
ERROR, USAGE, DEGRADED, TIMEOUT, AWAITING = 1, 2, 4, 5, 6


class Refused(Exception):
    """One sentence for the person who asked: what was wrong and the cure. `code` is the exit code."""

    def __init__(self, sentence: str, code: int = ERROR) -> None:
        super().__init__(sentence)
        self.code = code
