"""The installed program: what it starts with, what it prints where, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from modelrollout.api.orders import ACTION, MEANS, Verb
from modelrollout.cli import candidates, main, verbs
from modelrollout.cli.commands import COMMANDS

BIN = Path(sys.executable).parent
HEAVY = {"pydantic", "numpy", "scipy", "yaml", "kopf", "kubernetes", "requests", "prometheus_api_client"}
LIGHT = ("get", "list", "status", "history", "explain", "version", "completion", *Verb)
SCRIPT = """
import contextlib, io, json, sys
from modelrollout.cli.main import main
for command in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main([command, "--help"])
print(json.dumps(sorted(sys.modules)))
"""


def run(
    *arguments: str, path: Sequence[Path] = (), program: str = "kubectl-modelrollout"
) -> subprocess.CompletedProcess[str]:
    """The installed program with nothing on PATH but what is given."""
    environment = {**os.environ, "PATH": os.pathsep.join(map(str, path)), "LANG": "C", "COLUMNS": "80"}
    return subprocess.run([BIN / program, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_help_shows_every_command_as_people_type_it() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert done.stdout.startswith("usage: kubectl modelrollout ")
    assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"simulate", "backtest", "replay"}))
def test_help_of_a_command_fits_a_terminal_but_for_what_is_to_be_copied(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = main.parser(command).format_help().splitlines()

    assert [line for line in shown if len(line) > 80 and not line.startswith("  kubectl annotate")] == []


def test_commands_start_without_what_only_others_need() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *LIGHT], check=True, capture_output=True, text=True)

    assert HEAVY.isdisjoint(json.loads(done.stdout))


def test_without_a_command_it_shows_them_and_ends_with_2() -> None:
    done = run()

    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: kubectl modelrollout" in done.stderr


@pytest.mark.parametrize("words", [("gett",), ("get",), ("get", "a", "--nonsense"), ("pause", "a", "b")])
def test_what_is_not_understood_ends_with_2_and_nothing_on_stdout(words: tuple[str, ...]) -> None:
    done = run(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert "kubectl modelrollout" in done.stderr


@pytest.mark.parametrize("words", [("get", "a"), ("status", "a"), ("abort", "a")])
def test_without_kubectl_one_sentence_says_what_is_missing(words: tuple[str, ...]) -> None:
    done = run(*words)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: kubectl is not on PATH: install kubectl 1.26 or newer, this plugin reaches the cluster through it\n"
    )


def test_an_error_cannot_steer_the_terminal() -> None:
    done = run("lint", "-f", "\x1b[2Jmine.yaml")

    assert done.returncode == 2
    assert done.stderr.startswith("error:  [2Jmine.yaml cannot be read")


def test_a_reader_that_has_gone_is_no_error() -> None:
    script = f"'{BIN / 'kubectl-modelrollout'}' --help | true; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_options_of_the_cluster_may_stand_before_the_command_too() -> None:
    early = main.first().parse_args(["-n", "early", "--context", "c", "get", "a"])
    rest = early.rest
    later = main.parser("get").parse_args([*rest, "-n", "late"], early)

    assert (later.namespace, later.context, later.name) == ("late", "c", "a")


@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_has_help_and_says_what_was_done(verb: Verb) -> None:
    shown = main.parser(str(verb)).format_help()

    assert MEANS[verb] in " ".join(shown.split())
    assert f"{ACTION}={verb}@" in shown
    assert verbs.DONE[verb]


# --- completion -------------------------------------------------------------------------------------------------------


def completed(*words: str) -> tuple[list[str], str]:
    done = run(*words, program="kubectl_complete-modelrollout")
    *lines, last = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t")[0] for line in lines], last


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("",), list(COMMANDS)),
        (("re",), [name for name in COMMANDS if name.startswith("re")]),
        (("get", "--no"), ["--no-color"]),
        (("get", "-o", ""), ["table", "wide", "json", "yaml", "name"]),
        (("-n", "models", "get", "-o", "j"), ["json"]),
        (("status", "--for", "pro"), ["progressing", "promoting"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("get", "--reason"), []),
        (("get", "a", ""), []),
    ],
)
def test_the_shell_is_offered_what_may_stand_there(words: tuple[str, ...], found: list[str]) -> None:
    assert completed(*words) == (found, candidates.NO_FILES)


def test_where_a_file_belongs_the_shell_offers_files() -> None:
    assert completed("backtest", "-f", "") == ([], candidates.FILES)


def test_without_a_cluster_nothing_is_offered_and_nothing_said() -> None:
    assert completed("get", "") == ([], candidates.NO_FILES)


def test_bash_completes_with_the_script_it_is_given() -> None:
    script = (
        f"PATH='{BIN}':$PATH; source <(kubectl-modelrollout completion bash); "
        "COMP_WORDS=(kubectl-modelrollout his); COMP_CWORD=1; _kubectl_modelrollout; echo ${COMPREPLY[@]}"
    )

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("history\n", "")
