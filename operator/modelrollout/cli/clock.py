"""What time it is: asked by the commands, which hand it on as an argument."""

import time


def now() -> float:
    """Unix seconds."""
    return time.time()  # noqa: TID251 - a command is the outermost shell
