"""Flows of LangChain runnables, and runnables of flows."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any, get_args

from langchain_core.runnables import Runnable, RunnableConfig

from omnitron.algebra import AsyncFlow, Flow, flow
from omnitron.errors import DefinitionError

__all__ = ["FlowRunnable", "flow_of", "runnable_of"]

AnyFlow = Flow[..., Any] | AsyncFlow[..., Any]


# ------------------------------------------------------------------ a flow of a runnable


def flow_of(runnable: Any, *, awaits: bool, stream: bool) -> AnyFlow:
    """Give the flow of a runnable; see `omnitron.interop.from_langchain`."""
    if not isinstance(runnable, Runnable):
        raise DefinitionError(f"from_langchain takes a runnable of LangChain, got {runnable!r}.")
    call = calls(runnable)[awaits, stream]
    given, taken = declared(runnable, "InputType"), declared(runnable, "OutputType")
    if stream:
        taken = (AsyncIterator if awaits else Iterator)[taken]
    call.__annotations__ = {"value": given, "return": taken}
    call.__doc__ = None
    made: AnyFlow = flow(call, name=runnable.get_name())
    return made


def calls(runnable: Runnable[Any, Any]) -> dict[tuple[bool, bool], Callable[[Any], Any]]:
    """Give a function for each way to call a runnable: whether it awaits, and whether it streams."""

    def invoke(value: Any) -> Any:
        return runnable.invoke(value)

    async def ainvoke(value: Any) -> Any:
        return await runnable.ainvoke(value)

    def stream(value: Any) -> Any:
        yield from runnable.stream(value)

    async def astream(value: Any) -> Any:
        async for piece in runnable.astream(value):
            yield piece

    return {(False, False): invoke, (True, False): ainvoke, (False, True): stream, (True, True): astream}


def declared(runnable: Runnable[Any, Any], name: str) -> Any:
    """Give a type that a runnable declares; Any where it does not."""
    try:
        found = getattr(runnable, name)
    except (TypeError, AttributeError, NotImplementedError):
        return Any
    return found if isinstance(found, type) or hasattr(found, "__origin__") else Any


# ------------------------------------------------------------------ a runnable of a flow


class FlowRunnable(Runnable[Any, Any]):
    """The runnable of a flow of one value.

    Attributes:
        flow: the flow.
        name: its name, which traces show.
    """

    def __init__(self, flow: AnyFlow) -> None:
        self.flow: Any = flow
        self.name = flow.name

    def __eq__(self, other: object) -> bool:
        """Equal where the flows are."""
        return isinstance(other, FlowRunnable) and bool(self.flow == other.flow)

    def __hash__(self) -> int:
        return hash(self.flow)

    def __repr__(self) -> str:
        return f"FlowRunnable({self.name})"

    @property
    def InputType(self) -> Any:  # noqa: N802 - the name is LangChain's
        """What the flow is annotated to take."""
        return next(iter(types_of(self.flow)[0]), Any)

    @property
    def OutputType(self) -> Any:  # noqa: N802 - the name is LangChain's
        """What the flow is annotated to give; of one that streams, the list of its items."""
        gives = types_of(self.flow)[1]
        return list[next(iter(get_args(gives)), Any)] if self.streams else gives  # type: ignore[misc]

    @property
    def streams(self) -> str:
        """Which iteration the flow gives: "sync", "async", or "" where it gives one value."""
        return str(self.flow.node.streams or "")

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run a sync flow.

        Raises:
            TypeError: the flow is async.
        """
        self.refuse_async("invoke", "ainvoke")
        return self._call_with_config(self.called, input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run a flow of either colour, a sync one in a thread."""
        if self.flow.colour == "sync" and self.streams != "async":
            return await super().ainvoke(input, config, **kwargs)
        return await self._acall_with_config(self.awaited, input, config, **kwargs)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """Give the items of a flow that streams, else its one value."""
        self.refuse_async("stream", "astream")
        if not self.streams:
            yield self.invoke(input, config, **kwargs)
            return
        with closing(self._transform_stream_with_config(iter([input]), self.items, config, **kwargs)) as items:
            yield from items

    async def astream(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """Give the items of a flow that streams, else its one value."""
        if not self.streams:
            yield await self.ainvoke(input, config, **kwargs)
            return

        async def once() -> AsyncIterator[Any]:
            yield input

        async with aclosing(self._atransform_stream_with_config(once(), self.aitems, config, **kwargs)) as items:
            async for item in items:
                yield item

    # What runs; `kwargs` are those of `.bind(...)`

    def called(self, value: Any, **kwargs: Any) -> Any:
        """Run the flow, and a stream to its end."""
        return list(self.flow(value, **kwargs)) if self.streams else self.flow(value, **kwargs)

    async def awaited(self, value: Any, **kwargs: Any) -> Any:
        """Await the flow, and a stream to its end."""
        if self.streams != "async":
            return await self.flow(value, **kwargs)
        return [item async for item in self.flow(value, **kwargs)]

    def items(self, values: Iterator[Any], **kwargs: Any) -> Iterator[Any]:
        """Give what the flow gives for each value."""
        for value in values:
            with closing(self.flow(value, **kwargs)) as stream:
                yield from stream

    async def aitems(self, values: AsyncIterator[Any], **kwargs: Any) -> AsyncIterator[Any]:
        """Give what the flow gives for each value."""
        async for value in values:
            if self.streams == "async":
                async with aclosing(self.flow(value, **kwargs)) as stream:
                    async for item in stream:
                        yield item
            else:
                with closing(self.flow(value, **kwargs)) as stream:
                    for item in stream:
                        yield item

    def refuse_async(self, asked: str, instead: str) -> None:
        """Refuse to call what has to be awaited."""
        if self.flow.colour == "async" or self.streams == "async":
            raise TypeError(f"the flow {self.flow.name!r} is async: use `{instead}` and not `{asked}`.")


def runnable_of(made: Any) -> FlowRunnable:
    """Give the runnable of a flow; see `omnitron.interop.to_langchain`."""
    if not isinstance(made, Flow | AsyncFlow):
        raise DefinitionError(f"to_langchain takes a flow, got {made!r}: `to_langchain(flow(f))`.")
    parameters = list(inspect.signature(made).parameters.values())
    open_ones = [
        one for one in parameters if one.default is one.empty and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
    ]
    takes = [
        one for one in parameters if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.VAR_POSITIONAL}
    ]
    if not takes or len(open_ones) > 1 or any(one.kind is one.KEYWORD_ONLY for one in open_ones):
        raise DefinitionError(
            f"a runnable takes one value, and {made.name!r} takes {inspect.signature(made)}. Write a flow of one value, or "
            "`identity.star(f)`, which takes a tuple."
        )
    return FlowRunnable(made)


def types_of(made: AnyFlow) -> tuple[list[Any], Any]:
    """Give the types of a flow's parameters, and of what it gives; Any where there is none."""
    signature = inspect.signature(made)
    empty = inspect.Signature.empty
    takes = [Any if one.annotation is empty else one.annotation for one in signature.parameters.values()]
    gives = Any if signature.return_annotation is empty else signature.return_annotation
    return takes, gives
