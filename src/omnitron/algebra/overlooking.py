"""What a configuration leaves alone in a flow, though it may well be meant for it.

None of it is an error: entries for other flows may stand in the same file, and a part may be a flow that is run by itself
too. Which entries are this flow's stands in `omnitron.algebra.settling`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType

from omnitron.algebra.bodies import readable
from omnitron.algebra.flows import AnyFlow
from omnitron.algebra.node import Node
from omnitron.algebra.settling import Entry, Places, divide
from omnitron.algebra.steps import Step
from omnitron.model import Record
from omnitron.runtime import Config, Setting, spelled

__all__ = ["Overlooked", "overlooked"]


class Overlooked(Record):
    """What a configuration leaves alone in a flow, as far as that may be a slip.

    Attributes:
        settings: the paths of all settings, where none is for the flow or for what its functions run; else nothing.
        parts: the entries that name a part of the flow without the flow, each with the whole path of the part.
        paths: the paths of the flow.
    """

    __slots__ = ("settings", "parts", "paths")
    settings: tuple[str, ...] | None
    parts: tuple[tuple[Entry, str], ...]
    paths: tuple[str, ...]

    def __init__(
        self, settings: tuple[str, ...] | None, parts: tuple[tuple[Entry, str], ...], paths: tuple[str, ...]
    ) -> None:
        self._fill(settings=settings, parts=parts, paths=paths)


def overlooked(root: Node, config: Config) -> Overlooked:
    """Give what a configuration leaves alone in a flow; nothing where the flow has a table of its own, which says so.

    Raises:
        DefinitionError: an entry has the flow's name but for a slip.
    """
    places = Places(root)
    mine, others = divide(root, config)
    paths = tuple(dict.fromkeys(path for path, _ in places.rows))
    if root.name in config.flows:
        return Overlooked(None, (), paths)
    run = {*run_in_bodies(places)}
    run |= {spelled(name) for name in run}
    others = [entry for entry in others if first_name(entry) not in run]
    settings = [entry.path for entry in config.entries if isinstance(entry, Setting)]
    touched = any(isinstance(entry, Setting) for entry in mine) or any(
        name.partition("/")[0] in run for name in settings
    )
    parts = [(entry, path) for entry in others for path in [part_of(places, entry)] if path]
    return Overlooked(None if touched else tuple(dict.fromkeys(settings)), tuple(parts), paths)


def first_name(entry: Entry) -> str:
    """Give the name of the flow that an entry is for."""
    return entry.path.partition("/")[0] if isinstance(entry, Setting) else entry.flow.upper()


def part_of(places: Places, entry: Entry) -> str:
    """Give the path of the part that an entry names without the flow, or ""."""
    if isinstance(entry, Setting):
        return next((path for path, _ in places.rows if path.endswith(f"/{entry.path}")), "")
    ending = entry.name[entry.name.index("__") :]
    named = (path for name, keys in places.variables().items() if name.endswith(ending) for path, _ in keys)
    return next((path for path in named if "/" in path), "")


def run_in_bodies(places: Places) -> Iterator[str]:
    """Give the names of the flows that functions of a tree call, or name: `current_context().run(total, ...)` does."""
    for name, _ in places.called():
        yield name
    for _, node in places.rows:
        fn = readable(node.fn) if isinstance(node, Step) else None
        if fn is not None:
            for value in named_in(fn):
                if isinstance(value, AnyFlow):
                    yield value.name


def named_in(fn: FunctionType) -> Iterator[object]:
    """Give the globals that a function names, and what stands in its closure."""
    waiting: list[CodeType] = [fn.__code__]
    for code in waiting:
        yield from (fn.__globals__[name] for name in code.co_names if name in fn.__globals__)
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
    for cell in fn.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # it has none yet
            continue
