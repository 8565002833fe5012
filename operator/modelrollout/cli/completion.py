"""`completion`: what makes a shell complete this command. kubectl itself needs nothing but the plugin on PATH."""

import argparse

from modelrollout.cli import screen

COMPLETER = "kubectl_complete-modelrollout"
_NOTE = f"""\
# kubectl 1.26 or newer completes `kubectl modelrollout` by itself, once its own completion is on and
# {COMPLETER} is on PATH. This is for kubectl-modelrollout, called by its own name.
"""
BASH = f"""{_NOTE}
_kubectl_modelrollout() {{
    local words=("${{COMP_WORDS[@]:1:COMP_CWORD}}")
    local found
    found=$({COMPLETER} "${{words[@]}}" 2>/dev/null | sed -e '/^:[0-9]*$/d' -e 's/\\t.*//')
    COMPREPLY=($(compgen -W "$found" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _kubectl_modelrollout kubectl-modelrollout
"""
ZSH = f"""#compdef kubectl-modelrollout
{_NOTE}
_kubectl_modelrollout() {{
    local -a lines found
    lines=("${{(@f)$({COMPLETER} "${{(@)words[2,CURRENT]}}" 2>/dev/null)}}")
    found=("${{(@)${{(@)${{(@)lines:#:[0-9]*}}//:/\\\\:}}/$'\\t'/:}}")
    _describe 'kubectl-modelrollout' found || _files
}}
compdef _kubectl_modelrollout kubectl-modelrollout
"""
FISH = f"""{_NOTE}
function __kubectl_modelrollout
    set -l words (commandline -opc) (commandline -ct)
    {COMPLETER} $words[2..-1] 2>/dev/null | string match -v -r '^:[0-9]+$'
end
complete -c kubectl-modelrollout -a '(__kubectl_modelrollout)'
"""
SHELLS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.epilog = "bash: source <(kubectl-modelrollout completion bash)"
    parser.add_argument("shell", choices=SHELLS, help="for which shell")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    screen.show(SHELLS[options.shell])
    return 0
