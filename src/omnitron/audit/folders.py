"""Which Python files stand beneath a folder, and which places there cannot be entered.

Links to folders are not followed: a file is found at its own place, once. A link that leads back to where it
stands and a link to a folder elsewhere are outcomes, and so is a folder that cannot be listed. What a target
means is decided in `omnitron.audit.sources`; nothing is opened here.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, TypeAlias

from omnitron.audit.files import Trouble, trouble_of

__all__ = ["ENDINGS", "Found", "Scanner", "python_files"]

ENDINGS: Final = (".py", ".pyw")
"""How the name of a Python source file ends."""

Scanner: TypeAlias = Callable[[str], AbstractContextManager[Iterable[os.DirEntry[str]]]]


class Found(NamedTuple):
    """A Python file, or (with a trouble) a place that could not be looked into."""

    path: str
    trouble: Trouble | None = None


class _Link(NamedTuple):
    """A link to a folder: where it stands, and the real folders that hold it and that it names."""

    path: str
    inside: str
    target: str


def python_files(
    root: str, *, leave_out: frozenset[str] = frozenset(), scanner: Scanner = os.scandir
) -> Iterator[Found]:
    """Find every Python file beneath a folder, in a fixed order.

    Left out, with all beneath them: `__pycache__`, folders whose name starts with a dot, folders that are an
    environment of their own (they hold `pyvenv.cfg`), and folders named in `leave_out`.

    Args:
        root: The folder; it is entered even if its own name would be left out.
        leave_out: Names of folders.
        scanner: What lists a folder; for tests of folders that refuse it.
    """
    links: list[_Link] = []
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            with scanner(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Found(folder, trouble_of(error))
            continue
        if folder != root and any(entry.name == "pyvenv.cfg" for entry in listed):
            continue
        below: list[str] = []
        for entry in listed:
            try:
                is_folder = entry.is_dir()
            except OSError as error:
                yield Found(entry.path, trouble_of(error))
                continue
            if not is_folder:
                if entry.name.endswith(ENDINGS):
                    yield Found(entry.path)
            elif entry.name == "__pycache__" or entry.name.startswith(".") or entry.name in leave_out:
                continue
            elif entry.is_symlink():
                links.append(_Link(entry.path, os.path.realpath(folder), os.path.realpath(entry.path)))
            else:
                below.append(entry.path)
        pending.extend(reversed(below))
    yield from _judge(os.path.realpath(root), links)


def _judge(root: str, links: list[_Link]) -> Iterator[Found]:
    """Say which links lead back to themselves, and which lead out; the others name what is found anyway."""
    links.sort(key=lambda link: (link.inside, link.path))
    places = [link.inside for link in links]
    for link in links:
        if _comes_back(link, links, places):
            yield Found(link.path, Trouble("link loop", f"leads back to itself by way of {link.target}"))
        elif not _beneath(link.target, root):
            yield Found(link.path, Trouble("link outside", f"not followed to {link.target}"))


def _comes_back(start: _Link, links: list[_Link], places: list[str]) -> bool:
    """Follow a link, and the links beneath its target, and say whether the start is met again."""
    entered: set[str] = set()
    pending = [start.target]
    while pending:
        target = pending.pop()
        if _beneath(start.inside, target):
            return True
        if target in entered:
            continue
        entered.add(target)
        place = bisect_left(places, target)
        while place < len(places) and places[place].startswith(target):
            if _beneath(places[place], target):
                pending.append(links[place].target)
            place += 1
    return False


def _beneath(path: str, folder: str) -> bool:
    """Say whether a real path is a real folder, or lies beneath it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
