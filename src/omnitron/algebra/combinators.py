"""The functions that combine several flows, and those that walk over one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from omnitron.algebra.branching import Gather, Parallel, TryWith, When
from omnitron.algebra.flow import BaseFlow, as_step, check_neighbours, from_node
from omnitron.algebra.node import Node, walk_nodes
from omnitron.algebra.steps import Identity, Sequence
from omnitron.errors import DefinitionError
from omnitron.model import FlowMeta

__all__ = ["gather", "identity", "parallel", "rewrite", "sequence", "try_with", "walk", "when"]

identity: Any = from_node(Identity(meta=FlowMeta(description="Give the one value that comes in.")))


def flow_node(value: Any, where: str) -> Node:
    """Give the node of a flow; refuse anything else."""
    if isinstance(value, BaseFlow):
        return value.node
    shown = getattr(value, "__name__", None) or repr(value)
    hint = f"Write `flow({shown})`." if callable(value) else "Make one by `flow`."
    raise DefinitionError(f"{where} takes flows, got {shown}, a {type(value).__name__}. {hint}")


def sequence(*flows: Callable[..., Any]) -> Any:
    """Run flows one after the other, each with the result of the one before it; the same as `a | b | c`.

    Laws:
        Associative; `identity` is its neutral element.
    """
    if not flows:
        raise DefinitionError("sequence takes at least one flow; for a flow that changes nothing there is `identity`.")
    nodes = [as_step(flow) for flow in flows]
    if len(nodes) == 1:
        return from_node(nodes[0])
    for left, right in zip(nodes, nodes[1:], strict=False):
        check_neighbours(left, right)
    return from_node(Sequence(tuple(nodes)))


def parallel(*flows: Any, mode: str = "raise", threads: int | None = None) -> Any:
    """Run flows with the same arguments; give a tuple of their results in order.

    Async flows run at once: the first error cancels the others, which are awaited, then it leaves with a note that lists
    what else was raised. Sync flows run one after the other unless `threads` are given; then running ones are awaited.

    Args:
        *flows: at least one.
        mode: "raise", or "collect" for a tuple of `Ok(value)` and `Failure(error, input, path)`.
        threads: on how many threads to run sync flows.
    """
    return from_node(Parallel(tuple(flow_node(flow, "parallel") for flow in flows), mode, threads))


def gather(record: Any, /, *, threads: int | None = None, **flows: Any) -> Any:
    """Run flows with the same arguments; fill a record with their results by name.

    Args:
        record: a dataclass, a pydantic model, a TypedDict, or any callable that takes the names as keywords.
        threads: on how many threads to run sync flows.
        **flows: the flows by the names of the record's fields.

    Raises:
        DefinitionError: a name that the record does not have, a required one that is missing, a result whose annotation
            clashes with the field's.
    """
    from omnitron.algebra.fields import check_fields

    nodes = {name: flow_node(flow, "gather") for name, flow in flows.items()}
    if not callable(record):
        raise DefinitionError(
            f"gather takes the record to fill first (a dataclass, a TypedDict, a model), got {record!r}."
        )
    check_fields(record, nodes)
    return from_node(Gather(record, tuple(nodes), tuple(nodes.values()), threads))


def when(test: Callable[..., Any], then: Any, else_: Any = None) -> Any:
    """Run `then` where `test` is true of the arguments, else `else_`; without it the input itself is the result.

    Args:
        test: a flow or a plain function, of either colour.
        then: a flow.
        else_: a flow, or None.

    Raises:
        DefinitionError: without `else_`, when `then` gives something of another type than the input.
    """
    from omnitron.algebra.fields import check_no_else

    test_node, then_node = as_step(test), flow_node(then, "when")
    if else_ is None:
        check_no_else(then_node)
    return from_node(When(test_node, then_node, None if else_ is None else flow_node(else_, "when")))


def try_with(body: Any, catch: Any = None, finally_: Any = None, *, on: Any = Exception) -> Any:
    """Run `body`; when it raises give what `catch` makes of the `Failure`; in any case run `finally_`.

    Cancellation and `KeyboardInterrupt` are never caught. `finally_` takes the input and runs exactly once, on
    cancellation too; its result is dropped, its error leaves.

    Args:
        body: a flow.
        catch: a flow of `Failure(error, input, path)`.
        finally_: a flow of the input.
        on: which errors `catch` takes: an exception type, a tuple of them, or a predicate of the exception.
    """
    catch_node = None if catch is None else flow_node(catch, "try_with")
    final_node = None if finally_ is None else flow_node(finally_, "try_with")
    return from_node(TryWith(flow_node(body, "try_with"), catch_node, final_node, on))


def walk(flow: Any) -> Iterator[tuple[str, Node]]:
    """Give every node of a flow with its path, each before its children, in the order in which they run.

    Example:
        >>> from omnitron import flow, walk
        >>> [path for path, _ in walk(flow(len) | flow(abs))]
        ['len → abs', 'len → abs/len', 'len → abs/abs']
    """
    return walk_nodes(flow if isinstance(flow, Node) else flow_node(flow, "walk"))


def rewrite(flow: Any, change: Callable[[Node], Any]) -> Any:
    """Give the flow in which `change` was applied to every node, children first.

    Names and metadata of nodes stay where `change` gives a node without any of its own.

    Args:
        flow: the flow.
        change: takes a node whose children are rewritten already; gives it back, or another node or flow in its place.
    """
    root = flow_node(flow, "rewrite")
    done: dict[int, Node] = {}
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        children = node.children
        if not ready and children:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children))
            continue
        new = tuple(done[id(child)] for child in children)
        same = all(a is b for a, b in zip(new, children, strict=True))
        before = node if same else node.rebuild(new)
        done[id(node)] = keep_names(change(before), before)
    return from_node(done[id(root)])


def keep_names(after: Any, before: Node) -> Node:
    """Give a rewritten node the name and metadata of the one before, unless it has its own."""
    if isinstance(after, BaseFlow):
        after = after.node
    if not isinstance(after, Node):
        raise DefinitionError(
            f"rewrite: the function gives a node or a flow for each node, got {after!r} for {before.name!r}."
        )
    if after is before:
        return after
    if before.label is not None and after.label is None:
        after = after.labelled(before.label)
    if before.meta is not None and after.meta is None:
        after = after.declaring(before.meta)
    return after
