"""A machine that cannot run a node says so in one sentence; places are held once."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from e2e.node import needs, places
from e2e.node.places import Place
from e2e.stack import Settings
from e2e.stack.errors import MissingError
from e2e.stack.paths import ROOT

CHECK = "from e2e.node import needs\nneeds.check()"


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
def test_whoever_is_not_root_is_told_so_in_one_sentence() -> None:
    as_nobody = ["unshare", "--user", sys.executable, "-c", CHECK]
    if subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode:
        pytest.skip("this machine refuses user namespaces")

    done = subprocess.run(as_nobody, cwd=ROOT, capture_output=True, text=True)

    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("e2e.stack.errors.MissingError: A node of our own needs ")
    assert said.endswith("; use --cluster=kind where Docker is at hand.")


def test_control_groups_that_cannot_be_used_are_named_for_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "CGROUPS", tmp_path)
    assert "the right to make groups there" in needs.without_cgroups()

    (tmp_path / "cgroup.controllers").touch()
    assert "version 2 alone" in needs.without_cgroups()

    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "cgroup.clone_children").touch()
    assert needs.without_cgroups() == ""


def test_no_two_places_share_an_address_and_each_is_held_once() -> None:
    nets = [net for number in range(places.NODES) for net in _networks(Place(number))]
    one, other = places.reserve(), places.reserve()

    try:
        assert one.place != other.place
    finally:
        one.release()
        other.release()
    assert not [pair for pair in combinations(nets, 2) if pair[0].overlaps(pair[1])]


def test_a_stack_stands_on_one_cluster() -> None:
    with pytest.raises(MissingError, match="each choose the cluster; give one"):
        Settings(kind=True, node=True).check()


def _networks(place: Place) -> list[ipaddress.IPv4Network]:
    link = ipaddress.IPv4Network(f"{place.machine}/30", strict=False)
    return [link, ipaddress.IPv4Network(place.services), ipaddress.IPv4Network(place.pods)]
