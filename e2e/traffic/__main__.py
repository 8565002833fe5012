"""`python -m e2e.traffic`: ask models, tell what came true, and show what clients saw.

Exit code 0 when all went well, 1 when something failed that should not have, 2 when an option makes no sense.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from e2e.traffic import options, progress
from e2e.traffic.clients import KEPT_ANSWERS, Traffic
from e2e.traffic.exporter import Exporter
from e2e.traffic.options import Options, Unclear
from e2e.traffic.records import Answer, Outcome
from e2e.traffic.tally import Tally, complaints

COLUMNS = 120  # where there is no terminal to say how wide it is


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else COLUMNS)
    try:
        return _run(options.read(sys.argv[1:] if arguments is None else arguments), console)
    except Unclear as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # for the second time: even the last answers are not waited for
        return 130


def _run(asked: Options, console: Console) -> int:
    tally = Tally()
    _make(asked.out)
    with _exporter(asked) as exporter:
        traffic = asked.traffic(tally, *filter(None, (exporter,)))
        _watch(traffic, tally, asked, console)
    return _end(traffic, tally, asked, console)


def _make(out: Path | None) -> None:
    """The directory for the results: that there can be none is better known before than afterwards."""
    try:
        if out:
            out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unclear(f"--out is {str(out)!r}: {error.strerror}; give another.") from error


@contextlib.contextmanager
def _exporter(asked: Options) -> Iterator[Exporter | None]:
    """One that serves its page, if a port was given."""
    if asked.metrics_port is None:
        yield None
        return
    exporter = Exporter(asked.experiment)
    with contextlib.ExitStack() as open_page:
        try:
            open_page.enter_context(exporter.serve(asked.metrics_port))
        except OSError as error:
            raise Unclear(f"--metrics-port is {asked.metrics_port}: {error.strerror}; give another.") from error
        yield exporter


def _watch(traffic: Traffic, tally: Tally, asked: Options, console: Console) -> None:
    """Until it is over, or a person has had enough."""
    traffic.start()
    try:
        progress.watch(traffic, tally, asked.seconds, console)
    except KeyboardInterrupt:
        console.print("Stopping: the last answers and labels are still on their way.")
    finally:
        traffic.stop()


def _end(traffic: Traffic, tally: Tally, asked: Options, console: Console) -> int:
    answers, outcomes = traffic.seen().answers, traffic.outcomes()
    if any(answer.arm for answer in answers):
        console.print(progress.table(answers, outcomes))
    if tally.requests > len(answers):
        console.print(f"The table and the files hold the last {KEPT_ANSWERS:,} of {tally.requests:,} answers.")
    said = complaints(tally, traffic.teller)
    if asked.out:
        said += _write(asked, asked.out, answers, outcomes)
        console.print(f"Results: {asked.out}", soft_wrap=True)
    for sentence in said:
        console.print(sentence, style="red", soft_wrap=True)
    return 1 if said else 0


def _write(asked: Options, out: Path, answers: Sequence[Answer], outcomes: Sequence[Outcome]) -> list[str]:
    """The files and the picture; what went wrong with them, in a sentence."""
    from e2e.traffic import report, results  # late: what they need takes a second or two

    title = f"{asked.experiment or asked.model}: {asked.per_second:g} requests/s, seed {asked.seed}"
    try:
        results.write(out, answers, outcomes, asked.form)
        report.draw(out / report.FILE, answers, outcomes, title)
    except (results.ResultsError, OSError) as error:
        return [str(error)]
    return []


if __name__ == "__main__":
    sys.exit(main())
