"""A new candidate in a file: the name changes, and not one other letter."""

import stat
import textwrap
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from modelrollout.api import contract, crd
from modelrollout.cli import main as plugin
from modelrollout.cli import manifests, renaming
from modelrollout.cli.manifests import Unreadable
from modelrollout.cli.refusals import Refused
from modelrollout.cli.renaming import Change, Wanted

ROLLOUT = textwrap.dedent("""\
    # who: the fraud team
    apiVersion: modelrollout.io/v1alpha1
    kind: ModelRollout
    metadata: {name: fraud, namespace: inference}   # flow style stays
    spec:
      baseline:
        name: fraud-7   # serves now
      candidates:

      # the pipeline writes here
      - name: fraud-8   # retrained nightly
      strategy: {canary: {stages: [{weight: 5}, {weight: 100}]}}
      guardrails:
        - {name: errors, errorRate: {}}
    """)
OTHER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fraud-8}\ndata: {candidate: fraud-8, odd: !mine [fraud-8]}\n"
HEAD = "apiVersion: modelrollout.io/v1alpha1\nkind: ModelRollout\nmetadata: {name: é}\nspec:\n  baseline: {name: b}\n"
SECOND = ROLLOUT.replace("name: fraud,", "name: loans,").replace("fraud-8 ", "loans-2 ").replace("fraud-7 ", "loans-1 ")

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """Lines that differ, when both have as many."""
    pairs = zip(before.splitlines(keepends=True), after.splitlines(keepends=True), strict=True)
    return [(old, new) for old, new in pairs if old != new]


def test_the_name_changes_and_comments_order_and_line_ends_stay() -> None:
    after, changes = renaming.rename(ROLLOUT, Wanted("fraud-9"))

    assert changes == [Change("candidates[0].name", "fraud-8", "fraud-9")]
    assert changed_lines(ROLLOUT, after) == [
        ("  - name: fraud-8   # retrained nightly\n", "  - name: fraud-9   # retrained nightly\n")
    ]


def test_after_a_promotion_both_names_move_on() -> None:
    after, changes = renaming.rename(ROLLOUT, Wanted("fraud-9", baseline="fraud-8"))

    assert [f"{one.field} {one.old} -> {one.new}" for one in changes] == [
        "candidates[0].name fraud-8 -> fraud-9",
        "baseline.name fraud-7 -> fraud-8",
    ]
    assert len(changed_lines(ROLLOUT, after)) == 2


@settings(max_examples=150, deadline=None)
@given(
    models=st.lists(names.filter(lambda name: name != "b"), min_size=2, max_size=2, unique=True),
    quote=st.sampled_from(["", "'", '"']),
    end=st.sampled_from(["\n", "\r\n"]),
    form=st.sampled_from(
        [
            "  candidates: [{{name: {0}}}]",
            "  candidates:\n  - name: {0} # mine",
            '  "candidates": [ {{"name" : {0} }} ]',
        ]
    ),
    others=st.tuples(st.booleans(), st.booleans()),
    mark=st.booleans(),
)
def test_exactly_the_letters_of_the_name_change(
    models: list[str], quote: str, end: str, form: str, others: tuple[bool, bool], mark: bool
) -> None:
    old, new = models
    quote = quote or ("" if yaml.safe_load(f"a: {old}") == {"a": old} else '"')
    written = f"{quote}{old}{quote}"
    rollout = f"{HEAD}{form.format(written)}\n"
    text = "---\n".join([OTHER] * others[0] + [rollout] + [OTHER] * others[1]).replace("\n", end)
    text = ("\ufeff" if mark else "") + text

    got, changes = renaming.rename(text, Wanted(new))

    [(was, now)] = changed_lines(text, got)
    before, _, after = was.rpartition(f" {written}")
    assert changes == [Change("candidates[0].name", old, new)]
    assert now.startswith(before)
    assert now.endswith(after)
    assert now.removeprefix(f"{before} ").removesuffix(after).strip("'\"") == new
    documents = yaml.load_all(got.removeprefix("\ufeff"), Loader=yaml.BaseLoader)
    assert [one["spec"]["candidates"] for one in documents if "spec" in one] == [[{"name": new}]]


@pytest.mark.parametrize("name", ["7", "1e5", "0x1f", "true", "no", "null", "2026-01-01", "0b1"])
def test_a_name_that_yaml_takes_for_something_else_is_put_in_quotes(name: str) -> None:
    after, _ = renaming.rename(ROLLOUT, Wanted(name))

    assert f'- name: "{name}"   # retrained' in after


def test_one_of_several_rollouts_is_meant() -> None:
    both = f"{ROLLOUT}---\n{OTHER}---\n{SECOND}"
    after, _ = renaming.rename(both, Wanted("loans-3", rollout="loans"))

    assert [new for _, new in changed_lines(both, after)] == ["  - name: loans-3   # retrained nightly\n"]


BY_HAND = "spec.candidates[0].name is not written as a plain name (an anchor, perhaps): edit it by hand"
NO_NAME = "not a name of an object, use lower-case letters, digits and dashes"
REFUSED = {
    "--name is 'fraud-7', and that is the baseline: choose another, or give the new --baseline too": (
        ROLLOUT, Wanted("fraud-7")
    ),
    "--name is 'x', and that is the baseline: choose another candidate": (ROLLOUT, Wanted("x", baseline="x")),
    f"--name is 'Fraud 9': {NO_NAME}": (ROLLOUT, Wanted("Fraud 9")),
    f"--baseline is '{'a' * 64}': {NO_NAME}": (ROLLOUT, Wanted("x", baseline="a" * 64)),
    "it holds no ModelRollout of modelrollout.io/v1alpha1: give the file that does": (OTHER, Wanted("x")),
    "it holds 2 rollouts (fraud, loans): say which with --rollout": (f"{ROLLOUT}---\n{SECOND}", Wanted("x")),
    "it holds 2 rollouts (fraud, fraud): give each rollout its own file": (
        f"{ROLLOUT}---\n{ROLLOUT}", Wanted("x", rollout="fraud")
    ),
    "it holds no rollout 'cards', but fraud: correct --rollout": (ROLLOUT, Wanted("x", rollout="cards")),
    BY_HAND: (ROLLOUT.replace("name: fraud-8 ", "name: &it fraud-8 "), Wanted("x")),
    f"{BY_HAND} ": (ROLLOUT.replace("name: fraud-8 ", "name: >-\n      fraud-8\n   "), Wanted("x")),
    "rollout fraud has no spec.candidates[0].name of its own in this file: write it there, or edit it by hand": (
        ROLLOUT.replace("- name: fraud-8 ", "- model: fraud-8 "), Wanted("x")
    ),
    "rollout fraud has 2 candidates, and one of them is meant: edit it": (
        ROLLOUT.replace("- name: fraud-8 ", "- {name: a}\n  - name: fraud-8 "), Wanted("x")
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_done_is_refused_with_the_cure(sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        renaming.rename(*REFUSED[sentence])

    assert str(refused.value) == sentence.rstrip()


def test_what_is_known_without_the_contract_is_what_the_contract_says() -> None:
    assert (f"{crd.GROUP}/{crd.VERSION}", crd.KIND) == (manifests.API_VERSION, manifests.KIND)
    assert renaming.NAME == contract.NAME


def test_an_alias_of_the_baseline_is_not_followed() -> None:
    text = ROLLOUT.replace("name: fraud-7 ", "name: &model fraud-7 ").replace("name: fraud-8 ", "name: *model ")

    with pytest.raises(Refused):
        renaming.rename(text, Wanted("fraud-9"))


def test_what_is_no_yaml_is_said_with_its_line() -> None:
    with pytest.raises(Unreadable) as refused:
        renaming.rename(ROLLOUT.replace("name: fraud-8", "\tname: fraud-8"), Wanted("x"))

    assert (str(refused.value), refused.value.line) == (
        "no YAML: found character '\\t' that cannot start any token",
        11,
    )


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rollout.yaml"
    made.write_bytes(ROLLOUT.replace("\n", "\r\n").encode())
    made.chmod(0o640)
    return made


def test_the_file_is_written_with_its_mode_and_line_ends(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    code = plugin.main(["set-candidate", "-f", str(link), "--name", "fraud-9"])

    assert (code, capsys.readouterr().out) == (0, f"{link}: candidates[0].name fraud-8 -> fraud-9\n")
    assert file.read_bytes() == ROLLOUT.replace("fraud-8", "fraud-9").replace("\n", "\r\n").encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(one.name for one in file.parent.iterdir()) == ["link.yaml", "rollout.yaml"]


def test_said_twice_it_changes_nothing_the_second_time(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_bytes()
    code = plugin.main(["set-candidate", "-f", str(file), "--name", "fraud-8"])

    assert (code, file.read_bytes()) == (0, before)
    assert capsys.readouterr().err == f"{file}: nothing to change, fraud-8 is the candidate already\n"


def test_a_dry_run_shows_the_change_and_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_bytes()
    code = plugin.main(["set-candidate", "-f", str(file), "--name", "fraud-9", "--dry-run"])
    told = capsys.readouterr().out.splitlines()

    assert (code, file.read_bytes()) == (0, before)
    assert [line for line in told if line.startswith(("-  ", "+  "))] == [
        "-  - name: fraud-8   # retrained nightly",
        "+  - name: fraud-9   # retrained nightly",
    ]


def test_a_file_that_cannot_be_read_or_written_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plugin.main(["set-candidate", "-f", str(file.parent), "--name", "fraud-9"]) == 1
    assert "cannot be read (Is a directory)" in capsys.readouterr().err
    file.write_bytes(b"\xff\xfe")
    assert plugin.main(["set-candidate", "-f", str(file), "--name", "fraud-9"]) == 1
    assert capsys.readouterr().err == f"error: {file} is no UTF-8 text: save it as UTF-8\n"


def test_a_read_only_file_stays(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.chmod(0o440)
    before = file.read_bytes()

    assert plugin.main(["set-candidate", "-f", str(file), "--name", "fraud-9"]) == 1
    assert "cannot be written (it is read-only): nothing was changed" in capsys.readouterr().err
    assert file.read_bytes() == before
