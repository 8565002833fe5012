"""Images without a registry: a base image from Debian's packages, and the checkout's Dockerfile built on it.

Debian's own python3 with venv stands in for the Dockerfile's default base, which only a registry has.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.node import debian, leftovers, paths
from e2e.stack import recipes, tools
from e2e.stack.errors import BuildError, tail
from e2e.stack.paths import BINARIES, ROOT
from e2e.stack.tools import Say

SUITE = "bookworm"
"""Debian 12: Python 3.11. Debian 13 has 3.13, which the project does not take yet."""
BASE = "localhost/python:3.11-debian"
PAUSE = "localhost/pause:1"
OPERATOR = "localhost/modelrollout/operator"
MODELS = "localhost/modelrollout/models"
TAG = "checkout"
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host")
NOT_IN_THE_BASE = ("var/cache/apt/*", "var/lib/apt/lists/*", "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*")


class Images:
    """The images in `.cache/node/images`, built when asked for; what is built already costs seconds."""

    def __init__(self, say: Say, directory: Path = paths.IMAGES) -> None:
        """Fetches buildah and debootstrap unless they are there; raises `MissingError` when they cannot be had."""
        self._say = say
        self._directory = directory
        self._packages = debian.provide(say)
        (directory / "tmp").mkdir(parents=True, exist_ok=True)
        accepts_all = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
        (directory / "policy.json").write_text(accepts_all)
        (directory / "registries.conf").write_text("unqualified-search-registries = []\n")

    def build(self, target: str = "operator", repository: str = OPERATOR) -> str:
        """Builds a target of the Dockerfile; the image's name. Raises `BuildError` with the end of what was said."""
        name = f"{repository}:{TAG}"
        with self._alone():
            self._make_base()
            settings = self._directory / "pip.conf"
            settings.write_text(_pip_settings())
        self._say(f"building image {name}")
        trust = ("--volume", f"{TRUSTED}:{TRUSTED}:ro", "--volume", f"{settings}:/etc/pip.conf:ro")
        self.make(name, ROOT, "--target", target, "--build-arg", f"PYTHON={BASE}", *trust)
        return name

    def make(self, name: str, context: Path, *options: str) -> None:
        """Builds the Dockerfile of a folder, and removes what the last two builds of that image did not need."""
        with self._alone():
            self._bud(name, context, "--layers", *options)
            self._prune()

    def pause(self) -> str:
        """The image that holds a pod's namespaces; its name."""
        tools.ensure(recipes.PAUSE, self._say)
        with self._alone(), tempfile.TemporaryDirectory(dir=self._directory) as context:
            shutil.copy(BINARIES / "pause", context)
            (Path(context) / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
            self._bud(PAUSE, Path(context), "--layers")
        return PAUSE

    def digest(self, name: str) -> str:
        """The image's identity, which says whether a node has it already."""
        return self._buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", name).strip()

    def size(self, name: str) -> str:
        """What its layers take unpacked, in words: `463 MB`."""
        return self._buildah("images", "--format", "{{.Size}}", name).strip()

    @contextmanager
    def archive(self, name: str) -> Iterator[Path]:
        """The image as a file that containerd imports; gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self._directory / "tmp") as scratch:
            file = Path(scratch) / "image.tar"
            with self._alone(fcntl.LOCK_SH):  # a build elsewhere may make these layers those of an old version
                self._buildah("push", *self._policy, "--quiet", name, f"docker-archive:{file}:{name}")
            yield file

    def _make_base(self) -> None:
        """Debian with python3 and venv alone, by debootstrap: a minute, once."""
        if self._has(BASE):
            return
        self._say(f"making the base image from Debian {SUITE}, about a minute, once")
        with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
            root, context = Path(scratch) / "root", Path(scratch) / "context"
            context.mkdir()
            make = ("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", SUITE)
            self._logged([*debian.run_in(self._packages, make), str(root), debian.mirror(SUITE)], "base")
            left_out = [f"--exclude=./{each}" for each in NOT_IN_THE_BASE]
            subprocess.run(["tar", "-C", root, *left_out, "-cf", context / "base.tar", "."], check=True)
            search = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            (context / "Dockerfile").write_text(f"FROM scratch\nADD base.tar /\n{search}\n")
            self._bud(BASE, context)

    def _prune(self) -> None:
        """Each new version would leave up to 500 MB. What cannot go now stays until another time."""
        listed = self._buildah("images", "--all", "--no-trunc", "--format", "{{.ID}} {{.Name}}").splitlines()
        images = [(line.split()[0].removeprefix("sha256:"), line.split()[1]) for line in listed]
        old = leftovers.of_builds(images, [log.read_text(errors="replace") for log in self._directory.glob("*.log")])
        try:
            if old:
                self._buildah("rmi", *old)
        except BuildError as kept:
            self._say(f"layers of earlier builds stay: {kept}")

    def _bud(self, name: str, context: Path, *options: str) -> None:
        how = ("--pull-never", "--network", "host", "--isolation", "chroot", *self._policy, *options)
        self._logged(self._command("bud", *how, "--tag", name, str(context)), name.rpartition("/")[2])

    def _has(self, name: str) -> bool:
        done = subprocess.run(self._command("inspect", "--type", "image", name), env=self._env(), capture_output=True)
        return done.returncode == 0

    def _buildah(self, *arguments: str) -> str:
        done = subprocess.run(self._command(*arguments), env=self._env(), capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildError(f"buildah {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def _logged(self, command: Sequence[str], what: str) -> None:
        log = self._directory / f"{what.partition(':')[0]}.log"
        if log.exists():
            log.replace(log.with_suffix(".before.log"))
        with log.open("w") as output:
            done = subprocess.run(command, env=self._env(), stdout=output, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise BuildError(f"image {what} was not built; the end of {log}:\n{tail(log)}")

    def _command(self, verb: str, *arguments: str) -> list[str]:
        own = ("--root", str(self._directory / "store"), "--runroot", str(self._directory / "run"))
        how = ("--storage-driver", "overlay", "--registries-conf", str(self._directory / "registries.conf"))
        return debian.run_in(self._packages, ["buildah", *own, *how, verb, *arguments])

    @property
    def _policy(self) -> tuple[str, str]:
        return "--signature-policy", str(self._directory / "policy.json")

    def _env(self) -> dict[str, str]:
        # Its cache of what pip downloads goes below TMPDIR.
        return {**os.environ, "TMPDIR": str(self._directory / "tmp")}

    @contextmanager
    def _alone(self, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        """One builder at a time, whichever process it is in; LOCK_SH for who reads what was built."""
        with (self._directory / ".lock").open("w") as lock:
            fcntl.flock(lock, how)
            yield


def _pip_settings() -> str:
    """This machine's way to its package index, for pip in a build: the same index, and the same trust."""
    said = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    listed = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    found = {key.rpartition(".")[2]: value.strip("'\"") for key, value in listed.items()}
    kept = {**{key: found[key] for key in PIP_SETTINGS if key in found}, "cert": str(TRUSTED)}
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in kept.items())
