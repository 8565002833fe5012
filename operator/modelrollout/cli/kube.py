"""The door to the cluster: `kubectl` on PATH as a subprocess, so that whatever reaches the cluster there does here."""

import argparse
import codecs
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from modelrollout.cli import failures
from modelrollout.cli.refusals import Refused

RESOURCE = "modelrollouts.modelrollout.io"
TICK_SECONDS = 1.0
_CHUNK = 65536
_PASSED_ON = ("context", "kubeconfig", "as")


@dataclass(frozen=True)
class Kubectl:
    """How to call kubectl. `namespace` None means the one of the context."""

    flags: tuple[str, ...] = ()
    namespace: str | None = None
    everywhere: bool = False
    binary: str = "kubectl"

    def run(self, *arguments: str, stdin: str | None = None, namespaced: bool = True) -> str:
        """What kubectl printed. Raises Refused with one sentence when it failed."""
        done = self.ask(*arguments, stdin=stdin, namespaced=namespaced)
        if done.returncode:
            raise Refused(failures.sentence(done.stderr, arguments))
        return done.stdout

    def ask(
        self, *arguments: str, stdin: str | None = None, namespaced: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """The finished kubectl, whatever its exit code. Raises Refused only when there is no kubectl."""
        command = self.command(*arguments, namespaced=namespaced)
        try:
            return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Refused(failures.NO_KUBECTL) from None

    @contextmanager
    def asking(self, *arguments: str) -> Iterator[Callable[[], subprocess.CompletedProcess[str]]]:
        """A kubectl that runs beside what is done meanwhile: what is called comes back with it finished.

        It is ended when nobody asks for its answer. Raises Refused only when there is no kubectl.
        """
        running = self._started(arguments, subprocess.PIPE)

        def answer() -> subprocess.CompletedProcess[str]:
            out, complaint = (text.decode(errors="replace") for text in running.communicate())
            return subprocess.CompletedProcess(arguments, running.returncode, out, complaint)

        with running:
            try:
                yield answer
            finally:
                running.kill()

    def command(self, *arguments: str, namespaced: bool = True) -> list[str]:
        """The whole command line."""
        return [self.binary, *arguments, *(self._where() if namespaced else ()), *self.flags]

    def _where(self) -> tuple[str, ...]:
        if self.everywhere:
            return ("--all-namespaces",)
        return ("--namespace", self.namespace) if self.namespace else ()

    def get(self, resource: str, name: str = "", *more: str, namespaced: bool = True) -> dict[str, Any]:
        """One object, or with no name the list of them, as JSON. Raises Refused."""
        arguments = ("get", resource, *([name] if name else []), "-o", "json", *more)
        found: dict[str, Any] = json.loads(self.run(*arguments, namespaced=namespaced))
        return found

    def rollout(self, name: str) -> dict[str, Any]:
        """One ModelRollout. Raises Refused."""
        return self.get(RESOURCE, name)

    def watch(self, resource: str, name: str) -> Iterator[dict[str, Any] | None]:
        """The object now and after each change; None whenever a second has passed. Ends when it is deleted.

        Raises Refused. The API server ends a watch from time to time: then another begins.
        """
        while True:
            for event in self._events(resource, name):
                if event is not None and event["type"] == "DELETED":
                    return
                if event is not None and event["type"] == "ERROR":
                    break
                yield None if event is None else event["object"]

    def _events(self, resource: str, name: str) -> Iterator[dict[str, Any] | None]:
        arguments = ("get", resource, name, "--watch", "--output-watch-events", "-o", "json")
        with tempfile.TemporaryFile("w+") as complaint, self._started(arguments, complaint) as running:
            try:
                yield from documents(running)
                if running.wait():
                    complaint.seek(0)
                    raise Refused(failures.sentence(complaint.read(), arguments))
            finally:
                running.kill()

    def _started(self, arguments: Sequence[str], complaint: IO[str] | int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=complaint)
        except FileNotFoundError:
            raise Refused(failures.NO_KUBECTL) from None


def add_options(parser: argparse.ArgumentParser, all_namespaces: bool = False) -> None:
    """The options that say which cluster, which namespace and who; `-A` where a command can look into all of them."""
    group = parser.add_argument_group("cluster")
    group.add_argument("-n", "--namespace", metavar="NS", help="where the rollout is (default: the context's)")
    if all_namespaces:
        group.add_argument("-A", "--all-namespaces", action="store_true", help="in every namespace")
    group.add_argument("--context", metavar="NAME", help="which context of the kubeconfig")
    group.add_argument("--kubeconfig", metavar="FILE", help="how to reach the cluster")
    group.add_argument("--as", dest="as", metavar="USER", help="act as somebody else, as in kubectl")


def add_name(parser: argparse.ArgumentParser) -> None:
    """The rollout that is meant: NAME, or as kubectl writes it modelrollout/NAME."""
    parser.add_argument("name", metavar="NAME", type=_bare, help="the rollout")


def door(options: argparse.Namespace) -> Kubectl:
    """The kubectl that the options ask for."""
    flags = [f"--{name}={value}" for name in _PASSED_ON if (value := getattr(options, name, None)) not in (None, "")]
    everywhere = bool(getattr(options, "all_namespaces", False))
    return Kubectl(tuple(flags), getattr(options, "namespace", None) or None, everywhere)


def called(name: str) -> str:
    """A rollout as `-o name` writes it."""
    return f"modelrollout.modelrollout.io/{name}"


def documents(running: subprocess.Popen[bytes]) -> Iterator[dict[str, Any] | None]:
    """The JSON documents that a process prints, one after the other; None whenever a second has passed."""
    assert running.stdout is not None
    decoder, text = json.JSONDecoder(), ""
    letters = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while True:
        ready, _, _ = select.select([running.stdout], [], [], TICK_SECONDS)
        if not ready:
            yield None
            continue
        chunk = os.read(running.stdout.fileno(), _CHUNK)
        if not chunk:
            return
        text = (text + letters.decode(chunk)).lstrip()
        while text:
            try:
                found, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                break  # the rest of it is on its way
            text = text[end:].lstrip()
            yield found


def _bare(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def names(objects: Sequence[dict[str, Any]]) -> list[str]:
    """The names of objects."""
    return [str(one["metadata"]["name"]) for one in objects]
