"""`--timeout`, written as durations are everywhere: 90s, 10m, 1h30m."""

import argparse

from modelrollout.cli import spans


def add_timeout(parser: argparse.ArgumentParser, default: str) -> None:
    """How long to wait, in seconds; 0 waits for nothing."""
    parser.add_argument(
        "--timeout", metavar="DURATION", type=_seconds, default=_seconds(default), help=f"default: {default}"
    )


def _seconds(text: str) -> float:
    found = spans.seconds(f"{text}s" if text.isdecimal() else text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration: write it like 90s, 10m or 1h30m")
    return found
