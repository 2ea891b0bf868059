"""Search the docstrings of the standard library: read, split, count, weigh; then ask.

    python examples/documents.py INDEX "parse command line" "compress a file"

The first call reads some 600 modules (by `ast`, importing none) on all processors and writes the file INDEX. Look at
`study`, what becomes of one module, and at `build`: plain functions in a row, on processes by one word. What
`omnitron show examples/documents.py:build` draws is what runs.
"""

import ast
import asyncio
import pickle
import re
import sys
from collections import Counter
from math import log, sqrt
from operator import iadd
from pathlib import Path
from zlib import crc32

from omnitron import Key, context, flow, keep, needs

Passage = tuple[str, str]  # where it stands, and what it says
Counted = tuple[Passage, Counter[int]]  # and how often it has each term
Index = dict[int, list[tuple[float, Passage]]]  # where each term stands, and what it weighs there
OTHERS = {"distutils", "idlelib", "lib2to3", "site-packages", "test", "tests", "turtledemo"}
index_key: Key[Index] = Key("index", dict)


def find(library: Path) -> list[list[tuple[str, Path]]]:  # in slices that are worth the way to another process
    files = [file.relative_to(library) for file in sorted(library.rglob("*.py"))]
    found = [(".".join(file.with_suffix("").parts), library / file) for file in files if not OTHERS & {*file.parts}]
    return [found[start : start + 24] for start in range(0, len(found), 24)]


def read(module: tuple[str, Path]) -> list[Passage]:
    name, file = module
    nodes: list[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef]] = [(name, ast.parse(file.read_bytes()))]
    for place, node in nodes:  # which grows meanwhile
        nodes += [(f"{place}.{one.name}", one) for one in node.body if isinstance(one, ast.ClassDef | ast.FunctionDef)]
    return [(place, ast.get_docstring(node) or "") for place, node in nodes]


def split(passages: list[Passage]) -> list[Passage]:
    return [(place, part.strip()) for place, text in passages for part in text.split("\n\n") if part.strip()]


def terms(passage: Passage) -> Counter[int]:  # hashed words, whatever their case and ending
    words = [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", " ".join(passage))]
    return Counter(crc32(re.sub("(e|ed|er|es|ing|s)$", "", word).encode()) % 2**20 for word in words)


def weigh(counted: list[Counted]) -> Index:
    index: Index = {}
    seen = Counter(term for _, counts in counted for term in counts)
    for passage, counts in counted:
        for term, times in counts.items():
            weight = (1 + log(times)) * log(len(counted) / seen[term]) / sqrt(8 + counts.total())
            index.setdefault(term, []).append((weight, passage))
    return index


def search(question: str, *, index: Index = needs(index_key)) -> list[Passage]:
    scores: dict[Passage, float] = {}
    for weight, passage in (one for term in terms(("", question)) for one in index.get(term, ())):
        scores[passage] = scores.get(passage, 0) + weight
    return sorted(scores, key=scores.__getitem__, reverse=True)[:5]


study = (flow(read) | split | keep(terms).each()).named("study")
some = study.each(fold=iadd, start=list[Counted]).on("process")
build = find | some.each(fold=iadd, start=list[Counted]) | weigh


def main(file: Path, *questions: str) -> None:
    if not file.exists():
        file.write_bytes(pickle.dumps(asyncio.run(build(Path(ast.__file__).parent))))
    app = context({index_key: pickle.loads(file.read_bytes())})
    for question in questions:
        print(question)
        for place, text in app.run(search, question):
            print(f"  {place:32}  {text.splitlines()[0]}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), *sys.argv[2:])
