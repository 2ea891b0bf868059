"""A flow's tree with what its places did: calls, failures, times. Pure: from counts to lines of text.

The branches are the static places of the tree, and beneath them the flows that were called in bodies. Who counts is
`omnitron.cli.progress`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from omnitron.algebra import walk
from omnitron.cli.targets import AnyFlow

__all__ = ["Branch", "Count", "describe_counts", "duration_text", "grow", "lines_of"]

BREADTH = 24


class Count:
    """What is known of the calls of one place.

    Attributes:
        started, ended, failed, cancelled: numbers of calls.
        seconds: the sum over the calls that ended; calls at the same time add up.
        items: the sum of the lengths of what `each` was given, as far as those are known.
        given: how many items a stream gave.
        kept: how many calls a cache spared.
        turns: how many turns a `loop` takes at most, 0 where there is no such number.
    """

    __slots__ = ("cancelled", "ended", "failed", "given", "items", "kept", "seconds", "started", "turns")

    def __init__(self) -> None:
        self.started = self.ended = self.failed = self.cancelled = self.given = self.items = self.turns = 0
        self.kept = 0
        self.seconds = 0.0

    def text(self, begun: int, *, running: bool) -> str:
        """Say it in a few words; `begun` is how many items or turns were begun beneath."""
        words = [f"{self.ended:,} ×", duration_text(self.seconds)] if self.ended else []
        if running and self.items and self.ended < self.started:
            words.append(f"item {min(begun, self.items):,} of {self.items:,}")
        elif running and self.turns and self.started == 1 and not self.ended:
            words.append(f"turn {min(begun, self.turns):,} of {self.turns:,}")
        elif running and self.started > self.ended:
            words.append(f"{self.started - self.ended:,} running")
        if self.given:
            words.append(f"{self.given:,} item{'' if self.given == 1 else 's'}")
        if self.kept:
            words.append(f"{self.kept:,} from the cache")
        if self.failed:
            words.append(f"{self.failed:,} failed")
        if self.cancelled:
            words.append(f"{self.cancelled:,} cancelled")
        return "  ".join(words)


class Branch:
    """One place and the places beneath it, by the names that stand in paths."""

    __slots__ = ("beneath", "name", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.beneath: dict[str, Branch] = {}

    def add(self, paths: Iterable[str]) -> None:
        """Make a branch for each path that has none yet."""
        for path in paths:
            here = self
            for name in path.split("/")[1:]:
                here = here.beneath.setdefault(name, Branch(name, f"{here.path}/{name}"))


def grow(flow: AnyFlow, paths: Iterable[str]) -> Branch:
    """Give the branches of a tree, and those of the paths that were met besides."""
    root = Branch(flow.name, flow.name)
    root.add(path for path, _ in walk(flow))
    root.add(paths)
    return root


def lines_of(root: Branch, counts: Mapping[str, Count], *, running: bool = False, reached: bool = False) -> list[str]:
    """Draw branches, one a line, with what their places did in a second column.

    Args:
        root: what to draw.
        counts: by path.
        running: whether to show also what has not ended.
        reached: whether to leave out the places that nothing has reached.
    """
    rows: list[tuple[str, str]] = []
    stack: list[tuple[Branch | int, str, str]] = [(root, "", "")]
    while stack:
        branch, lead, beneath = stack.pop()
        if isinstance(branch, int):
            rows.append((f"{lead}… {branch:,} more", ""))
            continue
        inside: list[Branch | int] = [one for one in branch.beneath.values() if not reached or one.path in counts]
        count = counts.get(branch.path)
        begun = max((counts[one.path].started for one in branch.beneath.values() if one.path in counts), default=0)
        rows.append((f"{lead}{branch.name}", "" if count is None else count.text(begun, running=running)))
        if len(inside) > BREADTH:
            half = BREADTH // 2
            inside = [*inside[:half], len(inside) - 2 * half, *inside[-half:]]
        for place, one in enumerate(reversed(inside)):
            mark, bar = ("└── ", "    ") if place == 0 else ("├── ", "│   ")
            stack.append((one, beneath + mark, beneath + bar))
    width = min(max(len(left) for left, _ in rows), 72)
    return [f"{left:<{width}}  {right}".rstrip() for left, right in rows]


def describe_counts(counts: Mapping[str, Count]) -> list[dict[str, object]]:
    """Give counts as plain data."""
    return [
        {
            "path": path,
            "calls": count.started,
            "failed": count.failed,
            "cancelled": count.cancelled,
            "total_s": round(count.seconds, 6),
        }
        for path, count in counts.items()
    ]


def duration_text(seconds: float) -> str:
    """Give a duration in the unit that suits it.

    Example:
        >>> duration_text(0.000012), duration_text(0.5), duration_text(90.0)
        ('12 µs', '500 ms', '90.0 s')
    """
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
