"""What clients saw, kept in files: one row per answer and per outcome, as CSV or Parquet, and read back as it was.

Columns are the fields of the records, under their names: times in Unix seconds (64-bit floats, written with as many
digits as they need), `seconds` in seconds, `code` an integer (0: no answer), words as text, truths as true or false.
Marks are moments with words, such as a change of stage: `at` in Unix seconds, and `words`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_type_hints

from e2e.traffic.records import Answer, Outcome

if TYPE_CHECKING:
    import polars as pl

Form = Literal["csv", "parquet"]
T = TypeVar("T")


class ResultsError(Exception):
    """Results cannot be written or read; the message says which, why, and the cure."""


@dataclass(frozen=True)
class Mark:
    """A moment (Unix seconds) and what happened then."""

    at: float
    words: str


@dataclass(frozen=True)
class Results:
    """All that a run of the traffic program leaves."""

    answers: tuple[Answer, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()


def write(
    directory: Path,
    answers: Sequence[Answer],
    outcomes: Sequence[Outcome],
    form: Form = "csv",
    marks: Sequence[tuple[float, str]] = (),
) -> list[Path]:
    """The files written: answers, outcomes and marks, each whole or as it was before.

    Results of another form that were in the directory are removed. Raises ResultsError.
    """
    if form not in get_args(Form):
        raise ResultsError(f"Results cannot be written as {form!r}; choose {' or '.join(get_args(Form))}.")
    tables: list[tuple[str, type[Any], Sequence[Any]]] = [
        ("answers", Answer, answers),
        ("outcomes", Outcome, outcomes),
        ("marks", Mark, [Mark(*mark) for mark in marks]),
    ]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written = [_write(directory / f"{name}.{form}", kind, records) for name, kind, records in tables]
        for path in written:
            for other in get_args(Form):
                if other != form:
                    path.with_suffix(f".{other}").unlink(missing_ok=True)
    except (OSError, UnicodeError) as error:
        raise ResultsError(f"Results cannot be written to {directory} ({error}); choose another directory.") from error
    return written


def read(directory: Path) -> Results:
    """What was written there, equal to the last bit. Raises ResultsError when it is not there or not whole."""
    marks = _read(directory, "marks", Mark) if _found(directory, "marks") else ()
    return Results(
        _read(directory, "answers", Answer),
        _read(directory, "outcomes", Outcome),
        tuple((mark.at, mark.words) for mark in marks),
    )


def _write(path: Path, kind: type[T], records: Sequence[T]) -> Path:
    import polars as pl  # late: only results need it

    schema = _schema(kind)
    columns = {name: [getattr(record, name) for record in records] for name in schema}
    frame = pl.DataFrame(columns, schema=schema)
    with _whole(path) as unfinished:
        if path.suffix == ".parquet":
            frame.write_parquet(unfinished)
        else:
            frame.write_csv(unfinished)
    return path


def _read(directory: Path, name: str, kind: type[T]) -> tuple[T, ...]:
    import polars as pl

    path = _found(directory, name)
    if path is None:
        raise ResultsError(f"{directory} holds no {name}.csv or {name}.parquet; name the directory of a traffic run.")
    try:
        rows = _frame(path, _schema(kind)).rows()
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        raise ResultsError(f"{path} is not what was written ({error}); run the traffic program again.") from error
    return tuple(kind(*row) for row in rows)


def _schema(kind: type[Any]) -> pl.Schema:
    """The columns of a record, in order."""
    import polars as pl

    types = get_type_hints(kind)
    return pl.Schema({field.name: types[field.name] for field in fields(kind)})


def _frame(path: Path, schema: pl.Schema) -> pl.DataFrame:
    import polars as pl

    if path.suffix == ".parquet":
        frame = pl.read_parquet(path, columns=list(schema))
    else:
        # Nothing is missing in our files: what looks so is an empty word.
        frame = pl.read_csv(path, schema_overrides=schema, empty_string_is_null=False)
    whole = frame.select(list(schema)).cast(schema)
    if any(whole.null_count().row(0)):
        raise ValueError("a value is missing")
    return whole


def _found(directory: Path, name: str) -> Path | None:
    paths = [directory / f"{name}.{form}" for form in get_args(Form)]
    return next((path for path in paths if path.is_file()), None)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` when it is done, and is gone when it fails."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
