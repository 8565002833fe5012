"""Provides the tool binaries: built once into `.cache/bin`, reused until a recipe changes.

A tool of the machine's own is used where that is asked for or safe: `KUBEBUILDER_ASSETS`, and a Prometheus 3 on PATH.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from e2e.stack import paths, recipes, tether, toolchain
from e2e.stack.errors import BuildError, MissingError, tail
from e2e.stack.recipes import Recipe

Say = Callable[[str], None]

KUBEBUILDER_TOOLS = ("etcd", "kube-apiserver", "kubectl")
SECONDS_BETWEEN_LINES = 30


def provide(names: Iterable[str], say: Say, into: Path = paths.BINARIES) -> dict[str, Path]:
    """The path of each tool asked for, building what is absent or out of date.

    `say` hears how builds go on. Raises `BuildError` with the end of the log, or `MissingError` without Go.
    """
    found = {name: _of_this_machine(name) for name in names}
    wanted = [name for name, path in found.items() if path is None]
    for recipe in recipes.ALL:
        if set(recipe.makes) & set(wanted):
            ensure(recipe, say, into)
    return {name: path or into / name for name, path in found.items()}


def ensure(recipe: Recipe, say: Say, into: Path = paths.BINARIES) -> bool:
    """Builds a tool unless its stamp says it is there already; True when it was built."""
    if _is_current(recipe, into):
        return False
    into.mkdir(parents=True, exist_ok=True)
    with _only_one_builder(into, say):
        if _is_current(recipe, into):  # the process we waited for built it
            return False
        _build(recipe, say, into)
    return True


def _of_this_machine(name: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in KUBEBUILDER_TOOLS:
        path = Path(assets) / name
        if not path.exists():
            raise MissingError(
                f"KUBEBUILDER_ASSETS is {assets}, which holds no {name}; complete it or unset the variable."
            )
        return path
    if name in ("prometheus", "promtool"):
        on_path = shutil.which(name)
        return Path(on_path) if on_path and _is_prometheus_3(on_path) else None
    return None


def _is_prometheus_3(command: str) -> bool:
    said = subprocess.run([command, "--version"], capture_output=True, text=True)
    return re.search(r"version 3\.", said.stdout + said.stderr) is not None


def _is_current(recipe: Recipe, into: Path) -> bool:
    stamp = _stamp_file(recipe, into)
    made = all((into / name).exists() for name in recipe.makes)
    return made and stamp.exists() and stamp.read_text().strip() == recipe.stamp()


def _stamp_file(recipe: Recipe, into: Path) -> Path:
    return into / f".{recipe.makes[0]}.stamp"


@contextmanager
def _only_one_builder(into: Path, say: Say) -> Iterator[None]:
    """Holds the lock on `into`; the kernel lets go of it however we end."""
    with (into / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is building into {into}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(recipe: Recipe, say: Say, into: Path) -> None:
    go = toolchain.find_go(paths.CACHE, paths.GO_REQUIREMENTS, say)
    log = into / f"{recipe.makes[0]}.log"
    for left_by_a_killed_build in into.glob(".build-*"):
        shutil.rmtree(left_by_a_killed_build)
    # On the same file system as `into`, so that the finished binaries can be renamed into place.
    with tempfile.TemporaryDirectory(prefix=".build-", dir=into) as scratch, log.open("w") as output:
        source = recipe.directory or _fetch(recipe, go, log)
        out = f"{scratch}/{recipe.makes[0] if recipe.links else ''}"
        flags = ["-trimpath", "-mod=readonly", f"-ldflags={recipe.linker_flags}", f"-tags={recipe.tags}"]
        command = [str(go), "build", "-C", str(source), *flags, "-o", out, *recipe.packages]
        taken = _run(command, recipe, output, log, say)
        _install(recipe, Path(scratch), into)
    say(f"built {recipe.name} {recipe.version} in {duration(taken)}")


def _install(recipe: Recipe, scratch: Path, into: Path) -> None:
    """Renames the binaries into place, the stamp last: whoever is killed in between leaves a tool to be rebuilt."""
    _stamp_file(recipe, into).unlink(missing_ok=True)
    for name in recipe.makes[1:] if recipe.links else ():
        (scratch / name).symlink_to(recipe.makes[0])
    for name in recipe.makes:
        (scratch / name).replace(into / name)
    (scratch / "stamp").write_text(recipe.stamp() + "\n")
    (scratch / "stamp").replace(_stamp_file(recipe, into))


def _fetch(recipe: Recipe, go: Path, log: Path) -> Path:
    """Downloads a published module, whose own go.mod and go.sum then fix all the rest; its folder.

    Built in its folder because `go install module@version` refuses modules whose go.mod has replacements.
    """
    command = [str(go), "mod", "download", "-json", recipe.module]
    done = subprocess.run(command, capture_output=True, text=True, cwd=log.parent, env=_environment())
    if done.returncode != 0:
        raise BuildError(f"{recipe.module} could not be downloaded: {done.stdout}{done.stderr}")
    told = json.loads(done.stdout)
    if told["Sum"] != recipe.sum:
        raise BuildError(f"{recipe.module} has the hash {told['Sum']}, expected {recipe.sum}: nothing was built.")
    return Path(told["Dir"])


def _run(command: list[str], recipe: Recipe, output: IO[str], log: Path, say: Say) -> float:
    """Runs a build and says how long it has been going; seconds it took."""
    doing = f"building {recipe.name} {recipe.version} from Go modules"
    say(f"{doing}, about {recipe.minutes} min the first time")
    begun = time.monotonic()
    process = tether.start(command, output=output, environment=_environment())
    try:
        while not _has_ended(process, within=SECONDS_BETWEEN_LINES):
            say(f"{doing}, about {recipe.minutes} min the first time ... {duration(time.monotonic() - begun)} so far")
    finally:
        tether.kill_group(process)
    if process.returncode != 0:
        raise BuildError(f"{doing} failed; the end of {log}:\n{tail(log)}")
    return time.monotonic() - begun


def _has_ended(process: subprocess.Popen[bytes], within: float) -> bool:
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        return False
    return True


def _environment() -> dict[str, str]:
    # GOWORK off: a module's own workspace file names folders that its download leaves out.
    return {**os.environ, "GOWORK": "off", "CGO_ENABLED": "0"}


def duration(seconds: float) -> str:
    """Seconds as people say them: `2.1 s`, `2m10s`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)}m{int(seconds % 60):02d}s"
