"""Completion in a shell: `omnitron completion bash`, and what a target or an argument can go on with.

Nothing of the user is imported for it: the names of a file are read from its text. What the shells themselves need comes
from click, but for bash, which takes the colon of `FILE:FLOW` for the end of a word.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from omnitron.cli.exits import Misuse

__all__ = ["completed_argument", "completed_target", "completion"]

SHELLS = ("bash", "zsh", "fish")
SAME_PARAMETERS = frozenset(
    {
        "bulkhead",
        "cache",
        "circuit_breaker",
        "hedge",
        "named",
        "on",
        "or_else",
        "pipe",
        "rate_limit",
        "retry",
        "timeout",
        "undo",
        "with_meta",
        "within",
    }
)
"""Methods that give a flow which takes what the one takes that they are called on."""


class Bash(BashComplete):
    """Completion of bash that knows of words with a colon in them."""

    source_template = r"""
%(complete_func)s() {
    local IFS=$'\n' response completion kind value word before=""
    word="${COMP_LINE:0:$COMP_POINT}"
    response=$(COMP_LINE="$word" %(complete_var)s=bash_complete "$1" 2>/dev/null)
    word="${word##*[[:space:]]}"
    if [[ "$COMP_WORDBREAKS" == *:* && "$word" == *:* ]]; then before="${word%%"${word##*:}"}"; fi
    if [[ "$COMP_WORDBREAKS" == *=* && "$word" == *=* ]]; then before="${word%%"${word##*[:=]}"}"; fi
    for completion in $response; do
        IFS=',' read -r kind value <<< "$completion"
        case "$kind" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            open) compopt -o nospace; COMPREPLY+=("${value#"$before"}") ;;
            *) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Give the words before the one that is written, and that one."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        unfinished = words.pop() if words and not line[-1:].isspace() else ""
        return words[1:], unfinished

    def format_completion(self, item: CompletionItem) -> str:
        """Give a line of the script's: the kind of a completion, and what is put in; after some, more can be written."""
        kind = "open" if item.type == "plain" and item.value.endswith((":", "=", os.sep)) else item.type
        return f"{kind},{item.value}"

    @staticmethod
    def _check_version() -> None:
        """The script asks for nothing that bash 4.4 does not have."""


add_completion_class(Bash)


@click.command(short_help="Print what lets a shell complete the command.")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(click_context: click.Context, shell: str | None) -> None:
    """Print what lets SHELL complete commands, options, FILE:FLOW and the names of arguments.

    Left out, the shell is the one that $SHELL names. Nothing of yours is imported when you press the key.

    \b
    echo 'eval "$(omnitron completion bash)"' >> ~/.bashrc
    echo 'eval "$(omnitron completion zsh)"' >> ~/.zshrc
    omnitron completion fish > ~/.config/fish/completions/omnitron.fish
    """  # noqa: D301 - the backslash is for click
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise Misuse(f"$SHELL names none of {', '.join(SHELLS)}. Write one: omnitron completion bash")
    kind = get_completion_class(name)
    assert kind is not None
    click.echo(kind(click_context.find_root().command, {}, "omnitron", "_OMNITRON_COMPLETE").source())


# ------------------------------------------------------------------ what a word can go on with


def completed_target(click_context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """Give the flows of the file that is named, or the files and folders that can be."""
    source, colon, begun = word.rpartition(":")
    if colon:
        names = [name for name in sorted(offered(parsed(source))) if name.startswith(begun)]
        return [CompletionItem(f"{source}:{name}") for name in names]
    return [CompletionItem(path) for path in paths(word)]


def completed_argument(click_context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """Give the parameters of the flow that are not given yet, where its text tells them."""
    source, _, name = str(click_context.params.get("target") or "").rpartition(":")
    given = {each.partition("=")[0] for each in click_context.params.get("arguments") or ()}
    left = [each for each in parameters(parsed(source), name) if each not in given and each.startswith(word)]
    return [CompletionItem(f"{each}=") for each in left]


def paths(word: str) -> Iterator[str]:
    """Give the folders, with a slash, and the files of Python, with a colon, that begin with `word`."""
    folder, begun = os.path.split(word)
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith(begun) or (entry.name.startswith((".", "__")) and not begun):
            continue
        if entry.is_dir():
            yield os.path.join(folder, entry.name) + os.sep
        elif entry.name.endswith(".py"):
            yield f"{os.path.join(folder, entry.name)}:"


def parsed(source: str) -> dict[str, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give what stands at the top of a file or a module, by name; nothing where it cannot be read."""
    path = located(source)
    try:
        tree = ast.parse(path.read_bytes()) if path is not None else ast.Module([], [])
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    found: dict[str, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for line in tree.body:
        if isinstance(line, ast.FunctionDef | ast.AsyncFunctionDef):
            found[line.name] = line
        elif isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            found[line.targets[0].id] = line.value
        elif isinstance(line, ast.AnnAssign) and line.value is not None and isinstance(line.target, ast.Name):
            found[line.target.id] = line.value
    return found


def located(source: str) -> Path | None:
    """Give the file of a source; modules are looked for without importing what they stand in."""
    if source.endswith(".py") or os.sep in source:
        return Path(os.path.expanduser(source))
    parts = source.split(".")
    if not all(parts):
        return None
    for folder in ("", *sys.path):
        for path in (Path(folder, *parts).with_suffix(".py"), Path(folder, *parts, "__init__.py")):
            if path.is_file():
                return path
    return None


def offered(names: dict[str, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[str]:
    """Give the names that may be flows: functions, and what a call or an operator gives."""
    for name, value in names.items():
        if not name.startswith("_") and isinstance(
            value, ast.FunctionDef | ast.AsyncFunctionDef | ast.Call | ast.BinOp | ast.Name
        ):
            yield name


def parameters(names: dict[str, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef], name: str) -> list[str]:
    """Give the parameters of the function that takes what a flow takes; none where that cannot be read."""
    value: ast.AST | None = names.get(name)
    for _ in range(100):
        if isinstance(value, ast.FunctionDef | ast.AsyncFunctionDef):
            return [each.arg for each in (*value.args.posonlyargs, *value.args.args, *value.args.kwonlyargs)]
        if isinstance(value, ast.Name):
            value = names.get(value.id)
        elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
            value = value.left
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            value = value.func.value if value.func.attr in SAME_PARAMETERS else None
        else:
            return []
    return []
