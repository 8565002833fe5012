"""One stack for all stories, with the operator under the rights that the chart gives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from e2e.stack import Settings, Stack
from e2e.story import Story

SECRETS = ["story-token", "story-other-token", "story-trust", "story-absent"]
"""Secrets that the operator may read; a story that needs one takes one of these names."""
LONGEST_NAME = 36
NUMBERS = count(1)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(Settings(directory=tmp_path_factory.mktemp("stories") / "stack")) as running:
        running.install_chart(values={"prometheus.secretNames": SECRETS})
        running.start_operator()
        yield running


@pytest.fixture
def story(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Story]:
    """A corner of its own, named after the test; every part of the stack runs when the story begins."""
    for part in stack.parts():
        part.start()
    words = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    mine = Story(stack, f"{words[:LONGEST_NAME].strip('-')}-{next(NUMBERS)}")
    yield mine
    for part in stack.parts():
        part.start()
    mine.clean_up()


@pytest.fixture
def corner(story: Story) -> Iterator[Callable[[str], Story]]:
    """Further stories beside the test's own."""
    made: list[Story] = []

    def one(name: str) -> Story:
        made.append(Story(story.stack, f"{story.name}-{name}"))
        return made[-1]

    yield one
    for each in made:
        each.clean_up()
