"""`python -m tests.mutation`: run mutmut over the marked set, go on where it stopped, print what survived.

MODULE …      these modules only (`policy.schedules`), and again the mutants of theirs that were not killed
--report      print what is known, run nothing
"""

from __future__ import annotations

import argparse
import ast
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

NEW = ("not checked",)
ALIVE = ("survived", "no tests")
COLUMNS = ("killed", "survived", "no tests", "timeout", "not checked")


def main() -> int:
    """Run, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--survivors", action="store_true")
    options = parser.parse_args()
    marked = {module_of(path): path for path in sorted(walk_mutatable_files())}
    for name in options.modules:
        if name not in marked:
            parser.error(f"{name!r} is no module of the marked set: {', '.join(marked)}.")
    chosen = {name: marked[name] for name in options.modules or marked}
    wanted = NEW if options.sample else ALIVE if options.survivors else NEW + ALIVE
    narrowed = options.modules or options.sample or options.survivors
    code = 0 if options.report else run(chosen if narrowed else {}, wanted, options.sample)
    report(chosen)
    return code


def module_of(path: Path) -> str:
    """Give the short name of a module."""
    return ".".join(path.with_suffix("").parts[2:])


def known(path: Path) -> dict[str, str]:
    """Give each mutant of a file, and what became of it."""
    found = SourceFileMutationData(path=path)
    found.load()
    return {mutant: status_by_exit_code[code] for mutant, code in found.exit_code_by_key.items()}


def run(chosen: dict[str, Path], wanted: tuple[str, ...], sample: int | None) -> int:
    """Run mutmut: on all that was not tried yet, or on what is in a wanted state in the chosen modules."""
    names: list[str] = []
    for module, path in chosen.items():
        mutants = known(path)
        drawn = mutants if sample is None else random.Random(module).sample(sorted(mutants), min(sample, len(mutants)))
        names += [name for name in drawn if mutants[name] in wanted]
        names += [] if mutants else [f"omnitron.{module}.*"]
    if chosen and not names:
        return 0
    mutmut = Path(sys.executable).with_name("mutmut")
    return subprocess.run([mutmut, "run", "--max-children", "1", *names], check=False).returncode


def report(chosen: dict[str, Path]) -> None:
    """Print a line for each module, and each mutant that lives."""
    alive: list[tuple[Path, str, str]] = []
    total: Counter[str] = Counter()
    print(f"\n{'module':28}{'mutants':>9}" + "".join(f"{name:>13}" for name in COLUMNS))
    for module, path in chosen.items():
        mutants = known(path)
        counted = Counter(status if status in COLUMNS else "killed" for status in mutants.values())
        total += counted
        print(f"{module:28}{len(mutants):9}" + "".join(f"{counted[name]:13}" for name in COLUMNS))
        alive += [(path, name, status) for name, status in mutants.items() if status in ALIVE]
    print(f"{'all':28}{total.total():9}" + "".join(f"{total[name]:13}" for name in COLUMNS))
    for path, name, status in alive:
        changed = get_diff_for_mutant(name, path=path).splitlines()[2:]
        print(f"\n{path}:{line_of(path, name, changed)} {status} ({name.rpartition('.')[2]})")
        print("\n".join(line for line in changed if line[0] in "-+"))


def line_of(path: Path, mutant: str, changed: list[str]) -> int:
    """Give the line of the file that a mutant changes, from its diff of the function."""
    function, kind = orig_function_and_class_names_from_key(mutant)
    source = path.read_text()
    places: list[ast.AST] = [ast.parse(source)]
    if kind is not None:
        places = [node for node in ast.walk(places[0]) if isinstance(node, ast.ClassDef) and node.name == kind]
    of_it = [
        node
        for place in places
        for node in getattr(place, "body", [])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    ]
    block = [line[1:].strip() for line in changed if line[:1] in (" ", "-")]
    ahead = next(
        (number for number, line in enumerate(line for line in changed if line[:1] in (" ", "-")) if line[0] == "-"), 0
    )
    lines = [line.strip() for line in source.splitlines()]
    for node in of_it:
        for first in range(node.lineno - 2, node.end_lineno or node.lineno):
            if lines[first : first + len(block)] == block:
                return first + ahead + 1
    return of_it[0].lineno if of_it else 0


if __name__ == "__main__":
    sys.exit(main())
