"""`kubectl_complete-modelrollout`: what the word under the cursor may become, as kubectl asks plugins.

One candidate a line, a tab and its meaning after it; the last line says what the shell may add: `:4` nothing, `:0` the
names of files. Whatever goes wrong, the shell is offered nothing and told nothing.
"""

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator, Sequence

from modelrollout.cli import kube
from modelrollout.cli import main as plugin
from modelrollout.cli.commands import COMMANDS
from modelrollout.cli.kube import RESOURCE
from modelrollout.cli.refusals import Refused

NO_FILES, FILES = ":4", ":0"
Pair = tuple[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the candidates for the last of the words; always 0."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    pairs, last = complete(words or [""])
    sys.stdout.writelines(f"{name}\t{meaning}\n" if meaning else f"{name}\n" for name, meaning in pairs)
    sys.stdout.write(f"{last}\n")
    return 0


def complete(words: Sequence[str]) -> tuple[list[Pair], str]:
    """The candidates that begin as the last word does, and the last line."""
    *before, word = words
    command = _command(before)
    parser = plugin.first() if command is None else plugin.parser(command)
    option = _option(parser, before[-1]) if before else None
    if option is not None and option.nargs != 0:
        return _values(option, before, word)
    if word.startswith("-"):
        return _fitting(_flags(parser), word), NO_FILES
    if command is None:
        return _fitting([(name, one.help) for name, one in COMMANDS.items()], word), NO_FILES
    return _fitting(_positional(parser, before), word), NO_FILES


def _command(before: Sequence[str]) -> str | None:
    """The command among the words, past the options that may stand before it."""
    options = _silently(plugin.first(), before)
    return options.command if options is not None and options.command in COMMANDS else None


def _option(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    return next((one for one in parser._actions if word in one.option_strings), None)


def _values(option: argparse.Action, before: Sequence[str], word: str) -> tuple[list[Pair], str]:
    """What may stand after an option."""
    if option.choices is not None:
        return _fitting([(str(one), "") for one in option.choices], word), NO_FILES
    match option.dest:
        case "namespace":
            return _fitting(_asked(before, "get", "namespaces", "-o", "name"), word), NO_FILES
        case "context":
            return _fitting(_asked(before, "config", "get-contexts", "-o", "name"), word), NO_FILES
        case "file" | "kubeconfig" | "picture" | "token_file":
            return [], FILES
    return [], NO_FILES


def _flags(parser: argparse.ArgumentParser) -> list[Pair]:
    return [(one.option_strings[-1], _meaning(one)) for one in parser._actions if one.option_strings]


def _meaning(option: argparse.Action) -> str:
    return "" if option.help in {None, argparse.SUPPRESS} else str(option.help).replace("%%", "%")


def _positional(parser: argparse.ArgumentParser, before: Sequence[str]) -> list[Pair]:
    """Names of rollouts, or the choices of what stands there."""
    wanted = next((one for one in parser._actions if not one.option_strings), None)
    if wanted is None or _is_given(parser, wanted, before):
        return []
    if wanted.choices is not None:
        return [(str(one), "") for one in wanted.choices]
    return _asked(before, "get", RESOURCE, "-o", "name") if wanted.dest == "name" else []


def _is_given(parser: argparse.ArgumentParser, wanted: argparse.Action, before: Sequence[str]) -> bool:
    """True when the command line is already whole without the word that is being written."""
    rest = before[list(before).index(parser.prog.split()[-1]) + 1 :]
    options = _silently(parser, rest)
    return options is not None and getattr(options, wanted.dest) is not None


def _asked(before: Sequence[str], *arguments: str) -> list[Pair]:
    """Names that kubectl lists, with the cluster and namespace of the words before; none when it fails."""
    where = argparse.ArgumentParser(add_help=False)
    kube.add_options(where)
    found = argparse.Namespace()
    with contextlib.suppress(SystemExit, Refused), contextlib.redirect_stderr(io.StringIO()):
        found, _ = where.parse_known_args([one for one in before if one])
        listed = kube.door(found).run(*arguments, namespaced=arguments[1] == RESOURCE)
        return [(line.rsplit("/", 1)[-1], "") for line in listed.split()]
    return []


def _silently(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace | None:
    """What the words say; None when they are no whole command line."""
    unheard = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(unheard), contextlib.redirect_stdout(unheard):
        return parser.parse_args(list(words))
    return None


def _fitting(pairs: Sequence[Pair], word: str) -> list[Pair]:
    return list(_unique(pair for pair in pairs if pair[0].startswith(word)))


def _unique(pairs: Iterator[Pair]) -> Iterator[Pair]:
    seen: set[str] = set()
    for pair in pairs:
        if pair[0] not in seen:
            seen.add(pair[0])
            yield pair


if __name__ == "__main__":
    sys.exit(main())
