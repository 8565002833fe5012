"""What an image holds of Python, as a CycloneDX bill of materials: `python -m e2e.node.sbom > sbom.json`.

From the lock that the image is built from, so it needs no image; with the hashes by which pip accepts each package.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence

from packaging.requirements import Requirement

from e2e.stack.paths import ROOT

IMAGES = {"operator": "operator.txt", "models": "models.txt"}
PYTHON = "3.12"
"""Of the Dockerfile's default base."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the bill; the exit code is that of cyclonedx-py."""
    parser = argparse.ArgumentParser(prog="python -m e2e.node.sbom", description=__doc__)
    parser.add_argument("--image", choices=sorted(IMAGES), default="operator", help="which image (default: operator)")
    parser.add_argument("--python", default=PYTHON, help=f"the base's version of Python (default: {PYTHON})")
    options = parser.parse_args(arguments)
    print(bill(lock_of(options.image), options.python), end="")
    return 0


def lock_of(image: str) -> str:
    """The lock that an image is built from."""
    return (ROOT / "requirements" / IMAGES[image]).read_text()


def bill(lock: str, python: str) -> str:
    """The JSON for a lock in pip's format, as it resolves on Linux x86-64 with that Python."""
    command = (
        sys.executable,
        "-W",
        "ignore::UserWarning",
        "-m",
        "cyclonedx_py",
        "requirements",
        "--output-reproducible",
        "--of",
        "JSON",
        "-",
    )
    project = ("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application")
    pinned = "\n".join(applying(lock, python)) + "\n"
    return subprocess.run([*command, *project], input=pinned, check=True, stdout=subprocess.PIPE, text=True).stdout


def applying(lock: str, python: str) -> Iterator[str]:
    """The lock's requirements whose markers hold, without their markers: the universal lock names both Pythons'."""
    there = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    for line in lock.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        named, *hashes = line.split(" --hash=")
        wanted = Requirement(named.strip())
        if wanted.marker is None or wanted.marker.evaluate(there):
            pinned = f"{wanted.name}{wanted.specifier}"
            yield " ".join([pinned, *(f"--hash={each.strip()}" for each in hashes)])


if __name__ == "__main__":
    sys.exit(main())
