"""A cache of images keeps what the last builds needed, and nothing of the versions before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.node import leftovers, needs
from e2e.node.images import Images
from e2e.stack.errors import MissingError

IMAGE = "localhost/leftovers:checkout"
DOCKERFILE = """FROM scratch AS part
COPY part /part
FROM scratch
COPY --from=part /part /part
COPY own /own
"""


def test_steps_of_the_last_builds_and_whatever_has_a_name_stay() -> None:
    log = "STEP 1/2: COPY a .\n--> Using cache aaaaaaaaaaaaaaaa\n--> aaaaaaaaaaa\nSTEP 2/2: COPY b .\n--> bbbbbbbbbbb\n"
    images = [("aaaaaaaaaaaaaaaa", "<none>"), ("bbbbbbbbbbbbbbbb", "<none>"), ("cccccccccccccccc", "<none>")]

    assert leftovers.of_builds([*images, ("dddddddddddddddd", "localhost/pause")], [log]) == ["cccccccccccccccc"]


def test_a_node_keeps_the_newest_of_each_image_that_it_was_given() -> None:
    loaded = {"localhost/pause:1": "aa", "localhost/models:checkout": "bb"}

    assert leftovers.of_a_node([*loaded, "sha256:aa", "sha256:bb", "sha256:cc"], loaded) == ["sha256:cc"]


@pytest.mark.node
def test_versions_before_the_last_two_go_and_the_last_is_built_from_its_cache(tmp_path: Path) -> None:
    images, context = _images(tmp_path / "store"), tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    layers = []
    for version in (1, 2, 3, 3):
        (context / "part").write_text(f"part of {version}")
        (context / "own").write_text(f"own of {version}")
        images.make(IMAGE, context)
        layers.append(len(list((tmp_path / "store" / "store" / "overlay-layers").glob("*.tar-split.gz"))))

    assert layers == [layers[0], 2 * layers[0], 2 * layers[0], layers[0]]
    assert (tmp_path / "store" / "leftovers.log").read_text().count("--> Using cache") == DOCKERFILE.count("COPY")


def _images(directory: Path) -> Images:
    try:
        needs.check()
        return Images(print, directory)
    except MissingError as lacking:
        pytest.skip(str(lacking))
