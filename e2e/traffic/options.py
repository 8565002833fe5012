"""The words after `python -m e2e.traffic`: checked one by one, so that a bad one is answered with one sentence."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from rolloutmodels import climates
from rolloutmodels.climates import Scenario, ScenarioError
from rolloutmodels.contract import MAX_BATCH

from e2e.traffic import protocol
from e2e.traffic.clients import Traffic, Watcher
from e2e.traffic.fates import Labelling
from e2e.traffic.results import Form
from e2e.traffic.turns import Arrivals

T = TypeVar("T")

MOST_PER_SECOND = 10_000
MOST_CLIENTS = 1_000
DAY_SECONDS = 86_400


class Unclear(Exception):
    """A word makes no sense; the message names the option, its value and the cure."""


@dataclass(frozen=True)
class Options:
    """What a person asked for."""

    url: str
    model: str
    experiment: str
    per_second: float
    seconds: float
    seed: int
    scenario: Scenario
    arrivals: Arrivals
    clients: int
    windows: int
    sticky: float
    garbage: float
    labelling: Labelling
    metrics_port: int | None
    out: Path | None
    form: Form

    def traffic(self, *watchers: Watcher) -> Traffic:
        """The traffic that is asked for."""
        return Traffic(
            self.url,
            self.experiment or self.model,
            self.per_second,
            self.seed,
            self.seconds,
            protocol.experiment_headers(self.experiment) if self.experiment else {},
            self.labelling,
            windows=self.windows,
            scenario=self.scenario,
            clients=self.clients,
            sticky=self.sticky,
            garbage=self.garbage,
            arrivals=self.arrivals,
            watchers=watchers,
        )


def read(arguments: Sequence[str]) -> Options:
    """The options. Raises Unclear."""
    given = _parser().parse_args(arguments)
    if given.label_repeat and not given.feedback:
        raise Unclear(f"--label-repeat is {given.label_repeat:g}: it goes with --feedback; give that too.")
    return Options(
        url=given.url,
        model=given.model or "",
        experiment=given.experiment or "",
        per_second=given.per_second,
        seconds=given.seconds,
        seed=given.seed,
        scenario=given.scenario,
        arrivals=Arrivals(given.arrivals),
        clients=given.clients,
        windows=given.windows,
        sticky=given.sticky,
        garbage=given.garbage,
        labelling=Labelling(
            given.feedback or "",
            delay_seconds=given.label_delay,
            spread_seconds=given.label_spread,
            lost=given.label_loss,
            repeated=given.label_repeat,
            seed=given.seed,
            cost=given.cost_bp,
        ),
        metrics_port=given.metrics_port,
        out=given.out,
        form=given.format,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Unclear(re.sub(r"^argument (\S+?):? ", r"\1 ", message).rstrip(".") + ".")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m e2e.traffic", description="Client traffic for models.", allow_abbrev=False)
    where = parser.add_argument_group("where to")
    where.add_argument("--url", type=_url, required=True, help="of the data plane, such as http://127.0.0.1:9000")
    whom = where.add_mutually_exclusive_group(required=True)
    whom.add_argument("--model", type=_name, help="the model to ask")
    whom.add_argument("--experiment", type=_name, help="the Experiment to ask, under its own address")
    where.add_argument("--feedback", type=_name, metavar="MODEL", help="whom to tell what came true")
    _add_amounts(parser.add_argument_group("what"))
    _add_labels(parser.add_argument_group("labels"))
    _add_results(parser.add_argument_group("results"))
    return parser


def _add_amounts(what: argparse._ArgumentGroup) -> None:
    rate, seconds = _number(0, MOST_PER_SECOND, without_low=True), _number(0, DAY_SECONDS, without_low=True)
    what.add_argument("--per-second", type=rate, default=50.0, metavar="N", help="requests (default: 50)")
    what.add_argument("--seconds", type=seconds, default=60.0, metavar="N", help="how long (default: 60)")
    what.add_argument("--arrivals", type=_one_of(*Arrivals), default="steady", help="steady or poisson")
    what.add_argument("--seed", type=_whole(0, 2**63 - 1), default=7, metavar="N", help="of all that is drawn")
    what.add_argument(
        "--scenario",
        type=_scenario,
        default=climates.ALWAYS_USUAL,
        metavar="CLIMATES",
        help=f"of the market, such as calm,volatile@60; of {', '.join(climates.CLIMATES)}",
    )
    what.add_argument("--windows", type=_whole(1, MAX_BATCH), default=1, metavar="N", help="in a request (default: 1)")
    what.add_argument("--clients", type=_whole(1, MOST_CLIENTS), default=10, metavar="N", help="(default: 10)")
    what.add_argument("--sticky", type=_share, default=0.0, metavar="SHARE", help="of clients that stay with their arm")
    what.add_argument("--garbage", type=_share, default=0.0, metavar="SHARE", help="of requests that are nonsense")


def _add_labels(labels: argparse._ArgumentGroup) -> None:
    seconds = _number(0, DAY_SECONDS)
    labels.add_argument("--label-delay", type=seconds, default=0.3, metavar="SECONDS", help="at least (default: 0.3)")
    labels.add_argument("--label-spread", type=seconds, default=0.4, metavar="SECONDS", help="on top (default: 0.4)")
    labels.add_argument("--label-loss", type=_share, default=0.0, metavar="SHARE", help="that never become known")
    labels.add_argument("--label-repeat", type=_share, default=0.0, metavar="SHARE", help="of batches told twice")
    labels.add_argument("--cost-bp", type=_number(0, 10_000), default=0.0, metavar="N", help="basis points of a trade")


def _add_results(results: argparse._ArgumentGroup) -> None:
    results.add_argument("--metrics-port", type=_whole(1, 65_535), metavar="PORT", help="metrics on 127.0.0.1")
    results.add_argument("--out", type=_directory, metavar="DIR", help="answers, outcomes and report.png go there")
    results.add_argument("--format", type=_one_of("csv", "parquet"), default="csv", help="csv (default) or parquet")


# -- kinds of values; argparse puts the option before the sentence


def _checked(read: Callable[[str], T | None], cure: str) -> Callable[[str], T]:
    def check(text: str) -> T:
        try:
            value = read(text)
        except ValueError:
            value = None
        if value is None:
            raise argparse.ArgumentTypeError(f"is {text!r}: give {cure}")
        return value

    return check


def _number(low: float, high: float, without_low: bool = False) -> Callable[[str], float]:
    def read(text: str) -> float | None:
        number = float(text)
        return number if (low < number if without_low else low <= number) and number <= high else None

    return _checked(read, f"a number {'above' if without_low else 'from'} {low:g} {'up ' * without_low}to {high:g}")


def _whole(low: int, high: int) -> Callable[[str], int]:
    return _checked(
        lambda text: int(text) if low <= int(text) <= high else None, f"a whole number from {low} to {high}"
    )


def _one_of(*words: str) -> Callable[[str], str]:
    return _checked(lambda text: text if text in words else None, " or ".join(words))


def _scenario(text: str) -> Scenario:
    try:
        return climates.scenario(text)
    except ScenarioError as error:
        raise argparse.ArgumentTypeError(f"is {text!r}: {error}") from error


_share = _checked(lambda text: float(text) if 0 <= float(text) <= 1 else None, "a share from 0 to 1")
_url = _checked(
    lambda text: text.rstrip("/") if re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text) else None,
    "an address such as http://127.0.0.1:9000",
)
_name = _checked(
    lambda text: text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", text) else None,
    "a name of letters, digits, dots and dashes",
)
_directory = _checked(
    lambda text: Path(text) if text and (Path(text).is_dir() or not Path(text).exists()) else None,
    "a directory",
)
