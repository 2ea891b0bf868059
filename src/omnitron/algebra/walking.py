"""Walks over trees: the metadata of the whole, the capabilities that a run lacks, neighbours with string annotations."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType, GenericAlias
from typing import Any

from omnitron.algebra.looking import Look
from omnitron.algebra.node import STREAMS, Node, walk_nodes
from omnitron.algebra.steps import Sequence, Step
from omnitron.code import UNKNOWN, AllOf, Every, clash, describe_annotation, iterations, streams_in, untaken
from omnitron.errors import DefinitionError, MissingCapability
from omnitron.model import COLLECT, Effect, FlowMeta
from omnitron.runtime import Context

__all__ = ["check_names", "check_replaced", "derived_meta", "missing_capabilities", "refuse_clash"]


def derived_meta(root: Node) -> FlowMeta:
    """Give the metadata of a tree: its own, with the union of effects and capabilities of its parts.

    A part that declares no effects is undeclared, which is not `Effect.NONE`: beside it only what others declare is known,
    and where they declare nothing but NONE the whole is undeclared.
    """
    own = root.meta or FlowMeta()
    effects: Effect | None
    description, documentation = own.description, own.documentation
    if not root.children:
        if not (description and documentation):
            from omnitron.code import split_docstring

            first, rest = split_docstring(getattr(root, "fn", None)) if isinstance(root, Step) else ("", "")
            # Beside a description of its own, a docstring tells as a whole.
            whole = f"{first}\n\n{rest}".strip() if description else rest
            own = own.replace(description=description or first, documentation=documentation or whole)
        return own
    effects, silent = own.effects, False
    seen: set[int] = set()
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        declared = None if node.meta is None else node.meta.effects
        if declared is not None:
            effects = declared if effects is None else effects | declared
        else:
            silent = silent or isinstance(node, Step)
        stack += node.children
    if silent and not effects:
        effects = own.effects
    if root.kind in REFINING and not (description and documentation):
        inside = derived_meta(root.children[0])
        description, documentation = description or inside.description, documentation or inside.documentation
    return own.replace(
        effects=effects, capabilities=root.capabilities, description=description, documentation=documentation
    )


REFINING = ("bind", "method", "on", "retry", "timeout", "undo", "within")


def missing_capabilities(root: Node, ctx: Context, here: str | None = None) -> None:
    """Refuse a run in a context that lacks capabilities; name them and the paths that need them.

    Args:
        root: the tree.
        ctx: what holds the capabilities.
        here: the path of the tree where it is called in a run; left out, its name.
    """
    lacking = [name for name in root.capabilities if not ctx.has_capability(name)]
    if not lacking:
        return
    found: dict[str, list[str]] = {name: [] for name in lacking}
    for path, node in walk_nodes(root):
        for name in lacking:
            if node.meta is not None and name in node.meta.capabilities:
                found[name].append(path if here is None else f"{here}{path[len(root.name) :]}")
    held = ctx.runtime.capabilities or frozenset()
    raise MissingCapability({name: tuple(paths) for name, paths in found.items()}, tuple(sorted(held)))


def check_replaced(root: Node, replaced: Mapping[str, Any]) -> list[Node]:
    """Refuse a name to replace that is one of the tree's but for a slip; others may be of flows called in bodies.

    Gives the trees of the flows that run in the place of parts of this one.
    """
    known = {name for path, node in walk_nodes(root) for name in (path, node.name)}
    instead: list[Node] = []
    for name, fake in replaced.items():
        if name in known:
            node = getattr(fake, "node", None)
            instead += [node] if isinstance(node, Node) else []
            continue
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1, 0.75)
        if near:
            raise DefinitionError(
                f"`replace` names {name!r}, and the flow {root.name!r} has {near[0]!r}. Write that, or a name that is not "
                "so close to it."
            )
    return instead


def check_names(root: Node) -> None:
    """Refuse neighbours whose string annotations clash; at the first call, when every name can be looked up."""
    stack: list[Node] = [root]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack += [child for child in node.children if child.children]
        if isinstance(node, Sequence):
            check_row(node.parts)


def check_row(parts: tuple[Node, ...]) -> None:
    """Refuse neighbours in a pipe that clash as far as their string annotations can be looked up now.

    Two plain functions without strings were compared when they were composed.
    """
    look = Look(names=True)
    before: Node | None = None
    given: Any = UNKNOWN
    out: Any = None
    plain = False
    for part in parts:
        fn = part.fn if type(part) is Step else None
        if type(fn) is not FunctionType or STREAMS in part.needs:
            if before is not None:
                given = look.gives(before) if plain else given
                refuse_clash(before, part, given, look.takes(part))
            given = look.gives(part, lambda given=given: given)  # type: ignore[misc]
            plain = False
        else:
            notes = fn.__annotations__
            if not plain:
                if before is not None and notes:
                    refuse_clash(before, part, given, look.takes(part))
            elif out is not None and (code := fn.__code__).co_argcount:
                into = notes.get(code.co_varnames[0])
                if (type(into) is str or (type(out) is str and into is not None)) and out != into:
                    refuse_clash(before, part, look.gives(before), look.takes(part))  # type: ignore[arg-type]
            out, plain = notes.get("return"), True
        before = part


def refuse_clash(giver: Node, taker: Node, given: Any, wanted: Any) -> None:
    """Refuse two neighbours of which the one gives what the other cannot take."""
    if given is UNKNOWN or not clash(given, wanted):
        return
    if isinstance(wanted, AllOf):
        wanted = next(member for member in wanted.members if clash(given, member))
    says = f"{giver.name!r} gives {describe_annotation(given)}, but the next step {taker.name!r} "
    if isinstance(wanted, Every):
        missing = describe_annotation(untaken(given, wanted.members))
        single = items_way(taker, given, wanted)
        way = single or f"Add a flow that takes {missing}, or one whose parameter is annotated `object` for the rest."
        raise DefinitionError(f"{says}has no arm for {missing}. {way}")
    raise DefinitionError(f"{says}takes {describe_annotation(wanted)}. {way_out(taker, given, wanted)}")


def way_out(taker: Node, given: Any, wanted: Any) -> str:
    """Say what to do about two neighbours that clash; streams are read in one of two ways."""
    comes, taken = iterations(given), iterations(wanted)
    if comes == {"sync"} and taken == {"async"}:
        return "It is read by `for`, not by `async for`: let the next step take an Iterable, or mend an annotation."
    streams = streams_in(given)
    listed = any(not clash(GenericAlias(list, (stream.item,)), wanted) for stream in streams)
    if comes == {"async"} and (taken == {"sync"} or listed):
        return (
            f"It is read by `async for`: put {COLLECT} between them, let the next step be async and take an "
            "AsyncIterable, or map each item by `.stream()`; or mend an annotation."
        )
    if listed:
        return "Put `list` between them, which reads it to its end; or mend an annotation."
    single = items_way(taker, given, wanted)
    return single or "Put a step between them that turns one into the other, or mend an annotation."


def items_way(taker: Node, given: Any, wanted: Any) -> str:
    """Say how to run a flow for each item of a stream, where it takes one; else give ""."""
    if not any(not clash(stream.item, wanted) for stream in streams_in(given)):
        return ""
    named = taker.label is not None or not taker.children
    flow = taker.name if named and taker.name.isidentifier() else f"{taker.kind}(...)"
    each = f" (or `{flow}.each()` for a list)" if taker.is_async or iterations(given) != {"async"} else ""
    return f"It seems to take one item: `{flow}.stream()` maps each{each}; or mend an annotation."
