"""The page and its pictures: every table finds its results, and says them in order."""

import re
from pathlib import Path

import numpy as np
import pytest
from modelrollout.judge.arrays import Floats
from modelrollout.simulate import bench, catalogue, page, pictures, tables, worlds
from modelrollout.simulate.jobs import Results
from modelrollout.simulate.runs import Times


@pytest.fixture(scope="module")
def results() -> Results:
    """Times of the right shape for every scenario: what the tables say of them is not the point here."""
    return {
        (job.world.name, one.name): Times(
            _times(f"{job.world.name} {one.name} failed"), _times(f"{job.world.name} passed")
        )
        for job in catalogue.everything(40)
        for one in job.contestants
    }


def _times(name: str) -> Floats:
    rng = worlds.generator(name)
    times = np.ceil(rng.exponential(200.0, 40) * 2) / 2
    return np.where(times > 1440, np.inf, times)


def test_the_page_has_every_table_and_picture_and_no_gap(results: Results, tmp_path: Path) -> None:
    text = page.page(results, bench.verdicts(results), 40, "images")

    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 100
    assert "nan" not in text
    assert "{" not in text
    assert re.findall(r"\]\(images/([a-z-]+\.png)\)", text) == list(pictures.FILES.values())
    for block in re.split(r"\n\n", text):
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, block


def test_pictures_are_png_and_as_wide_as_a_page(results: Results, tmp_path: Path) -> None:
    drawn = pictures.draw_all(results, tmp_path)

    assert sorted(path.name for path in drawn) == sorted(pictures.FILES.values())
    for path in drawn:
        head = path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20], "big") == 1600


def test_the_page_names_its_pictures_from_where_it_stands(tmp_path: Path) -> None:
    assert page.images_from(tmp_path / "docs" / "validity.md", tmp_path / "docs" / "images") == "images"
    assert page.images_from(tmp_path / "page.md", Path("/elsewhere")) == "/elsewhere"


def test_a_median_is_told_only_where_it_is_the_rule() -> None:
    assert tables.false_rate(np.array([10.0, np.inf, np.inf])) == "33 %"
    assert tables.false_rate(np.array([10.0, 12.0, np.inf])) == "67 % (12 min)"
    assert tables.waited(np.array([np.inf])) == "never"
    assert tables.waited(np.array([2.5, 3.0, 50.0])) == "3.0 (50)"
    assert tables.waited(np.array([2.5, np.inf, np.inf])) == "–, 33 % in all"
