"""`choose`, `by_type`, `fallback`: the functions that run one of several flows.

How they run stands in `omnitron.algebra.choosing` and `omnitron.algebra.recovering`; `when` and `try_with`, in
`omnitron.algebra.combinators`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from omnitron.algebra.choosing import ByType, Choose
from omnitron.algebra.fanout import flow_node
from omnitron.algebra.flows import as_step, from_node
from omnitron.algebra.looking import Look
from omnitron.algebra.node import Node
from omnitron.algebra.recovering import Fallback
from omnitron.code import describe_annotation, exact_classes
from omnitron.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
        B,
        Caught,
        Later,
        P,
        R,
        SyncCall,
        SyncStep,
    )
    from omnitron.algebra.flows import AsyncFlow, Flow

    K = TypeVar("K")
    A1 = TypeVar("A1")
    A2 = TypeVar("A2")
    A3 = TypeVar("A3")
    A4 = TypeVar("A4")
    A5 = TypeVar("A5")
    A6 = TypeVar("A6")
    A7 = TypeVar("A7")
    A8 = TypeVar("A8")

__all__ = ["by_type", "choose", "fallback"]


@overload
def choose(
    key: Callable[[A], K], arms: Mapping[K, SyncStep[A, R1]], default: SyncStep[A, R2]
) -> Flow[[A], R1 | R2]: ...
@overload
def choose(key: Callable[[A], K], arms: Mapping[K, SyncStep[A, R1]], default: None = None) -> Flow[[A], R1]: ...
@overload
def choose(
    key: Callable[[A], Later[K]], arms: Mapping[K, AnyStep[A, R1]], default: AnyStep[A, R2]
) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def choose(
    key: Callable[[A], Later[K]], arms: Mapping[K, AnyStep[A, R1]], default: None = None
) -> AsyncFlow[[A], R1]: ...
@overload
def choose(
    key: Callable[[A], K], arms: Mapping[K, AnyStep[A, R1]], default: AnyStep[A, R2]
) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def choose(key: Callable[[A], K], arms: Mapping[K, AnyStep[A, R1]], default: None = None) -> AsyncFlow[[A], R1]: ...
@overload
def choose(
    key: Callable[[A], K], arms: Mapping[K, SyncStep[A, object]], default: SyncStep[A, object] | None = None
) -> Flow[[A], Any]: ...
@overload
def choose(
    key: Callable[[A], K] | Callable[[A], Later[K]],
    arms: Mapping[K, AnyStep[A, object]],
    default: AnyStep[A, object] | None = None,
) -> AsyncFlow[[A], Any]: ...
@overload
def choose(
    key: Callable[Concatenate[A, B, P], K],
    arms: Mapping[K, SyncCall[Concatenate[A, B, P], R1]],
    default: SyncCall[Concatenate[A, B, P], R1] | None = None,
) -> Flow[Concatenate[A, B, P], R1]: ...
@overload
def choose(
    key: Callable[Concatenate[A, B, P], K],
    arms: Mapping[K, AnyCall[Concatenate[A, B, P], R1]],
    default: AnyCall[Concatenate[A, B, P], R1] | None = None,
) -> AsyncFlow[Concatenate[A, B, P], R1]: ...
def choose(key: Any, arms: Any, default: Any = None) -> Any:
    """Run the arm of the key of the input, with the same arguments.

    Args:
        key: a function or flow that gives the key, of either colour.
        arms: the flows by their keys, which are constants, compared as in a dictionary.
        default: the flow for every other key.

    Raises:
        NoMatch: at run time, where the key has no arm and there is no `default`.

    Example:
        >>> from omnitron import flow
        >>> size = choose(lambda text: text[0], {"a": flow(str.upper)}, default=flow(len))
        >>> size("abc"), size("xyz")
        ('ABC', 3)
    """
    rows = getattr(arms, "items", None)
    if rows is None:
        raise DefinitionError(f"choose takes its arms by their keys, `choose(key, {{'a': flow}})`; got {arms!r}.")
    found = [(name, flow_node(arm, "choose")) for name, arm in rows()]
    otherwise = None if default is None else flow_node(default, "choose")
    return from_node(Choose(as_step(key), tuple(name for name, _ in found), tuple(arm for _, arm in found), otherwise))


@overload
def by_type(f1: SyncStep[A1, R1], /) -> Flow[[A1], R1]: ...
@overload
def by_type(f1: AnyStep[A1, R1], /) -> AsyncFlow[[A1], R1]: ...
@overload
def by_type(f1: SyncStep[A1, R1], f2: SyncStep[A2, R2], /) -> Flow[[A1 | A2], R1 | R2]: ...
@overload
def by_type(f1: AnyStep[A1, R1], f2: AnyStep[A2, R2], /) -> AsyncFlow[[A1 | A2], R1 | R2]: ...
@overload
def by_type(
    f1: SyncStep[A1, R1], f2: SyncStep[A2, R2], f3: SyncStep[A3, R3], /
) -> Flow[[A1 | A2 | A3], R1 | R2 | R3]: ...
@overload
def by_type(
    f1: AnyStep[A1, R1], f2: AnyStep[A2, R2], f3: AnyStep[A3, R3], /
) -> AsyncFlow[[A1 | A2 | A3], R1 | R2 | R3]: ...
@overload
def by_type(
    f1: SyncStep[A1, R1], f2: SyncStep[A2, R2], f3: SyncStep[A3, R3], f4: SyncStep[A4, R4], /
) -> Flow[[A1 | A2 | A3 | A4], R1 | R2 | R3 | R4]: ...
@overload
def by_type(
    f1: AnyStep[A1, R1], f2: AnyStep[A2, R2], f3: AnyStep[A3, R3], f4: AnyStep[A4, R4], /
) -> AsyncFlow[[A1 | A2 | A3 | A4], R1 | R2 | R3 | R4]: ...
@overload
def by_type(
    f1: SyncStep[A1, R1], f2: SyncStep[A2, R2], f3: SyncStep[A3, R3], f4: SyncStep[A4, R4], f5: SyncStep[A5, R5], /
) -> Flow[[A1 | A2 | A3 | A4 | A5], R1 | R2 | R3 | R4 | R5]: ...
@overload
def by_type(
    f1: AnyStep[A1, R1], f2: AnyStep[A2, R2], f3: AnyStep[A3, R3], f4: AnyStep[A4, R4], f5: AnyStep[A5, R5], /
) -> AsyncFlow[[A1 | A2 | A3 | A4 | A5], R1 | R2 | R3 | R4 | R5]: ...
@overload
def by_type(
    f1: SyncStep[A1, R1],
    f2: SyncStep[A2, R2],
    f3: SyncStep[A3, R3],
    f4: SyncStep[A4, R4],
    f5: SyncStep[A5, R5],
    f6: SyncStep[A6, R6],
    /,
) -> Flow[[A1 | A2 | A3 | A4 | A5 | A6], R1 | R2 | R3 | R4 | R5 | R6]: ...
@overload
def by_type(
    f1: AnyStep[A1, R1],
    f2: AnyStep[A2, R2],
    f3: AnyStep[A3, R3],
    f4: AnyStep[A4, R4],
    f5: AnyStep[A5, R5],
    f6: AnyStep[A6, R6],
    /,
) -> AsyncFlow[[A1 | A2 | A3 | A4 | A5 | A6], R1 | R2 | R3 | R4 | R5 | R6]: ...
@overload
def by_type(
    f1: SyncStep[A1, R1],
    f2: SyncStep[A2, R2],
    f3: SyncStep[A3, R3],
    f4: SyncStep[A4, R4],
    f5: SyncStep[A5, R5],
    f6: SyncStep[A6, R6],
    f7: SyncStep[A7, R7],
    /,
) -> Flow[[A1 | A2 | A3 | A4 | A5 | A6 | A7], R1 | R2 | R3 | R4 | R5 | R6 | R7]: ...
@overload
def by_type(
    f1: AnyStep[A1, R1],
    f2: AnyStep[A2, R2],
    f3: AnyStep[A3, R3],
    f4: AnyStep[A4, R4],
    f5: AnyStep[A5, R5],
    f6: AnyStep[A6, R6],
    f7: AnyStep[A7, R7],
    /,
) -> AsyncFlow[[A1 | A2 | A3 | A4 | A5 | A6 | A7], R1 | R2 | R3 | R4 | R5 | R6 | R7]: ...
@overload
def by_type(
    f1: SyncStep[A1, R1],
    f2: SyncStep[A2, R2],
    f3: SyncStep[A3, R3],
    f4: SyncStep[A4, R4],
    f5: SyncStep[A5, R5],
    f6: SyncStep[A6, R6],
    f7: SyncStep[A7, R7],
    f8: SyncStep[A8, R8],
    /,
) -> Flow[[A1 | A2 | A3 | A4 | A5 | A6 | A7 | A8], R1 | R2 | R3 | R4 | R5 | R6 | R7 | R8]: ...
@overload
def by_type(
    f1: AnyStep[A1, R1],
    f2: AnyStep[A2, R2],
    f3: AnyStep[A3, R3],
    f4: AnyStep[A4, R4],
    f5: AnyStep[A5, R5],
    f6: AnyStep[A6, R6],
    f7: AnyStep[A7, R7],
    f8: AnyStep[A8, R8],
    /,
) -> AsyncFlow[[A1 | A2 | A3 | A4 | A5 | A6 | A7 | A8], R1 | R2 | R3 | R4 | R5 | R6 | R7 | R8]: ...
def by_type(*flows: Any) -> Any:
    """Run the flow that takes values of the input's class.

    What a flow takes is read from the annotation of its first parameter: a class, or a union of classes; `list[int]`
    counts as `list`, `object` and `Any` take what no other flow does. The nearest class of a value's own line wins, then
    abstract classes in the order in which they stand here. An int goes to a flow for float when there is none for int.

    A pipe into a choice by type is refused where an annotation says that a value may come that no flow takes.

    Raises:
        DefinitionError: a flow without such an annotation, or two for one class.
        NoMatch: at run time, for a value that no flow takes.

    Example:
        >>> from omnitron import flow
        >>> def number(x: int) -> str:
        ...     return f"a number, {x}"
        >>> def text(x: str) -> str:
        ...     return f"a text, {x}"
        >>> by_type(flow(number), flow(text))("tea")
        'a text, tea'
    """
    nodes = tuple(flow_node(flow, "by_type") for flow in flows)
    return from_node(ByType(tuple(map(classes_taken, nodes)), nodes))


def classes_taken(arm: Node) -> tuple[type, ...]:
    """Give the classes that an arm takes, as its annotation says."""
    annotation = Look(names=True).takes(arm)
    kinds = exact_classes(annotation)
    if kinds is None:
        raise DefinitionError(
            f"by_type chooses by the class that a flow's first parameter is annotated with; that of {arm.name!r} says "
            f"{describe_annotation(annotation)}. Annotate it with a class, a union of classes, or `object` for the rest; "
            "to choose by a value there is `choose`."
        )
    for kind in kinds:
        try:
            isinstance(None, kind)
        except TypeError as error:
            raise DefinitionError(
                f"by_type cannot tell values of {kind.__qualname__}, which {arm.name!r} takes: {error}."
            ) from error
    return kinds


@overload
def fallback(f1: SyncStep[A, R1], /, *, on: Caught = Exception) -> Flow[[A], R1]: ...
@overload
def fallback(f1: AnyStep[A, R1], /, *, on: Caught = Exception) -> AsyncFlow[[A], R1]: ...
@overload
def fallback(f1: SyncStep[A, R1], f2: SyncStep[A, R2], /, *, on: Caught = Exception) -> Flow[[A], R1 | R2]: ...
@overload
def fallback(f1: AnyStep[A, R1], f2: AnyStep[A, R2], /, *, on: Caught = Exception) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def fallback(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], f3: SyncStep[A, R3], /, *, on: Caught = Exception
) -> Flow[[A], R1 | R2 | R3]: ...
@overload
def fallback(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], /, *, on: Caught = Exception
) -> AsyncFlow[[A], R1 | R2 | R3]: ...
@overload
def fallback(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], f3: SyncStep[A, R3], f4: SyncStep[A, R4], /, *, on: Caught = Exception
) -> Flow[[A], R1 | R2 | R3 | R4]: ...
@overload
def fallback(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], f4: AnyStep[A, R4], /, *, on: Caught = Exception
) -> AsyncFlow[[A], R1 | R2 | R3 | R4]: ...
@overload
def fallback(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    /,
    *,
    on: Caught = Exception,
) -> Flow[[A], R1 | R2 | R3 | R4 | R5]: ...
@overload
def fallback(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    /,
    *,
    on: Caught = Exception,
) -> AsyncFlow[[A], R1 | R2 | R3 | R4 | R5]: ...
@overload
def fallback(
    f1: SyncStep[A, R],
    f2: SyncStep[A, R],
    f3: SyncStep[A, R],
    f4: SyncStep[A, R],
    f5: SyncStep[A, R],
    f6: SyncStep[A, R],
    /,
    *rest: SyncStep[A, R],
    on: Caught = Exception,
) -> Flow[[A], R]: ...
@overload
def fallback(
    f1: AnyStep[A, R],
    f2: AnyStep[A, R],
    f3: AnyStep[A, R],
    f4: AnyStep[A, R],
    f5: AnyStep[A, R],
    f6: AnyStep[A, R],
    /,
    *rest: AnyStep[A, R],
    on: Caught = Exception,
) -> AsyncFlow[[A], R]: ...
@overload
def fallback(
    f1: SyncCall[Concatenate[A, B, P], R1], f2: SyncCall[Concatenate[A, B, P], R2], /, *, on: Caught = Exception
) -> Flow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def fallback(
    f1: AnyCall[Concatenate[A, B, P], R1], f2: AnyCall[Concatenate[A, B, P], R2], /, *, on: Caught = Exception
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def fallback(
    f1: SyncCall[Concatenate[A, B, P], R1],
    f2: SyncCall[Concatenate[A, B, P], R2],
    f3: SyncCall[Concatenate[A, B, P], R3],
    /,
    *,
    on: Caught = Exception,
) -> Flow[Concatenate[A, B, P], R1 | R2 | R3]: ...
@overload
def fallback(
    f1: AnyCall[Concatenate[A, B, P], R1],
    f2: AnyCall[Concatenate[A, B, P], R2],
    f3: AnyCall[Concatenate[A, B, P], R3],
    /,
    *,
    on: Caught = Exception,
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2 | R3]: ...
def fallback(*flows: Any, on: Any = Exception) -> Any:
    """Run flows with the same arguments, one after the other, until one gives a result.

    When all fail, the error of the last one leaves; the earlier ones hang on it as its contexts, and stand in one note.
    Cancellation and `KeyboardInterrupt` leave at once.

    Args:
        *flows: at least one.
        on: after which errors the next one is tried: an exception type, a tuple of them, or a predicate of the exception.

    Laws:
        `fallback(a, b, c)` is `a.or_else(b).or_else(c)`.

    Example:
        >>> from omnitron import flow
        >>> number = fallback(flow(int), flow(float), on=ValueError)
        >>> number("4"), number("4.5")
        (4, 4.5)
    """
    return from_node(Fallback(tuple(flow_node(flow, "fallback") for flow in flows), on))
