"""`python -m e2e.demo`: the story from start to end. Exit code 0 when every candidate met its expected end."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.rule import Rule

from e2e.demo import market, scenes, screen
from e2e.demo.market import Turn
from e2e.demo.scenes import BASELINE, FEEDBACK, ROLLOUT, SCENES, Scene
from e2e.stack import Settings, Stack
from e2e.stack.errors import StackError
from e2e.traffic import Traffic, report, results
from e2e.traffic.labels import Labelling

LONGEST_SCENE_SECONDS = 600.0
REFRESH_SECONDS = 0.5
LINES_EVERY_SECONDS = 10.0
SEEN_SECONDS = 3.0
LABELS_SECONDS = 5.0
KEPT = Path(".cache") / "demo"
REQUESTS_PER_SECOND = 60.0
PREDICTIONS_PER_REQUEST = 8
LABELLING = Labelling(FEEDBACK, arms={}, delay_seconds=0.3, spread_seconds=0.4, lost=0.05)


@dataclass(frozen=True)
class Ending:
    """How a scene ended."""

    scene: Scene
    outcome: str
    seconds: float
    why: str
    candidate_requests: int
    failed_requests: int
    last_candidate_answer: float | None
    decided_at: float
    turn: str
    """What a turn of the market did; empty without one."""


class Demo:
    """One run of the demo on a running stack."""

    def __init__(self, stack: Stack, traffic: Traffic, console: Console) -> None:
        self._stack, self._traffic, self._console = stack, traffic, console
        self._turn: Turn | None = None
        self._rollouts = _reader(stack.kubeconfig)

    def play(self, scene: Scene) -> Ending:
        """Roll the candidate out and watch until the operator has decided."""
        self._console.print(Rule(f"[bold]{scene.candidate}[/]: {scene.title}", align="left"))
        self._traffic.rule(scene.climate)
        begun, self._turn = time.time(), None
        self._stack.kubectl("apply", "-f", "-", input=scenes.rollout(self._stack.namespace, scene.candidate))
        self._wait_for_attempt(scene)
        rollout = self._watch(scene, begun)
        time.sleep(1.5)  # requests that were under way when the weights moved
        return self._ending(scene, rollout, begun)

    def _wait_for_attempt(self, scene: Scene) -> None:
        """Until the operator has taken up the new candidate; before that the screen would show the one before."""
        for _ in range(int(LONGEST_SCENE_SECONDS / REFRESH_SECONDS)):
            status = self._rollouts(self._stack.namespace, ROLLOUT).get("status") or {}
            if scene.candidate in {artefact["name"] for artefact in status.get("artefacts", [])}:
                return
            time.sleep(REFRESH_SECONDS)
        raise StackError(f"the operator has not taken up {scene.candidate}: python -m e2e.stack logs operator")

    def _watch(self, scene: Scene, begun: float) -> dict[str, Any]:
        printed = 0.0
        with Live(console=self._console, refresh_per_second=4, transient=False) as live:
            while True:
                now = time.time()
                rollout = self._rollouts(self._stack.namespace, ROLLOUT)
                self._turn_the_market(scene, rollout["status"], now)
                picture = screen.render(rollout, self._clients(now), now)
                over = rollout["status"].get("phase") in {"Healthy", "Degraded"}
                if self._console.is_terminal:
                    live.update(picture)
                elif over or now - printed >= LINES_EVERY_SECONDS:
                    self._console.print(picture)
                    printed = now
                if over:
                    return rollout
                if now - begun > LONGEST_SCENE_SECONDS:
                    raise StackError(f"no decision after {LONGEST_SCENE_SECONDS:.0f} s: see the operator's log above")
                self._stack.note_deaths()
                time.sleep(REFRESH_SECONDS)

    def _turn_the_market(self, scene: Scene, status: dict[str, Any], now: float) -> None:
        """In the second stage, once: the candidate has served some requests in the climate before."""
        if scene.turns_to and not self._turn and (status.get("stage") or {}).get("index", 0) >= 1:
            self._traffic.rule(scene.turns_to)
            self._turn = Turn(scene.turns_to.name, now)

    def _clients(self, now: float) -> screen.Clients:
        outcomes = self._traffic.outcomes(since=now - LABELS_SECONDS)
        return screen.Clients(self._traffic.newest(SEEN_SECONDS), outcomes, self._traffic.climate.name)

    def _ending(self, scene: Scene, rollout: dict[str, Any], begun: float) -> Ending:
        status = rollout["status"]
        seen = self._traffic.seen(since=begun)
        answers = [answer.at for answer in seen.answers if answer.arm == scene.candidate]
        decided = status["traffic"]["writtenAt"]
        rolled_back = status.get("outcome") == "RolledBack"
        return Ending(
            scene=scene,
            outcome=status.get("outcome", "-"),
            seconds=decided - begun,
            why=status["history"][0]["message"],
            candidate_requests=len(answers),
            failed_requests=len(seen.failed),
            last_candidate_answer=max(answers) - decided if rolled_back and answers else None,
            decided_at=decided,
            turn=self._what_the_turn_did(scene, begun),
        )

    def _what_the_turn_did(self, scene: Scene, begun: float) -> str:
        if not self._turn:
            return ""
        return market.sentence(self._turn, self._traffic.outcomes(since=begun), (BASELINE, scene.candidate), begun)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack up at the end, until Ctrl-C")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=False)
    begun = time.time()
    settings = Settings(directory=Path(".cache") / "stack" / f"demo-{os.getpid()}")
    try:
        with Stack(settings, say=lambda line: console.print(line, style="dim")) as stack:
            endings = _run(stack, console)
            _conclude(stack, console, endings, time.time() - begun)
            if options.keep:
                console.print(f"The stack stays up until Ctrl-C: export KUBECONFIG={stack.kubeconfig}")
                while True:
                    time.sleep(3600)
    except StackError as failed:
        console.print(f"[bold red]The demo stopped:[/] {failed}")
        return failed.exit_code
    except KeyboardInterrupt:
        console.print("Stopped; everything is down again.")
        return 130
    return 0 if all(ending.outcome == ending.scene.expected for ending in endings) else 1


def _run(stack: Stack, console: Console) -> list[Ending]:
    console.print("Installing the chart with Helm; the operator runs under its ServiceAccount", style="dim")
    stack.install_chart()
    stack.start_operator()
    stack.kubectl("apply", "-f", "-", input=scenes.models(stack.namespace))
    names = [BASELINE, FEEDBACK, *(scene.candidate for scene in SCENES)]
    for name in names:
        stack.kubectl("wait", f"model/{name}", "--for=condition=Ready", "--timeout=60s", "-n", stack.namespace)
    rate = f"{REQUESTS_PER_SECOND:.0f} requests a second for {PREDICTIONS_PER_REQUEST} predictions each"
    console.print(f"{len(names)} models are loaded; {rate} begin, and labels follow", style="dim")
    with _traffic(stack) as traffic:
        time.sleep(8)  # a little history, from which the latency buckets are chosen
        demo = Demo(stack, traffic, console)
        endings = [demo.play(scene) for scene in SCENES]
    _keep(traffic, endings)
    return endings


def _keep(traffic: Traffic, endings: list[Ending]) -> None:
    """What clients saw, as files and as a picture."""
    begun = [
        (ending.decided_at - ending.seconds, ending.scene.candidate.removesuffix("-predictor")) for ending in endings
    ]
    decided = [(ending.decided_at, ending.outcome) for ending in endings]
    answers, outcomes, marks = traffic.seen().answers, traffic.outcomes(), sorted([*begun, *decided])
    results.write(KEPT, answers, outcomes, "parquet", marks)
    report.draw(KEPT / report.FILE, answers, outcomes, "What the demo's clients saw", marks)


def _traffic(stack: Stack) -> Traffic:
    return Traffic(
        stack.data_plane_url,
        BASELINE,
        REQUESTS_PER_SECOND,
        labelling=LABELLING,
        windows=PREDICTIONS_PER_REQUEST,
        clients=5,
    )


def _conclude(stack: Stack, console: Console, endings: list[Ending], seconds: float) -> None:
    rows = [
        (_figures(ending), " ".join(filter(None, [f"{ending.why}.", _reach(ending), ending.turn])))
        for ending in endings
    ]
    total = sum(ending.failed_requests for ending in endings)
    footer = f"{total} client requests failed in all. The whole demo took {seconds:.0f} s."
    console.print(screen.report(rows, footer))
    console.print(f"What clients saw, as a picture: {KEPT / report.FILE}")
    console.print("$ kubectl get rollouts", style="bold")
    console.print(stack.kubectl("get", "rollouts", "-n", stack.namespace).rstrip(), soft_wrap=True)


def _figures(ending: Ending) -> list[str]:
    return [
        ending.scene.candidate,
        ending.outcome if ending.outcome == ending.scene.expected else f"[red]{ending.outcome}[/]",
        f"{ending.seconds:.0f} s",
        f"{ending.candidate_requests:,}",
        f"{ending.failed_requests:,}",
    ]


def _reach(ending: Ending) -> str:
    if ending.last_candidate_answer is None:
        return ""
    late = max(0.0, ending.last_candidate_answer)
    return f"No request reached it later than {late:.2f} s after that was decided."


def _reader(kubeconfig: Path) -> Callable[[str, str], dict[str, Any]]:
    """A function that reads a ModelRollout."""
    from kubernetes import client, config

    objects = client.CustomObjectsApi(config.new_client_from_config(str(kubeconfig)))

    def read(namespace: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = objects.get_namespaced_custom_object(
            "modelrollout.io", "v1alpha1", namespace, "modelrollouts", name
        )
        return found

    return read


if __name__ == "__main__":
    sys.exit(main())
