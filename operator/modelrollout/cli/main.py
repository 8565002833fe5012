"""The plugin's way in: find the command, let it declare its options, run it, and say in one sentence what failed."""

import argparse
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from modelrollout.cli import kube, screen
from modelrollout.cli.commands import COMMANDS, GROUPS
from modelrollout.cli.refusals import USAGE, Refused

PLUGIN = "kubectl modelrollout"
EXITS = """exit codes:
  0 well, 1 an error, 2 the command line is wrong; more in status --help"""
INTERRUPTED = 130


class Runnable(Protocol):
    """A command's module."""

    def add(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code. Answers go to stdout, errors to stderr."""
    _never_fail_on_letters()
    if arguments is None:
        _end_in_order()
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except Refused as refused:
        sys.stderr.write(f"error: {_harmless(str(refused))}\n")
        return refused.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does. Python would complain again while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def parser(command: str, program: str | None = None) -> argparse.ArgumentParser:
    """The command line of one command."""
    made = argparse.ArgumentParser(
        prog=f"{program or called()} {command}",
        description=_sentence(COMMANDS[command].help),
        formatter_class=_Help,
    )
    _module(command).add(made)
    return made


def called() -> str:
    """What people type to reach this program."""
    name = Path(sys.argv[0]).name
    return PLUGIN if name.startswith(("kubectl-", "kubectl_")) or not name else name


def _run(arguments: list[str]) -> int:
    top = first()
    options = top.parse_args(arguments)
    if options.command is None:
        top.print_help(sys.stderr)
        return USAGE
    if options.command not in COMMANDS:
        raise Refused(f"no command '{options.command}': {top.prog} --help lists them", USAGE)
    rest = options.rest
    del options.rest
    # What was said before the command holds unless it is said again after it.
    options = parser(options.command).parse_args(rest, options)
    return _module(options.command).run(options)


def first() -> argparse.ArgumentParser:
    """The command line up to the command."""
    program = called()
    made = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} [options] COMMAND ...",
        description="See what a ModelRollout does and why, and tell it what to do.\n\n" + _table(),
        epilog=f"{EXITS}\n\n{program} COMMAND --help says more of one command.",
        formatter_class=_Help,
    )
    kube.add_options(made)
    screen.add_options(made)
    made.add_argument("command", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    made.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return made


def _table() -> str:
    """Every command with its meaning, in lines that fit the terminal."""
    columns = max(screen.NARROWEST, shutil.get_terminal_size().columns - 2)  # argparse leaves two free
    groups = []
    for title, group in GROUPS.items():
        lines = (_folded(f"  {name:15}", command.help, columns) for name, command in group.items())
        groups.append("\n".join([f"{title.lower()}:", *lines]))
    return "\n\n".join(groups)


def _folded(name: str, words: str, columns: int) -> str:
    hanging = " " * (len(name) if columns >= 2 * len(name) else 4)
    return textwrap.fill(words, columns, initial_indent=name, subsequent_indent=hanging)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a description, and folds those that are too long for the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(f"{indent}{folded}\n" for line in text.split("\n") for folded in _fitted(line, width))


def _fitted(line: str, width: int) -> list[str]:
    """The line in pieces that fit; a command stays whole, for it is there to be copied."""
    if line.startswith("  kubectl "):
        return [line]
    begins = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, width, subsequent_indent=begins, break_long_words=False) or [""]


def _module(command: str) -> Runnable:
    module: Runnable = import_module(f"modelrollout.cli.{COMMANDS[command].module}")
    return module


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _harmless(words: str) -> str:
    """The words without what would steer a terminal: some are those of other people."""
    from modelrollout.cli import layout  # late: only errors need it here

    return "\n".join(layout.clean(line) for line in words.splitlines())


def _never_fail_on_letters() -> None:
    """A terminal without a sign shows another one in its place."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _end_in_order() -> None:
    """Told to end, what runs cleans up: a kubectl that still watches, the screen of a terminal."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda told, _: sys.exit(128 + told))


if __name__ == "__main__":
    sys.exit(main())
