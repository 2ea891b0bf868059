"""What a configuration puts in the place of a part of a tree: finding it by its import path, and whether it fits."""

from __future__ import annotations

from typing import Any

from omnitron.algebra.flows import as_step
from omnitron.algebra.looking import Look
from omnitron.algebra.neighbours import check_neighbours, check_star
from omnitron.algebra.node import Node
from omnitron.algebra.pickling import look_up
from omnitron.algebra.places import On
from omnitron.algebra.refining import Star
from omnitron.algebra.settling import Places, refines_place
from omnitron.algebra.steps import Sequence
from omnitron.code import clash, describe_annotation
from omnitron.errors import DefinitionError

__all__ = ["check_row", "stand_in"]


def stand_in(places: Places, index: int, value: object) -> Node:
    """Give what stands under an import path as the node for a place of a tree, under the name and colour of that place.

    Args:
        places: the tree.
        index: the number of the node in whose place it stands.
        value: the import path, `package.module:name`.

    Raises:
        DefinitionError: nothing stands there, or it does not fit.
    """
    path, before = places.rows[index]
    made = as_step(imported(value))
    if made.name != before.name or not (made.segment or made.label is not None):
        made = made.labelled(before.name)  # a refinement or a pipe too is a place of its own
    if made.meta is None and before.meta is not None:
        made = made.declaring(before.meta)
    check_contract(path, before, made)
    if made.is_async is before.is_async or is_moved(places, index):
        return before if made == before else made
    if made.is_async:
        raise DefinitionError(
            f"{value!r} is async, and {path!r} is sync: nothing would await it. Name a sync function there, or compose the "
            "place with an async one."
        )
    return On(made, "local")


def is_moved(places: Places, index: int) -> bool:
    """Say whether a place is awaited whatever its own colour is, because an `.on` stands around it."""
    for number in range(index - 1, -1, -1):
        node = places.rows[number][1]
        if isinstance(node, On):
            return True
        if not refines_place(node):
            return False
    return False


def imported(value: object) -> Any:
    """Give what stands under an import path."""
    module, _, qualname = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (module.strip(". ") and qualname.strip(". ")) or ":" in qualname:
        raise DefinitionError(
            f"`replace` is the import path of a function or flow, 'package.module:name'; got {value!r}."
        )
    try:
        return look_up(module, qualname)
    except (Exception, SystemExit) as error:
        raise DefinitionError(
            f"`replace` names {value!r}, which cannot be imported: {type(error).__name__}: {error}."
        ) from error


def check_contract(path: str, before: Node, made: Node) -> None:
    """Refuse what cannot take what the place takes, or cannot give what it gives, as far as parameters and types tell."""
    old, new = before.parameters(), made.parameters()
    if old is not None and new is not None and len(old.keyword_only) == len(old.kwdefaults or ()):
        required = len(old.positional) - len(old.defaults or ())
        if not new.take(required):
            raise DefinitionError(
                f"{path!r} takes ({old.declared}), and what would stand there takes ({new.declared}). Give it parameters "
                "that take the same call."
            )
    look = Look(names=True)
    for word, given, wanted in (
        ("takes", look.takes(before), look.takes(made)),
        ("gives", look.gives(made), look.gives(before)),
    ):
        if clash(given, wanted):
            here, there = (given, wanted) if word == "takes" else (wanted, given)
            raise DefinitionError(
                f"{path!r} {word} {describe_annotation(here)}, and what would stand there {word} "
                f"{describe_annotation(there)}. Name one of the same types, or mend an annotation."
            )


def check_row(row: Sequence, changed: int) -> None:
    """Refuse a part of a pipe that does not fit its neighbours.

    Args:
        row: the pipe.
        changed: the number of the part that is new.
    """
    parts = row.parts
    if changed:
        left: Node = Sequence(parts[:changed])
        right = parts[changed]
        if isinstance(right, Star):
            check_star(left, right.body)
        else:
            check_neighbours(left, right)
    if changed + 1 < len(parts):
        left, right = Sequence(parts[: changed + 1]), parts[changed + 1]
        if isinstance(right, Star):
            check_star(left, right.body)
        else:
            check_neighbours(left, right)
