"""Two replicas share the work of one: one leads, the other takes over, nothing is counted or said twice."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from e2e import waiting
from e2e.counting import NEVER_DONE, miscounted, until_scraped
from e2e.rollouts import Object, Rollout, stage
from e2e.stack import PartError, Process, Stack
from e2e.story import Story, agrees, percents

pytestmark = pytest.mark.stack

LEASE = "story-leader"
VERBS = "get,create,update"


@pytest.fixture
def electing(stack: Stack) -> Iterator[dict[str, str]]:
    """What replicas are told so that they hold an election. Afterwards the stories' only replica runs again."""
    stack.stop_operator()
    yield {"MODELROLLOUT_LEASE_NAME": LEASE, "MODELROLLOUT_LEASE_NAMESPACE": stack.namespace}
    stack.stop_operator("standby")
    _kubectl(stack, "delete", "lease,role,rolebinding", LEASE, "--ignore-not-found")
    stack.start_operator()


def test_a_replica_that_cannot_lead_says_why_and_leads_when_it_can(stack: Stack, electing: dict[str, str]) -> None:
    refused = _ends_at_its_start(stack, electing)
    sentence = refused.log.read_text()
    _grant(stack)
    rights = stack.access.operator_kubeconfig()
    stack.part("kube-apiserver").kill()
    waits = stack.start_operator(environment=electing, kubeconfig=rights)
    _until(lambda: "gave no answer" in waits.log.read_text(), "it says what it waits for")
    waited = _leads(waits)
    stack.part("kube-apiserver").start()
    _until(lambda: _leads(waits), "it leads")
    held = _lease(stack)
    waits.stop()
    given_back = _lease(stack)

    assert refused.exit_code == 1
    assert (
        f"Lease {stack.namespace}/{LEASE} decides which replica works, and this one may not use it: add {{apiGroups: "
        f"[coordination.k8s.io], resources: [leases], verbs: [get, create, update]}} to the operator's Role in "
        f"namespace {stack.namespace}"
    ) in sentence
    assert not waited
    assert waits.log.read_text().count("gave no answer") == 1
    assert (held["leaseDurationSeconds"], held["leaseTransitions"]) == (8, 0)
    assert waits.exit_code == 0
    assert "holderIdentity" not in given_back


def test_leaders_die_leave_and_freeze_and_everything_is_done_once(
    electing: dict[str, str], story: Story, record_property: Callable[[str, str], None]
) -> None:
    stack = story.stack
    _grant(stack)
    one = stack.start_operator(environment=electing)
    _until(lambda: _leads(one), "the first leads")
    other = stack.start_operator(environment=electing, name="standby")
    assert (_gauge(one), _gauge(other)) == (1.0, 0.0)

    story.serve_both()
    with story.clients(per_second=30) as traffic, story.watching_weights() as written:
        until_scraped(story)
        story.begin([stage(40, soak="600s"), stage(100)], guardrails=[NEVER_DONE])
        begun = story.until_at(1, 40)

        _until_looked(story, more=1)
        one.kill()
        after_kill = _seconds_until_leading(other)
        _until_looked(story, more=5)

        one.start()
        assert not _leads(one)
        os.kill(_pid(other), signal.SIGTERM)
        after_sigterm = _seconds_until_leading(one)
        _until(lambda: not other.is_running, "the one that was told to end ends")
        left_with = other.exit_code

        other.start()
        os.kill(_pid(one), signal.SIGSTOP)
        after_sigstop = _seconds_until_leading(other)
        _until_looked(story, more=5)
        os.kill(_pid(one), signal.SIGCONT)
        _until(lambda: not one.is_running, "the one that slept through its time ends")
        woke_with, seen = one.exit_code, story.rollout
        lease = _lease(stack)

    took = f"SIGKILL {after_kill:.1f} s, SIGTERM {after_sigterm:.1f} s, SIGSTOP {after_sigstop:.1f} s"
    record_property("measured", f"another replica leads after {took}")
    assert (left_with, woke_with) == (0, 1)
    assert "leads no more and ends, to be started anew: " in one.log.read_text()
    assert lease["leaseTransitions"] == 3
    assert not miscounted(story, seen, traffic)
    assert percents(written) == [0, 40]
    assert seen.reasons == ["AttemptStarted", "StageStarted"]
    assert story.decisions() == ["AttemptStarted", "StageStarted"]
    assert not agrees(traffic, story.candidate, 40, begun.traffic["appliedAt"])
    assert not traffic.seen().failed


# -- replicas


def _ends_at_its_start(stack: Stack, electing: dict[str, str]) -> Process:
    """A replica that ended by itself; it may have answered that it lives before it knew."""
    with suppress(PartError):
        stack.start_operator(environment=electing)
    process = stack.part("operator")
    _until(lambda: not process.is_running, "it ends")
    return process


def _seconds_until_leading(process: Process) -> float:
    begun = time.monotonic()
    _until(lambda: _leads(process), "the other one leads")
    return time.monotonic() - begun


def _leads(process: Process) -> bool:
    """What it answers a kubelet. The stack's own plan says where."""
    with urllib.request.urlopen(process.part.ready.url, timeout=60) as answer:
        return bool(json.load(answer)["leads"])


def _gauge(process: Process) -> float:
    with urllib.request.urlopen(process.part.address, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith("modelrollout_leader ")).split()[1])


def _pid(process: Process) -> int:
    assert process.pid is not None
    return process.pid


def _until(condition: Any, what: str) -> None:
    waiting.until(condition, what)


# -- the cluster


def _grant(stack: Stack) -> None:
    who = _kubectl(stack, "get", "serviceaccounts", "-o", "jsonpath={.items[*].metadata.name}").split()
    account = next(name for name in who if name != "default")
    _kubectl(stack, "create", "role", LEASE, f"--verb={VERBS}", "--resource=leases.coordination.k8s.io")
    bound = f"--serviceaccount={stack.namespace}:{account}"
    _kubectl(stack, "create", "rolebinding", LEASE, f"--role={LEASE}", bound)


def _lease(stack: Stack) -> Object:
    found: Object = json.loads(_kubectl(stack, "get", "lease", LEASE, "-o", "json"))["spec"]
    return found


def _kubectl(stack: Stack, *arguments: str) -> str:
    return stack.kubectl(*arguments, "--namespace", stack.namespace)


# -- the rollout


def _until_looked(story: Story, more: int) -> Rollout:
    """The rollout after so many more looks than now."""
    looks = story.rollout.status["looks"]
    return story.until_rollout(lambda seen: seen.status["looks"] >= looks + more, "it looks on")
