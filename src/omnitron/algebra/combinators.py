"""The functions that combine several flows, and those that walk over one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

from omnitron.algebra.branching import Gather, TryWith, When
from omnitron.algebra.fanout import flow_node
from omnitron.algebra.flows import AnyFlow, as_step, from_node
from omnitron.algebra.neighbours import check_neighbours
from omnitron.algebra.node import Node, walk_nodes
from omnitron.algebra.steps import Identity, Sequence
from omnitron.errors import DefinitionError
from omnitron.model import FlowMeta

if TYPE_CHECKING:
    from typing import Concatenate, TypeVar

    from omnitron.algebra.callables import (
        R1,
        R2,
        R3,
        R4,
        R5,
        R6,
        R7,
        R8,
        A,
        AnyCall,
        AnyStep,
        AsyncCall,
        AsyncStep,
        B,
        Caught,
        IdentityFlow,
        Later,
        P,
        SyncCall,
        SyncStep,
        T,
    )
    from omnitron.algebra.flows import AsyncFlow, Flow
    from omnitron.model import Failure, Inputs

    F = TypeVar("F", bound=AnyFlow[..., Any])

__all__ = ["gather", "identity", "rewrite", "sequence", "try_with", "walk", "when"]

identity: IdentityFlow = from_node(Identity(meta=FlowMeta(description="Give the one value that comes in.")))


@overload
def sequence(f1: SyncCall[P, R1], /) -> Flow[P, R1]: ...
@overload
def sequence(f1: AsyncCall[P, R1], /) -> AsyncFlow[P, R1]: ...
@overload
def sequence(f1: SyncCall[P, R1], f2: SyncStep[R1, R2], /) -> Flow[P, R2]: ...
@overload
def sequence(f1: AsyncCall[P, R1], f2: AnyStep[R1, R2], /) -> AsyncFlow[P, R2]: ...
@overload
def sequence(f1: AnyCall[P, R1], f2: AsyncStep[R1, R2], /) -> AsyncFlow[P, R2]: ...
@overload
def sequence(f1: SyncCall[P, R1], f2: SyncStep[R1, R2], f3: SyncStep[R2, R3], /) -> Flow[P, R3]: ...
@overload
def sequence(f1: AsyncCall[P, R1], f2: AnyStep[R1, R2], f3: AnyStep[R2, R3], /) -> AsyncFlow[P, R3]: ...
@overload
def sequence(f1: AnyCall[P, R1], f2: AsyncStep[R1, R2], f3: AnyStep[R2, R3], /) -> AsyncFlow[P, R3]: ...
@overload
def sequence(f1: AnyCall[P, R1], f2: AnyStep[R1, R2], f3: AsyncStep[R2, R3], /) -> AsyncFlow[P, R3]: ...
@overload
def sequence(
    f1: SyncCall[P, R1], f2: SyncStep[R1, R2], f3: SyncStep[R2, R3], f4: SyncStep[R3, R4], /
) -> Flow[P, R4]: ...
@overload
def sequence(
    f1: AnyCall[P, R1], f2: AnyStep[R1, R2], f3: AnyStep[R2, R3], f4: AnyStep[R3, R4], /
) -> AsyncFlow[P, R4]: ...
@overload
def sequence(
    f1: SyncCall[P, R1], f2: SyncStep[R1, R2], f3: SyncStep[R2, R3], f4: SyncStep[R3, R4], f5: SyncStep[R4, R5], /
) -> Flow[P, R5]: ...
@overload
def sequence(
    f1: AnyCall[P, R1], f2: AnyStep[R1, R2], f3: AnyStep[R2, R3], f4: AnyStep[R3, R4], f5: AnyStep[R4, R5], /
) -> AsyncFlow[P, R5]: ...
@overload
def sequence(
    f1: SyncCall[P, R1],
    f2: SyncStep[R1, R2],
    f3: SyncStep[R2, R3],
    f4: SyncStep[R3, R4],
    f5: SyncStep[R4, R5],
    f6: SyncStep[R5, R6],
    /,
) -> Flow[P, R6]: ...
@overload
def sequence(
    f1: AnyCall[P, R1],
    f2: AnyStep[R1, R2],
    f3: AnyStep[R2, R3],
    f4: AnyStep[R3, R4],
    f5: AnyStep[R4, R5],
    f6: AnyStep[R5, R6],
    /,
) -> AsyncFlow[P, R6]: ...
@overload
def sequence(
    f1: SyncCall[P, R1],
    f2: SyncStep[R1, R2],
    f3: SyncStep[R2, R3],
    f4: SyncStep[R3, R4],
    f5: SyncStep[R4, R5],
    f6: SyncStep[R5, R6],
    f7: SyncStep[R6, R7],
    /,
) -> Flow[P, R7]: ...
@overload
def sequence(
    f1: AnyCall[P, R1],
    f2: AnyStep[R1, R2],
    f3: AnyStep[R2, R3],
    f4: AnyStep[R3, R4],
    f5: AnyStep[R4, R5],
    f6: AnyStep[R5, R6],
    f7: AnyStep[R6, R7],
    /,
) -> AsyncFlow[P, R7]: ...
@overload
def sequence(
    f1: SyncCall[P, R1],
    f2: SyncStep[R1, R2],
    f3: SyncStep[R2, R3],
    f4: SyncStep[R3, R4],
    f5: SyncStep[R4, R5],
    f6: SyncStep[R5, R6],
    f7: SyncStep[R6, R7],
    f8: SyncStep[R7, R8],
    /,
) -> Flow[P, R8]: ...
@overload
def sequence(
    f1: AnyCall[P, R1],
    f2: AnyStep[R1, R2],
    f3: AnyStep[R2, R3],
    f4: AnyStep[R3, R4],
    f5: AnyStep[R4, R5],
    f6: AnyStep[R5, R6],
    f7: AnyStep[R6, R7],
    f8: AnyStep[R7, R8],
    /,
) -> AsyncFlow[P, R8]: ...
@overload
def sequence(
    f1: SyncCall[P, R1],
    f2: SyncStep[R1, R2],
    f3: SyncStep[R2, R3],
    f4: SyncStep[R3, R4],
    f5: SyncStep[R4, R5],
    f6: SyncStep[R5, R6],
    f7: SyncStep[R6, R7],
    f8: SyncStep[R7, R8],
    f9: SyncStep[R8, Any],
    /,
    *rest: SyncCall[..., Any],
) -> Flow[P, Any]: ...
@overload
def sequence(
    f1: AnyCall[P, R1],
    f2: AnyStep[R1, R2],
    f3: AnyStep[R2, R3],
    f4: AnyStep[R3, R4],
    f5: AnyStep[R4, R5],
    f6: AnyStep[R5, R6],
    f7: AnyStep[R6, R7],
    f8: AnyStep[R7, R8],
    f9: AnyStep[R8, Any],
    /,
    *rest: AnyCall[..., Any],
) -> AsyncFlow[P, Any]: ...
def sequence(*flows: Any) -> Any:
    """Run flows one after the other, each with the result of the one before it; the same as `a | b | c`.

    Laws:
        Associative; `identity` is its neutral element.

    Example:
        >>> from omnitron import flow
        >>> sequence(flow(int), flow(abs), flow(str))("-4")
        '4'
    """
    if not flows:
        raise DefinitionError("sequence takes at least one flow; for a flow that changes nothing there is `identity`.")
    nodes = [as_step(flow) for flow in flows]
    if len(nodes) == 1:
        return from_node(nodes[0])
    for left, right in pairwise(nodes):
        check_neighbours(left, right)
    return from_node(Sequence(tuple(nodes)))


@overload
def gather(
    record: Callable[..., T], /, *, threads: int | None = None, **flows: SyncStep[A, object]
) -> Flow[[A], T]: ...
@overload
def gather(
    record: Callable[..., T], /, *, threads: int | None = None, **flows: AnyStep[A, object]
) -> AsyncFlow[[A], T]: ...
@overload
def gather(
    record: Callable[..., T], /, *, threads: int | None = None, **flows: SyncCall[Concatenate[A, B, P], object]
) -> Flow[Concatenate[A, B, P], T]: ...
@overload
def gather(
    record: Callable[..., T], /, *, threads: int | None = None, **flows: AnyCall[Concatenate[A, B, P], object]
) -> AsyncFlow[Concatenate[A, B, P], T]: ...
def gather(record: Any, /, *, threads: int | None = None, **flows: Any) -> Any:
    """Run flows with the same arguments; fill a record with their results by name.

    Args:
        record: a dataclass, a pydantic model, a TypedDict, or any callable that takes the names as keywords.
        threads: on how many threads to run sync flows.
        **flows: the flows by the names of the record's fields.

    Raises:
        DefinitionError: a name that the record does not have, a required one that is missing, a result whose annotation
            clashes with the field's.

    Example:
        >>> from omnitron import flow
        >>> gather(dict, low=flow(min), high=flow(max))([3, 1, 2])
        {'low': 1, 'high': 3}
    """
    from omnitron.algebra.fields import check_fields

    nodes = {name: flow_node(flow, "gather") for name, flow in flows.items()}
    if not callable(record):
        raise DefinitionError(
            f"gather takes the record to fill first (a dataclass, a TypedDict, a model), got {record!r}."
        )
    check_fields(record, nodes)
    return from_node(Gather(record, tuple(nodes), tuple(nodes.values()), threads))


@overload
def when(test: Callable[[A], bool], then: SyncStep[A, A], else_: None = None) -> Flow[[A], A]: ...
@overload
def when(test: Callable[[A], bool], then: AsyncStep[A, A], else_: None = None) -> AsyncFlow[[A], A]: ...
@overload
def when(test: Callable[[A], Later[bool]], then: AnyStep[A, A], else_: None = None) -> AsyncFlow[[A], A]: ...
@overload
def when(test: Callable[[A], bool], then: SyncStep[A, R1], else_: SyncStep[A, R2]) -> Flow[[A], R1 | R2]: ...
@overload
def when(test: Callable[[A], bool], then: AsyncStep[A, R1], else_: AnyStep[A, R2]) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def when(test: Callable[[A], bool], then: AnyStep[A, R1], else_: AsyncStep[A, R2]) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def when(test: Callable[[A], Later[bool]], then: AnyStep[A, R1], else_: AnyStep[A, R2]) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def when(
    test: Callable[Concatenate[A, B, P], bool],
    then: SyncCall[Concatenate[A, B, P], R1],
    else_: SyncCall[Concatenate[A, B, P], R2],
) -> Flow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def when(
    test: Callable[Concatenate[A, B, P], bool],
    then: AsyncCall[Concatenate[A, B, P], R1],
    else_: AnyCall[Concatenate[A, B, P], R2],
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def when(
    test: Callable[Concatenate[A, B, P], bool],
    then: AnyCall[Concatenate[A, B, P], R1],
    else_: AsyncCall[Concatenate[A, B, P], R2],
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def when(
    test: Callable[Concatenate[A, B, P], Later[bool]],
    then: AnyCall[Concatenate[A, B, P], R1],
    else_: AnyCall[Concatenate[A, B, P], R2],
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
def when(test: Any, then: Any, else_: Any = None) -> Any:
    """Run `then` where `test` is true of the arguments, else `else_`; without it the input itself is the result.

    Args:
        test: a flow or a plain function, of either colour.
        then: a flow.
        else_: a flow, or None.

    Raises:
        DefinitionError: without `else_`, when `then` gives something of another type than the input.

    Example:
        >>> from omnitron import flow
        >>> half = flow(lambda x: x // 2, name="half")
        >>> when(lambda x: x > 10, half)(40), when(lambda x: x > 10, half)(4)
        (20, 4)
    """
    from omnitron.algebra.fields import check_no_else

    test_node, then_node = as_step(test), flow_node(then, "when")
    if else_ is None:
        check_no_else(then_node)
    return from_node(When(test_node, then_node, None if else_ is None else flow_node(else_, "when")))


@overload
def try_with(
    body: SyncCall[P, R1], catch: SyncStep[Failure, R2], finally_: None = None, *, on: Caught = Exception
) -> Flow[P, R1 | R2]: ...
@overload
def try_with(
    body: AsyncCall[P, R1], catch: AnyStep[Failure, R2], finally_: None = None, *, on: Caught = Exception
) -> AsyncFlow[P, R1 | R2]: ...
@overload
def try_with(
    body: AnyCall[P, R1], catch: AsyncStep[Failure, R2], finally_: None = None, *, on: Caught = Exception
) -> AsyncFlow[P, R1 | R2]: ...
@overload
def try_with(
    body: SyncStep[A, R1], catch: None = None, *, finally_: SyncStep[A, object], on: Caught = Exception
) -> Flow[[A], R1]: ...
@overload
def try_with(
    body: AsyncStep[A, R1], catch: None = None, *, finally_: AnyStep[A, object], on: Caught = Exception
) -> AsyncFlow[[A], R1]: ...
@overload
def try_with(
    body: AnyStep[A, R1], catch: None = None, *, finally_: AsyncStep[A, object], on: Caught = Exception
) -> AsyncFlow[[A], R1]: ...
@overload
def try_with(
    body: SyncStep[A, R1], catch: SyncStep[Failure, R2], finally_: SyncStep[A, object], *, on: Caught = Exception
) -> Flow[[A], R1 | R2]: ...
@overload
def try_with(
    body: AsyncStep[A, R1], catch: AnyStep[Failure, R2], finally_: AnyStep[A, object], *, on: Caught = Exception
) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def try_with(
    body: AnyStep[A, R1], catch: AsyncStep[Failure, R2], finally_: AnyStep[A, object], *, on: Caught = Exception
) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def try_with(
    body: AnyStep[A, R1], catch: AnyStep[Failure, R2], finally_: AsyncStep[A, object], *, on: Caught = Exception
) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def try_with(
    body: SyncCall[Concatenate[A, B, P], R1],
    catch: None = None,
    *,
    finally_: SyncStep[Inputs, object],
    on: Caught = Exception,
) -> Flow[Concatenate[A, B, P], R1]: ...
@overload
def try_with(
    body: AnyCall[Concatenate[A, B, P], R1],
    catch: None = None,
    *,
    finally_: AnyStep[Inputs, object],
    on: Caught = Exception,
) -> AsyncFlow[Concatenate[A, B, P], R1]: ...
@overload
def try_with(
    body: SyncCall[Concatenate[A, B, P], R1],
    catch: SyncStep[Failure, R2],
    finally_: SyncStep[Inputs, object],
    *,
    on: Caught = Exception,
) -> Flow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def try_with(
    body: AnyCall[Concatenate[A, B, P], R1],
    catch: AnyStep[Failure, R2],
    finally_: AnyStep[Inputs, object],
    *,
    on: Caught = Exception,
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
def try_with(body: Any, catch: Any = None, finally_: Any = None, *, on: Any = Exception) -> Any:
    """Run `body`; when it raises give what `catch` makes of the `Failure`; in any case run `finally_`.

    Cancellation and `KeyboardInterrupt` are never caught. `finally_` takes the input and runs exactly once, on
    cancellation too; its result is dropped, its error leaves.

    Args:
        body: a flow.
        catch: a flow of `Failure(error, input, path)`.
        finally_: a flow of the input.
        on: which errors `catch` takes: an exception type, a tuple of them, or a predicate of the exception.

    Example:
        >>> from omnitron import flow
        >>> try_with(flow(int), flow(lambda failure: failure.input, name="as_it_is"), on=ValueError)(
        ...     "four"
        ... )
        'four'
    """
    catch_node = None if catch is None else flow_node(catch, "try_with")
    final_node = None if finally_ is None else flow_node(finally_, "try_with")
    return from_node(TryWith(flow_node(body, "try_with"), catch_node, final_node, on))


def walk(flow: AnyFlow[..., Any] | Node) -> Iterator[tuple[str, Node]]:
    """Give every node of a flow with its path, each before its children, in the order in which they run.

    Example:
        >>> from omnitron import flow, walk
        >>> [path for path, _ in walk(flow(len) | flow(abs))]
        ['len → abs', 'len → abs/len', 'len → abs/abs']
    """
    return walk_nodes(flow if isinstance(flow, Node) else flow_node(flow, "walk"))


def rewrite(flow: F, change: Callable[[Node], Node | AnyFlow[..., Any]]) -> F:
    """Give the flow in which `change` was applied to every node, children first.

    Names and metadata of nodes stay where `change` gives a node without any of its own.

    Args:
        flow: the flow.
        change: takes a node whose children are rewritten already; gives it back, or another node or flow in its place.

    Example:
        >>> from omnitron import flow
        >>> rewrite(flow(int) | flow(abs), lambda node: flow(float) if node.name == "int" else node)(
        ...     "-1.5"
        ... )
        1.5
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
    rewritten: F = from_node(done[id(root)])
    return rewritten


def keep_names(change: Any, before: Node) -> Node:
    """Give a rewritten node the name and metadata of the one before, unless it has its own."""
    after = change.node if isinstance(change, AnyFlow) else change
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
