"""`inputs`: a Hypothesis strategy for what a flow takes, from its annotations. Hypothesis is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from inspect import Parameter
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from omnitron.algebra import AnyFlow, is_need, typed_parameters
from omnitron.errors import DefinitionError, MissingExtra
from omnitron.model import Inputs, Secret

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["inputs"]

ANY_VALUE = None | bool | int | float | str
"""What is drawn where any value is allowed."""

BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def inputs(flow: AnyFlow[..., Any], /, **strategies: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Give a strategy for the input of a flow, in the form that the input of a `FlowExample` has.

    For a flow of one parameter that is its value, for any other `Inputs(args, kwargs)`. Values are drawn by the
    annotations, constraints in `Annotated` included; what a `pydantic.Field` refuses is never drawn. Parameters with a
    default are given or left out; those without annotation are left out, as are `*args` and `**kwargs` without one, and
    those that the context fills. A `Secret[str]` is drawn as a Secret of a string, a bare `Secret` so too.

    Args:
        flow: the flow.
        **strategies: what to draw for parameters by name, instead of by their annotations.

    Raises:
        DefinitionError: a required parameter that has no annotation, or one that nothing can be drawn for; a strategy for
            a parameter that does not exist.
        MissingExtra: Hypothesis is not installed.
    """
    try:
        from hypothesis import strategies as st
    except ImportError as error:
        raise MissingExtra("testing", "hypothesis") from error
    if not isinstance(flow, AnyFlow):
        raise DefinitionError(f"inputs takes a flow, got {flow!r} ({type(flow).__name__}).")
    parameters = typed_parameters(flow.node)
    kinds = {one.kind for one in parameters.values()}
    unknown = strategies.keys() - parameters.keys()
    if unknown and Parameter.VAR_KEYWORD not in kinds:
        raise DefinitionError(
            f"{flow.name!r} has no parameter {sorted(unknown)[0]!r}; it has {', '.join(parameters) or 'none'}."
        )
    found = dict(drawn(flow.name, parameters.values(), strategies))
    named = {name: one for name, one in found.items() if parameters[name].kind not in VARIABLE}
    if len(found) == len(named) == 1 and not unknown:
        ((name, strategy),) = named.items()
        if parameters[name].kind in BY_PLACE:
            return strategy
    rest = next((found[name] for name in found if parameters[name].kind is Parameter.VAR_POSITIONAL), None)
    more = next((found[name] for name in found if parameters[name].kind is Parameter.VAR_KEYWORD), None)
    first = [name for name in named if by_place(parameters[name], always=rest is not None)]
    required = {name: one for name, one in named.items() if name not in first and required_at(parameters[name])}
    optional = {name: one for name, one in named.items() if name not in first and name not in required}
    return st.builds(
        call_of,
        st.tuples(*(named[name] for name in first)),
        st.just(()) if rest is None else rest,
        st.fixed_dictionaries(required | {name: strategies[name] for name in unknown}, optional=optional),
        st.just({}) if more is None else more,
    )


VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def call_of(first: tuple[Any, ...], rest: Iterable[Any], named: dict[str, Any], more: dict[str, Any]) -> Inputs:
    """Put the arguments of one call together."""
    return Inputs((*first, *rest), more | named)


def required_at(parameter: Parameter) -> bool:
    """Say whether a parameter has no default."""
    return parameter.default is Parameter.empty


def by_place(parameter: Parameter, *, always: bool) -> bool:
    """Say whether a parameter is given by its place: where it must be, is required, or (`always`) a rest follows."""
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        return True
    return parameter.kind is Parameter.POSITIONAL_OR_KEYWORD and (always or required_at(parameter))


def drawn(
    name: str, parameters: Iterable[Parameter], strategies: dict[str, SearchStrategy[Any]]
) -> Iterator[tuple[str, SearchStrategy[Any]]]:
    """Give the strategy of each parameter that is drawn."""
    from hypothesis import strategies as st

    known = list(parameters)
    names = {one.name for one in known}
    for one in known:
        if one.name in strategies:
            yield one.name, strategies[one.name]
        elif one.annotation is not Parameter.empty and not is_need(one):
            strategy = strategy_of(one.annotation, f"the parameter {one.name!r} of {name!r}", one.name)
            if one.kind is one.VAR_POSITIONAL:
                strategy = st.lists(strategy)
            elif one.kind is one.VAR_KEYWORD:
                keys = st.from_regex("[a-z_][a-z0-9_]{0,9}", fullmatch=True).filter(lambda key: key not in names)
                strategy = st.dictionaries(keys, strategy, max_size=5)
            yield one.name, strategy
        elif required_at(one) and one.kind not in VARIABLE:
            raise DefinitionError(
                f"the parameter {one.name!r} of {name!r} has no annotation to draw values by. Annotate it, or give a "
                f"strategy: inputs({name}, {one.name}=...)."
            )


def strategy_of(annotation: Any, what: str, name: str) -> SearchStrategy[Any]:
    """Give the strategy of one annotation, refusing one that nothing can be drawn for."""
    from hypothesis import strategies as st
    from hypothesis.errors import InvalidArgument, ResolutionFailed

    know_secrets()
    fields: list[Any] = []
    try:
        strategy: SearchStrategy[Any] = st.from_type(drawable(annotation, fields))
        strategy.validate()
    except (InvalidArgument, ResolutionFailed) as error:
        raise DefinitionError(
            f"nothing can be drawn for {what}, annotated {annotation!r}: {str(error).splitlines()[0].rstrip('.')}. Give a "
            f"strategy for it, inputs(..., {name}=...), or register one by hypothesis.strategies.register_type_strategy."
        ) from error
    return strategy.filter(accepting(annotation)) if fields else strategy


@cache
def know_secrets() -> None:
    """Tell Hypothesis how a Secret is drawn: as what it holds, a string where that is not said."""
    from hypothesis import strategies as st

    st.register_type_strategy(Secret, lambda kind: st.from_type((*get_args(kind), str)[0]).map(Secret))


def accepting(annotation: Any) -> Callable[[Any], bool]:
    """Give the test of what pydantic accepts for an annotation with a `pydantic.Field` in it."""
    from pydantic import TypeAdapter, ValidationError

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def accepts(value: Any) -> bool:
        try:
            adapter.validate_python(value)
        except ValidationError:
            return False
        return True

    return accepts


def bounds_of(field: Any) -> list[Any]:
    """Give what Hypothesis understands of a `pydantic.Field`; the rest is left to the test of what pydantic accepts."""
    return [one for one in field.metadata if type(one).__name__ in ("Gt", "Ge", "Lt", "Le", "MinLen", "MaxLen")]


def drawable(annotation: Any, fields: list[Any]) -> Any:
    """Give an annotation as Hypothesis understands it; each `pydantic.Field` that stands in it is added to `fields`."""
    if annotation is Any or annotation is object:
        return ANY_VALUE
    if annotation is None:
        return type(None)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inside, *words = args
        found = [one for one in words if hasattr(one, "metadata") and hasattr(one, "annotation")]
        fields += found
        flat = [part for one in words for part in (bounds_of(one) if one in found else [one])]
        made = drawable(inside, fields)
        return Annotated[(made, *flat)] if flat else made
    if not args or origin is Callable:
        return annotation
    parts = tuple(drawable(one, fields) for one in args if one is not Ellipsis)
    if origin in (Union, UnionType):
        return Union[parts]  # noqa: UP007 - a tuple of them
    if origin in (Iterable, Collection):
        return list[parts[0]]  # type: ignore[valid-type]
    if not isinstance(origin, type):
        return annotation
    return origin[(*parts, ...) if Ellipsis in args else parts]  # type: ignore[index]
