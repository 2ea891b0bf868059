"""Search the docstrings of the standard library, which the first call reads on all processors into the file INDEX.

    python examples/documents.py INDEX "parse command line" "compress a file"

Look at `build`: plain functions in a row, on processes by one word. `omnitron show examples/documents.py:build` draws it.
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

from omnitron import flow, keep

Passage = tuple[str, str]  # where it stands, and what it says
Node = ast.Module | ast.ClassDef | ast.FunctionDef
Index = dict[int, list[tuple[float, Passage]]]  # where each term stands, and what it weighs there
OTHERS = {"distutils", "idlelib", "lib2to3", "site-packages", "test", "tests", "turtledemo"}


def find(library: Path) -> list[list[tuple[str, Path]]]:  # in slices worth the way to another process
    files = [file.relative_to(library) for file in sorted(library.rglob("*.py"))]
    found = [(".".join(file.with_suffix("").parts), library / file) for file in files if not OTHERS & {*file.parts}]
    return [found[start : start + 24] for start in range(0, len(found), 24)]


def read(modules: list[tuple[str, Path]]) -> list[Passage]:
    nodes: list[tuple[str, Node]] = [(name, ast.parse(file.read_bytes())) for name, file in modules]
    for place, node in nodes:  # which grows meanwhile
        nodes += [(f"{place}.{one.name}", one) for one in node.body if isinstance(one, ast.ClassDef | ast.FunctionDef)]
    return [(place, ast.get_docstring(node) or "") for place, node in nodes]


def split(passages: list[Passage]) -> list[Passage]:
    return [(place, part.strip()) for place, text in passages for part in text.split("\n\n") if part.strip()]


def terms(passage: Passage) -> Counter[int]:  # hashed words, whatever their case and ending
    words = [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", " ".join(passage))]
    return Counter(crc32(re.sub("(e|ed|er|es|ing|s)$", "", word).encode()) % 2**20 for word in words)


def weigh(counted: list[tuple[Passage, Counter[int]]]) -> Index:
    index: Index = {}
    seen = Counter(term for _, counts in counted for term in counts)
    for passage, counts in counted:
        for term, times in counts.items():
            weight = (1 + log(times)) * log(len(counted) / seen[term]) / sqrt(8 + counts.total())
            index.setdefault(term, []).append((weight, passage))
    return index


def search(index: Index, question: str) -> list[Passage]:
    scores: dict[Passage, float] = {}
    for weight, passage in (one for term in terms(("", question)) for one in index.get(term, ())):
        scores[passage] = scores.get(passage, 0) + weight
    return sorted(scores, key=scores.__getitem__, reverse=True)[:5]


study = (flow(read) | split | keep(terms).each()).named("study")
build = find | study.on("process").each(fold=iadd, start=list) | weigh

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    file = Path(sys.argv[1])
    if not file.exists():
        file.write_bytes(pickle.dumps(asyncio.run(build(Path(ast.__file__).parent))))
    index = pickle.loads(file.read_bytes())
    for question in sys.argv[2:]:
        print(question)
        for place, text in search(index, question):
            print(f"  {place:32}  {text.splitlines()[0]}")
