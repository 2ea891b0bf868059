"""Runs the code samples of the README and of the pages in this folder.

A fence of the language `python` is run: the fences of one page make one program, in order, each line at the
number that it has in the page, so a traceback points into the page. Fences in the form of an interpreter session
(`>>>`) are compared with what they show. A fence of the language `python fragment` is only compiled; it may await
at the top. Other languages are left alone.

    python docs/samples.py [PAGE ...]
"""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(?P<indent> *)```python(?P<rest>[^\n]*)\n(?P<code>.*?)^(?P=indent)```\s*$", re.M | re.S)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def fences(text: str) -> Iterator[tuple[str, list[str], int]]:
    """Give kind (`python`, `python fragment`), lines and number of the first line of each fence."""
    for found in FENCE.finditer(text):
        width = len(found["indent"])
        lines = [line[width:] for line in found["code"].splitlines()]
        yield f"python{found['rest'].rstrip()}", lines, text.count("\n", 0, found.start("code"))


def program(page: Path) -> str:
    """Make the one program of a page; raises SyntaxError for a fragment that does not compile."""
    text = page.read_text(encoding="utf-8")
    out = [""] * (text.count("\n") + 1)
    for kind, lines, start in fences(text):
        source = "\n".join(lines)
        if kind == "python fragment":
            compile("\n" * start + source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        elif kind != "python":
            continue
        elif source.lstrip().startswith(">>>"):
            out[start] = f"import samples; samples.session({source!r}, globals(), {page.name!r}, {start})"
        else:
            out[start : start + len(lines)] = lines
    return "\n".join(out)


def session(text: str, names: dict[str, object], page: str, start: int) -> None:
    """Run one interpreter session in the names of its page, and end the program when it differs."""
    examples = doctest.DocTestParser().get_examples(text)
    test = doctest.DocTest(examples, names, f"{page}", page, start, text)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, clear_globs=False)
    names.update(test.globs)
    if runner.failures:
        sys.exit(1)


def run(page: Path) -> bool:
    """Run one page in a process and a folder of its own; say whether it went well."""
    try:
        source = program(page)
    except SyntaxError as error:
        print(f"{page.relative_to(ROOT)}:{error.lineno}: {error.msg}", file=sys.stderr)
        return False
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{page.stem}_page.py")
        file.write_text(source, encoding="utf-8")
        where = os.pathsep.join([folder, str(Path(__file__).parent)])
        done = subprocess.run(
            [sys.executable, "-W", "error", str(file)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": where, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    if done.returncode:
        print(f"{page.relative_to(ROOT)} does not run:\n{done.stdout}{done.stderr}", file=sys.stderr)
    return not done.returncode


def main(arguments: list[str]) -> int:
    """Run the named pages, or all of them."""
    pages = [Path(name).resolve() for name in arguments]
    pages = pages or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    failed = [page for page in pages if not run(page)]
    print(f"{len(pages)} pages, {len(failed)} with samples that do not run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
