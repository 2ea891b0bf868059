"""Runs the code samples of the README and of the pages in this folder.

The fences of one page make one program, in order, that runs in a folder and a process of its own:

- `python` is run, each line at the number that it has in the page, so a traceback points into the page. In the form of
  an interpreter session (`>>>`) it is compared with what it shows. One that begins with a file name (`# shop.py`) is
  also written to that file, for the commands that follow.
- `python fragment` is only compiled; it may await at the top.
- `console` is run, each line after `$`, and compared with what it shows; `...` and `…` stand for anything. What
  installs is not run: that there is such an extra, or such a verb of make, is looked up.
- `toml` and `json` are parsed; TOML with a file name (`# tuning.toml`) is written to that file.
- `text` is left alone, so it may not look like a console. What Sphinx reads (`{toctree}`) is checked where the site is
  built.

Any other fence is an error.

Pages whose code needs the libraries of the extra `interop` run in its environment only, where OMNITRON_INTEROP is set
(`make test-interop`); elsewhere they are named and left out.

    python docs/samples.py [PAGE ...]
"""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPENING = re.compile(r"^(?P<indent>[ ]*)(?P<marks>`{3,}|~{3,})(?P<kind>.*)$")
NAMED = re.compile(r"^# (?P<name>[\w./-]+\.(?:py|toml))$")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
ELSEWHERE = ("docs/interop.md", "docs/migration")
"""Pages whose code needs libraries that only the environment of `make test-interop` has."""
LOOKED_UP = {"make", "pip", "uv"}
RUN = {"omnitron", "python", "pytest", "cat", "echo", "ls"}


class Wrong(Exception):
    """A fence that is not right: at which line, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line, self.why = line, why


# ------------------------------------------------------------------ reading


def fences(text: str) -> Iterator[tuple[str, list[str], int]]:
    """Give kind (`python`, `console`), lines and number of the first line of each fence."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        opening = OPENING.match(line)
        if opening is None:
            continue
        width, marks, inside = len(opening["indent"]), opening["marks"], []
        for _, one in lines:
            if one.strip().startswith(marks) and not one.strip().strip(marks[0]):
                break
            inside.append(one[min(width, len(one) - len(one.lstrip(" "))) :])
        else:
            raise Wrong(number, "this fence is not closed")
        yield opening["kind"].strip(), inside, number


def program(page: Path) -> tuple[str, dict[str, str]]:
    """Make the one program of a page, and the files that it begins with; raises Wrong for a fence that is not right."""
    text = page.read_text(encoding="utf-8")
    out = [""] * (text.count("\n") + 1)
    files: dict[str, str] = {}
    for kind, lines, start in fences(text):
        source = "\n".join(lines)
        name = NAMED.match(lines[0]) if lines else None
        if kind not in KINDS and not re.fullmatch(r"\{[\w-]+\}.*", kind):
            raise Wrong(start, f"no fence may be of the kind {kind!r}: take one of {', '.join(KINDS)}")
        try:
            KINDS.get(kind, str)(source)
        except SyntaxError as error:
            raise Wrong(start + (error.lineno or 1), str(error.msg)) from error
        except ValueError as error:
            raise Wrong(start, f"{kind} that does not parse: {error}") from error
        if name is not None:
            files.setdefault(name["name"], f"{source}\n")
            out[start - 1] = f"import samples; samples.keep({name['name']!r}, {source!r})"
        if kind == "console":
            out[start - 1] = f"import samples; samples.console({source!r}, {start})"
        elif kind == "python" and source.lstrip().startswith(">>>"):
            out[start - 1] = f"import samples; samples.session({source!r}, globals(), {page.name!r}, {start})"
        elif kind == "python":
            out[start : start + len(lines)] = lines
    return "\n".join(out), files


def compiled(source: str) -> None:
    """Raise SyntaxError for a fragment that does not compile."""
    compile(source, "fragment", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def no_console(source: str) -> None:
    """Raise ValueError for plain text that looks like a console."""
    if re.search(r"^\$ ", source, re.M):
        raise ValueError("what begins with `$` is a console, and is run as one")


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Give each command of a console with what it shows; raises ValueError for one that is neither run nor looked up."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = f"{command[:-1]}{more.lstrip('> ')}"
        yield command, shown.strip("\n")


def known_commands(text: str) -> None:
    """Raise ValueError for a console that does not begin with a command, or has one that nobody knows."""
    if not text.startswith("$ "):
        raise ValueError("a console begins with `$ ` and a command")
    for command, _ in commands(text):
        words = words_of(command)
        if words[0] in LOOKED_UP:
            look_up(words)
        elif words[0] not in RUN:
            raise ValueError(f"{words[0]!r} is neither run nor looked up")


def words_of(command: str) -> list[str]:
    """Give the words of a command, without variables that it sets."""
    words = shlex.split(command)
    while len(words) > 1 and re.match(r"[A-Z_]+=", words[0]):
        del words[0]
    return words


def look_up(words: list[str]) -> None:
    """Raise ValueError where a command names a verb of make, or an extra of the library, that there is not."""
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for word in words[1:]:
        if words[0] == "make" and word[0] not in "-" and "=" not in word and word not in verbs:
            raise ValueError(f"make has no verb {word!r}")
        found = re.fullmatch(r"omnitron\[([\w,-]+)\]", word)
        missing = set(found[1].split(",")) - set(extras) if found else None
        if missing:
            raise ValueError(f"there is no extra {', '.join(sorted(missing))!r}")


KINDS: dict[str, Callable[[str], object]] = {
    "python": str,
    "python fragment": compiled,
    "console": known_commands,
    "toml": tomllib.loads,
    "json": json.loads,
    "text": no_console,
}
"""The kinds of fences, with what raises where one is not right."""


# ------------------------------------------------------------------ what a page's program calls


def keep(name: str, source: str) -> None:
    """Write a file of the page."""
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{source}\n", encoding="utf-8")


def session(text: str, names: dict[str, object], page: str, start: int) -> None:
    """Run one interpreter session in the names of its page, and end the program when it differs."""
    examples = doctest.DocTestParser().get_examples(text)
    test = doctest.DocTest(examples, names, f"{page}", page, start, text)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, clear_globs=False)
    names.update(test.globs)
    if runner.failures:
        sys.exit(1)


def console(text: str, start: int) -> None:
    """Run the commands of a console, and end the program when one shows something else, or fails and shows nothing."""
    sys.stdout.flush()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    for command, shown in commands(text):
        if words_of(command)[0] in LOOKED_UP:
            continue
        done = subprocess.run(
            ["bash", "-c", f"({command}) 2>&1"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        example = doctest.Example(command, f"{shown}\n".replace("…", "...") if shown else "")
        checker = doctest.OutputChecker()
        if shown and not checker.check_output(example.want, done.stdout, OPTIONS):
            sys.exit(f"line {start}, $ {command}\n{checker.output_difference(example, done.stdout, OPTIONS)}")
        if not shown and done.returncode:
            sys.exit(f"line {start}, $ {command}\nended with {done.returncode}:\n{done.stdout}")


# ------------------------------------------------------------------ running


def run(page: Path) -> str:
    """Run one page in a process and a folder of its own; give what is wrong with it, or nothing."""
    try:
        source, files = program(page)
    except Wrong as error:
        return f"{page.relative_to(ROOT)}:{error.line}: {error.why}"
    if not source.strip():
        return ""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {f"{page.stem}_page.py": source, **files}.items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(content, encoding="utf-8")
        where = [
            folder,
            str(Path(__file__).parent),
            *(os.path.abspath(one) for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one),
        ]
        done = subprocess.run(
            [sys.executable, "-W", "error", f"{page.stem}_page.py"],
            cwd=folder,
            # Under `CI` Hypothesis draws the same in every run, and is not in a hurry on a machine with much to do.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(where), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    return f"{page.relative_to(ROOT)} does not run:\n{done.stdout}{done.stderr}" if done.returncode else ""


def all_pages() -> list[Path]:
    """Give the pages whose code runs in this environment."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if os.environ.get("OMNITRON_INTEROP"):
        return pages
    return [page for page in pages if not page.relative_to(ROOT).as_posix().startswith(ELSEWHERE)]


def main(arguments: list[str]) -> int:
    """Run the named pages, or all of them, as many at once as there are processors."""
    pages = [Path(name).resolve() for name in arguments] or all_pages()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [text for text in pool.map(run, pages) if text]
    print(*wrong, sep="\n", file=sys.stderr)
    print(f"{len(pages)} pages, {len(wrong)} with samples that do not run")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
