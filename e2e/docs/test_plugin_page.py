"""The plugin's page and its rows in the reference: every exit code is told, orders parse, answers are as shown."""

import re
import shlex

import pages
import pytest
from modelrollout.api import orders
from modelrollout.api.orders import ACTION, MEANS
from modelrollout.cli import main as plugin
from modelrollout.cli import refusals
from modelrollout.cli.commands import COMMANDS
from pages import OUR_PAGES, ROOT

REFERENCE, PAGE = ROOT / "docs" / "reference.md", ROOT / "docs" / "plugin.md"
NEEDS_NO_CLUSTER = ("lint", "set-candidate")


def _exit_codes() -> dict[str, set[int]]:
    """The codes that the reference lists, by command."""
    found: dict[str, set[int]] = {}
    commands: list[str] = []
    table = REFERENCE.read_text().partition("<!-- begin exits -->")[2].partition("<!-- end exits -->")[0]
    for named, code in re.findall(r"^\| (.*?) ?\| (\d+) \| \S.* \|$", table, re.MULTILINE):
        commands = re.findall(r"`([\w-]+)`", named) or commands
        for command in commands:
            found.setdefault(command, set()).add(int(code))
    return found


def test_every_exit_code_of_the_plugin_is_told() -> None:
    codes, known = _exit_codes(), {code for code in vars(refusals).values() if isinstance(code, int)}

    assert set(codes) == set(COMMANDS)
    assert {0, refusals.USAGE} <= set.intersection(*codes.values())
    assert codes["status"] == {0, *known}
    of_verbs = {0, refusals.ERROR, refusals.USAGE, refusals.TIMEOUT}
    assert [verb for verb in MEANS if codes[verb] != of_verbs] == []


def test_every_order_that_is_shown_is_understood() -> None:
    text = "\n".join(page.read_text() for page in OUR_PAGES)
    shown = {order for order in re.findall(rf"`((?:{'|'.join(MEANS)})@[^`\n]+)`", text) if "TOKEN" not in order}
    written = [word for line in pages.commands() for word in shlex.split(line) if word.startswith(f"{ACTION}=")]

    assert len(shown) > 2
    assert written
    for order in (*shown, *(word.removeprefix(f"{ACTION}=") for word in written)):
        orders.parse(order)


@pytest.mark.parametrize("command", NEEDS_NO_CLUSTER)
def test_the_answer_that_is_shown_is_given(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (session,) = [
        block.text
        for block in pages.blocks("console", page=PAGE)
        if block.text.startswith(f"$ {plugin.PLUGIN} {command} ")
    ]
    asked, _, answer = session.partition("\n")
    monkeypatch.chdir(ROOT)

    assert plugin.main(shlex.split(asked)[3:]) == 0
    assert capsys.readouterr().out == answer
