"""`set-candidate`: write a new candidate into a file of a Git checkout, and leave every other letter as it is."""

import argparse
import difflib
import errno
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from modelrollout.cli import screen
from modelrollout.cli.refusals import Refused


def add(parser: argparse.ArgumentParser) -> None:
    """Its options. It needs no cluster."""
    parser.add_argument("-f", "--file", metavar="FILE", required=True, help="the YAML file that holds the rollout")
    parser.add_argument("--name", metavar="MODEL", required=True, help="the new candidate")
    parser.add_argument("--baseline", metavar="MODEL", help="a new baseline too, such as the model promoted last")
    parser.add_argument("--rollout", metavar="NAME", help="which rollout, when the file holds several")
    parser.add_argument("--dry-run", action="store_true", help="show the change and write nothing")
    parser.epilog = "Exit codes: 0 the file says so now, 1 nothing was changed, 2 the command line is wrong."
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Write the file, and say what changed. Raises Refused."""
    from modelrollout.cli import renaming  # late, with YAML
    from modelrollout.cli.manifests import Unreadable

    file = Path(options.file)
    before = _read(file)
    try:
        after, changes = renaming.rename(before, renaming.Wanted(options.name, options.baseline, options.rollout))
    except (Refused, Unreadable) as refused:
        raise Refused(f"{file}: {refused}") from refused
    if not changes:
        sys.stderr.write(f"{file}: nothing to change, {options.name} is the candidate already\n")
        return 0
    if options.dry_run:
        screen.show(_difference(str(file), before, after))
        return 0
    _write(file.resolve(), after)
    screen.show("\n".join(f"{file}: {change.field} {change.old} -> {change.new}" for change in changes))
    return 0


def _read(file: Path) -> str:
    """The text with its own line ends."""
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as missing:
        raise Refused(f"{file} cannot be read ({missing.strerror}): give the file that holds the rollout") from missing
    except UnicodeDecodeError as other:
        raise Refused(f"{file} is no UTF-8 text: save it as UTF-8") from other


def _write(file: Path, text: str) -> None:
    """In one step: whoever reads the file meanwhile sees the old text or the new one. Its mode stays."""
    try:
        if not file.stat().st_mode & stat.S_IWUSR:  # a new file in its place would not ask
            raise PermissionError(errno.EACCES, "it is read-only")
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as written:
                written.write(text.encode("utf-8"))
            shutil.copymode(file, name)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as refused:
        why = refused.strerror or str(refused)
        raise Refused(
            f"{file} cannot be written ({why}): nothing was changed, allow writing to it and its folder"
        ) from (refused)


def _difference(name: str, before: str, after: str) -> str:
    """The change as patch tools read it."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(old, new, name, name))
