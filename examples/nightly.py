"""The nightly job of a chain of shops: add up the files of all tills, thousands of them, on all processors.

    python examples/nightly.py TILLS SUMMARY

TILLS is a folder of CSV files with lines `sku,count,cents`; SUMMARY, a JSON file, is replaced as a whole or not at all. A
broken file stands in the summary and costs no other its place. Ctrl-C ends the processes and leaves the last summary.
Look at `job`: where files are added up, what errors become, and the sum, are a word each.
"""

import asyncio
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from omnitron import Failure, Key, Ok, Outcome, context, flow, needs

summary_file = Key("summary_file", Path)


class Summary:
    def __init__(self) -> None:
        self.files = 0
        self.cents = Counter[str]()
        self.broken: dict[str, str] = {}

    def add(self, outcome: Outcome[Counter[str]]) -> "Summary":
        match outcome:
            case Ok(cents):
                self.files += 1
                self.cents.update(cents)
            case Failure(error, file):
                self.broken[str(file)] = f"{type(error).__name__}: {error}"
        return self


def find(tills: Path) -> Iterator[Path]:
    return (file for file in tills.iterdir() if file.suffix == ".csv")


def add_up(file: Path) -> Counter[str]:
    takings = Counter[str]()
    with file.open(newline="") as lines:
        for sku, count, cents in csv.reader(lines):
            takings[sku] += int(count) * int(cents)
    return takings


def write(summary: Summary, *, file: Path = needs(summary_file)) -> str:
    part = file.with_suffix(".part")
    with part.open("w") as out:
        json.dump(vars(summary), out, indent=2, sort_keys=True)
        out.flush()
        os.fsync(out.fileno())  # all of it is on the disk before it takes the place of the last one
    part.replace(file)
    return f"{summary.files} files, {summary.cents.total() / 100:,.2f}, {len(summary.broken)} broken"


takings = flow(add_up).on("process")
job = find | takings.each(unordered=True, mode="collect", fold=Summary.add, start=Summary) | write


def main(tills: Path, summary: Path) -> int:
    try:
        print(asyncio.run(context({summary_file: summary}).run(job, tills)))
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
