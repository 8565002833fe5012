"""What commands of the terminal have in common: files, times, tokens and addresses that people give, and the clock."""

import argparse
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from modelrollout import settings as process_settings
from modelrollout.observe.prometheus import Connection

TIMEOUT_SECONDS = 60.0  # a stretch of the past takes longer than a look


class Refused(Exception):
    """What was asked makes no sense; the sentence says what, and the cure."""

    code = 2


class Forgotten(Refused):
    """Prometheus gives no answer, or no longer has what the looks saw."""

    code = 3


def connection(options: argparse.Namespace, settings: process_settings.Settings, of_rollout: str | None) -> Connection:
    """The Prometheus of the options, else the rollout's own, else the operator's. Raises Refused."""
    address = options.prometheus or of_rollout or settings.prometheus_address
    if not address.startswith(("http://", "https://")):
        raise Refused(f"--prometheus is '{address}': it must begin with http:// or https://")
    token = text(options.token_file).strip() if options.token_file else None
    return Connection(address, bearer_token=token, timeout_seconds=TIMEOUT_SECONDS)


def settings() -> process_settings.Settings:
    """What the environment says. Raises SettingsInvalid."""
    return process_settings.read(os.environ)


def text(path: str) -> str:
    """What the file says. Raises Refused."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as missing:
        raise Refused(f"{path} cannot be read: {missing}") from missing


def past(since: str | None, until: str | None, default_seconds: float = 86_400.0) -> tuple[float, float]:
    """--from and --to in Unix seconds; without --to up to now, without --from so many seconds. Raises Refused."""
    ends = now() if until is None else _moment("--to", until)
    begins = ends - default_seconds if since is None else _moment("--from", since)
    if not begins < ends:
        raise Refused(f"--from {since} is not before --to {until or 'now'}: swap them")
    if until is not None and ends > now():
        raise Refused(f"--to {until} lies in the future: there is no traffic yet")
    return begins, ends


def now() -> float:
    """Unix seconds."""
    return time.time()  # noqa: TID251 - the outermost shell of these commands


def _moment(name: str, given: str) -> float:
    """Unix seconds; a time without a zone is UTC."""
    try:
        at = datetime.fromisoformat(given)
    except ValueError as wrong:
        raise Refused(f"{name} is '{given}': write a time like 2026-11-20T00:00Z") from wrong
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
