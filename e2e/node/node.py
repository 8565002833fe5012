"""A node that runs: up on entry, down on exit however the block ends, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from e2e.node import configuration, debian, leftovers, needs, paths, places, plan
from e2e.node.images import Images
from e2e.node.places import Place
from e2e.node.relay import Relay
from e2e.stack import kubeconfigs, recipes, tether, tools
from e2e.stack.errors import CommandError, PartError
from e2e.stack.paths import BINARIES
from e2e.stack.processes import SECONDS_BETWEEN_LOOKS, Process

NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc")
SECONDS_TO_BE_READY = 300
SECONDS_TO_BE_GONE = 30
TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


class Node:
    """One Kubernetes with one node. It dies with this process, even by SIGKILL. Use it from one thread."""

    def __init__(self, directory: Path, say: Callable[[str], None] = print, namespace: str = "default") -> None:
        """`directory` is the node's alone and empty; it gets configuration, data and logs.

        `namespace` is where the admin's kubeconfig points to.
        """
        self.directory = directory.resolve()
        self._namespace = namespace
        self.say = say
        self._reservation: places.Reservation | None = None
        self._first: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._processes: list[Process] = []
        self._relays: dict[int, Relay] = {}

    def __enter__(self) -> Node:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def place(self) -> Place:
        if self._reservation is None:
            raise RuntimeError("the node is not up")
        return self._reservation.place

    @property
    def kubeconfig(self) -> Path:
        """The admin's."""
        return self.directory / "pki" / "admin.kubeconfig"

    # -- up and down

    def up(self) -> Node:
        """Starts it and waits until pods can run; on any failure, or Ctrl-C, takes it down and raises."""
        needs.check()
        packages = debian.provide(self.say)
        binaries = self._provide_tools()
        pause = Images(self.say)
        begun = time.monotonic()
        self._reservation = places.reserve()
        try:
            self._clear_away()
            self._configure(pause.pause())
            self._enter_namespaces(packages)
            self._connect()
            self._start(binaries)
            self.load(pause, pause.pause())
            self._until_ready()
        except BaseException:
            self.down()
            raise
        self.say(f"node ready in {time.monotonic() - begun:.1f} s at {self.place.api}")
        return self

    def down(self) -> None:
        """Ends everything that runs there, pods included. Safe to call twice."""
        for relay in self._relays.values():
            relay.close()
        self._relays = {}
        if self._first:
            tether.kill_group(self._first)
            self._first = None
        for process in self._processes:
            process.kill()
        self._processes = []
        if self._reservation:
            self._clear_away()
            self._reservation.release()
            self._reservation = None

    # -- what it offers

    def inside(self, *command: str) -> list[str]:
        """The command that runs another in the node's namespaces, as its root."""
        return ["nsenter", "--target", str(self._pid), *NAMESPACES, "--", *command]

    def run(self, *command: str) -> str:
        """What a command prints inside the node; raises `CommandError` with its complaint."""
        done = subprocess.run(self.inside(*command), capture_output=True, text=True)
        if done.returncode != 0:
            raise CommandError(f"{' '.join(command)} failed on the node: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def load(self, images: Images, name: str) -> None:
        """Gives the node an image, unless it has it already from an earlier run."""
        record = self._image_store / "loaded.json"
        loaded: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
        digest = images.digest(name)
        ctr = ("ctr", "--address", configuration.SOCKET, "--namespace", "k8s.io", "images")
        if loaded.get(name) == digest and name in self.run(*ctr, "list", "--quiet").split():
            return
        with images.archive(name) as file:
            self.run(*ctr, "import", str(file))
        loaded[name] = digest
        record.write_text(json.dumps(loaded))
        # containerd knows each by its digest too, and keeps all that has a name: a version of before is 500 MB.
        if old := leftovers.of_a_node(self.run(*ctr, "list", "--quiet").split(), loaded):
            self.run(*ctr, "rm", "--sync", *old)

    def offer(self, port: int) -> str:
        """Lets pods reach 127.0.0.1:`port` of this machine; the host and port under which they do."""
        if port not in self._relays:
            self._relays[port] = Relay(self.place.machine, port)
        return f"{self.place.machine}:{port}"

    def part(self, name: str) -> Process:
        """A part, to be killed and started again."""
        return next(process for process in self._processes if process.part.name == name)

    # -- how it starts

    def _provide_tools(self) -> dict[str, Path]:
        for recipe in recipes.FOR_A_NODE:
            tools.ensure(recipe, self.say)
        own = [name for recipe in recipes.FOR_A_NODE for name in recipe.makes]
        return {**tools.provide(TOOLS, self.say), **{name: BINARIES / name for name in own}}

    @property
    def _image_store(self) -> Path:
        """Kept between runs: an import takes longer than all the rest of a start."""
        return paths.CACHE / f"containerd-{self.place.number}"

    def _configure(self, pause: str) -> None:
        pki = self.directory / "pki"
        self._keys = plan.keys(self.place, pki)
        for name, pair in self._keys.clients.items():
            file = pki / f"{name}.kubeconfig"
            kubeconfigs.with_certificate(file, self.place.api, self._keys.authority, pair, self._namespace)
        written = configuration.files(self.place, pki, self.directory / "etc", self._image_store, pause)
        for file, text in written.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for folder in ("run", "logs"):
            (self.directory / folder).mkdir(exist_ok=True)
        self._image_store.mkdir(parents=True, exist_ok=True)

    def _enter_namespaces(self, packages: Path) -> None:
        """Starts the first process of the node and waits until it has made the file systems."""
        log = self.directory / "logs" / "first.log"
        told = (sys.executable, "-I", "-S", str(paths.FIRST), str(packages), str(self.directory), self.place.name)
        command = ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--kill-child", *told]
        with log.open("w") as output:
            self._first = tether.start(command, output, os.environ, self.directory)
        deadline = time.monotonic() + SECONDS_TO_BE_READY
        while not (self.directory / "run" / "first").exists():
            if self._first.poll() is not None or time.monotonic() > deadline:
                raise PartError("the node's first process", "did not make its file systems", log)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        (child,) = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text().split()
        self._pid = int(child)

    def _connect(self) -> None:
        """A link between machine and node, and routes to what is behind it; they go when the node goes."""
        place = self.place
        _ip("link", "add", place.name, "type", "veth", "peer", "name", "eth0", "netns", str(self._pid))
        _ip("address", "add", f"{place.machine}/30", "dev", place.name)
        _ip("link", "set", place.name, "up")
        self.run("ip", "address", "add", f"{place.node}/30", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", place.machine)
        for addresses in (place.services, place.pods):
            _ip("route", "add", addresses, "via", place.node)

    def _start(self, binaries: dict[str, Path]) -> None:
        planned = plan.parts(self.place, self._keys, binaries, self.directory / "pki", self.directory)
        self._processes = [
            Process(
                replace(part, command=tuple(self.inside(*part.command))), self.directory, self.say, SECONDS_TO_BE_READY
            )
            for part in planned
        ]
        for process in self._processes:
            if process.part.name in plan.FIRST:
                process.launch()
        self.part("kube-apiserver").wait_until_ready()
        for process in self._processes:
            if process.part.name not in plan.FIRST:
                process.launch()

    def _until_ready(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_BE_READY
        while not self._is_ready():
            for process in self._processes:
                process.check()
            if time.monotonic() > deadline:
                kubelet = self.part("kubelet")
                raise PartError("kubelet", f"did not report itself ready in {SECONDS_TO_BE_READY} s", kubelet.log)
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _is_ready(self) -> bool:
        """True when pods can be placed and have a ServiceAccount."""
        ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        asked = (
            ("get", "node", "node", "-o", ready),
            ("get", "serviceaccount", "default", "-n", "default", "-o", "name"),
        )
        return all(self._kubectl(*each) in ("True", "serviceaccount/default") for each in asked)

    def _kubectl(self, *arguments: str) -> str:
        command = [str(BINARIES / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    # -- how it ends

    def _clear_away(self) -> None:
        """What a node leaves, or one that was killed has left: the link and the control groups."""
        with suppress(CommandError):
            _ip("link", "delete", self.place.name)
        deadline = time.monotonic() + SECONDS_TO_BE_GONE
        # Its last processes may still be on their way out of the groups.
        while left := _remove(needs.CGROUPS.glob(f"*/{self.place.name}")):
            if time.monotonic() > deadline:
                self.say(f"control groups are left: {', '.join(map(str, left))}")
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _remove(groups: Iterable[Path]) -> list[Path]:
    """Removes control groups, innermost first; those that cannot go yet."""
    left = []
    for group in groups:
        inner = sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True) if group.exists() else []
        for each in [*inner, group]:
            try:
                each.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                left.append(each)
    return left


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandError(f"{' '.join(command)} failed: {done.stderr.strip()}")
