"""Where a training stands after an epoch, in one file that is either whole or the one before it.

A checkpoint goes on only as what it was: it holds the identity of its training, by field.
"""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rolloutmodels.training import Training

FILE = "last.pt"
_FORMAT = 1

Identity = Mapping[str, str | int | float]


class CheckpointError(Exception):
    """A checkpoint cannot be gone on from; the message names the file, what is wrong and the cure."""


@dataclass(frozen=True)
class Checkpoint:
    """What a training was asked for, where it stands (`Training.state`), and its seconds of one core so far."""

    identity: Identity
    state: dict[str, Any]
    cpu_seconds: float


def write(file: Path, checkpoint: Checkpoint) -> None:
    """Put the checkpoint in the place of the one before; a crash at any moment leaves one of the two whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    content = {
        "format": _FORMAT,
        "identity": dict(checkpoint.identity),
        "state": checkpoint.state,
        "cpu_seconds": checkpoint.cpu_seconds,
    }
    with fresh.open("wb") as out:
        torch.save(content, out)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def resume(file: Path, training: Training, identity: Identity) -> float:
    """Let the training go on from the checkpoint; returns the seconds of one core it had cost by then.

    Raises CheckpointError when there is none, when it is damaged, or when it is of a training with another identity;
    the training is then not to be used.
    """
    checkpoint = _read(file)
    _compare(file, checkpoint.identity, identity)
    try:
        training.restore(checkpoint.state)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise _damaged(file, error) from error
    return checkpoint.cpu_seconds


def _read(file: Path) -> Checkpoint:
    if not file.is_file():
        raise CheckpointError(f"There is no checkpoint {file} to go on from; start without --resume.")
    try:
        # torch does not notice changed bytes within a tensor; the checksums of the zip file around them do.
        with zipfile.ZipFile(file) as members:
            changed = members.testzip()
        content = torch.load(file, weights_only=True) if changed is None else {}
        if content.get("format") == _FORMAT:
            return Checkpoint(content["identity"], content["state"], content["cpu_seconds"])
    except OSError as error:
        raise CheckpointError(f"Checkpoint {file} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # broken files raise errors of many kinds, and all mean the same
        raise _damaged(file, error) from error
    raise _damaged(file, f"{changed} has changed" if changed else "it was not written by this trainer")


def _damaged(file: Path, why: Exception | str) -> CheckpointError:
    reason = str(why).partition("\n")[0].rstrip(".") or type(why).__name__
    return CheckpointError(f"Checkpoint {file} is damaged ({reason}); start again without --resume.")


def _compare(file: Path, theirs: Identity, ours: Identity) -> None:
    for field, value in ours.items():
        if theirs.get(field) != value:
            raise CheckpointError(
                f"Checkpoint {file} is of a training with {field} {theirs.get(field)!r}, and this one has {value!r}; "
                f"go on with {field} {theirs.get(field)!r}, or start this one without --resume in another folder "
                "(--checkpoints)."
            )
