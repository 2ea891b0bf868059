"""Examples are tests: running those that a flow's metadata and docstrings hold, and saying which do not hold.

`check_examples` runs them all in a test; the pytest plugin (`omnitron_pytest`, a module beside the package) makes a test of
each case.
"""

from __future__ import annotations

import asyncio
import doctest
import sys
import traceback
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sized
from contextlib import aclosing, closing
from itertools import islice
from types import AsyncGeneratorType, FunctionType, GeneratorType, ModuleType
from typing import Any

from omnitron.algebra import AnyFlow, Node, Step, from_node, walk
from omnitron.errors import DefinitionError
from omnitron.model import FlowExample, Inputs, Record
from omnitron.runtime import Context
from omnitron.testing.failures import ExamplesFailed

__all__ = ["Case", "Mismatch", "cases_of", "check_examples", "failed", "top_flows"]


class Mismatch(Record):
    """One example that does not hold, as texts.

    Attributes:
        path: which part of the flow it belongs to.
        title: which example it is.
        call: what was run.
        expected: what should have come.
        got: what came, or what was raised.
    """

    __slots__ = ("path", "title", "call", "expected", "got")
    path: str
    title: str
    call: str
    expected: str
    got: str

    def __init__(self, path: str, title: str, call: str, expected: str, got: str) -> None:
        self._fill(call=call, expected=expected, got=got, path=path, title=title)

    def __str__(self) -> str:
        lines = [f"{self.path}, {self.title}: {shifted(self.call, 4)}"]
        lines += [f"  expected: {shifted(self.expected, 12)}", f"  got:      {shifted(self.got, 12)}"]
        return "\n".join(lines)


class Case:
    """What can be run by itself: one declared example, or the examples of one docstring.

    Attributes:
        path: which part of the flow it belongs to.
        title: which example it is.
        node: the part.
        count: how many examples it runs.
        line: the number of its line in the function's file, from 0, where that is known.
        run: gives the examples that do not hold, each with the error that was raised, or None.
    """

    __slots__ = ("count", "line", "node", "path", "run", "title")

    def __init__(
        self,
        path: str,
        title: str,
        node: Node,
        run: Callable[[Context | None], list[tuple[Mismatch, BaseException | None]]],
        *,
        count: int = 1,
        line: int | None = None,
    ) -> None:
        self.path = path
        self.title = title
        self.node = node
        self.run = run
        self.count = count
        self.line = line


def check_examples(flow: AnyFlow[..., Any], *, ctx: Context | None = None, options: int = 0) -> int:
    """Run the examples of a flow and of its parts: those of `FlowMeta.examples`, and the doctests of its functions.

    An example holds when the flow gives a value equal to the one that belongs to its input. Of a stream the items count, as
    a list; no more of them are read than tell whether they are those of the example. An `Inputs` as the input stands for
    several arguments. The doctests of a function are those of its docstring; functions of the standard library are taken
    to work. An async flow runs in a loop of its own.

    Args:
        flow: the flow.
        ctx: the context in which declared examples run; without one they are called outside of any run.
        options: the flags of `doctest` that hold for all docstrings, for example `doctest.ELLIPSIS`.

    Returns:
        How many examples ran.

    Raises:
        ExamplesFailed: says of every example that does not hold what was expected and what came.
        DefinitionError: it is no flow, or it is async and an event loop runs in this thread already.

    Example:
        >>> from omnitron import FlowExample, flow
        >>> check_examples(flow(len, examples=[FlowExample("ab", 2), FlowExample([], 0)]))
        2
    """
    if not isinstance(flow, AnyFlow):
        raise DefinitionError(f"check_examples takes a flow, got {flow!r} ({type(flow).__name__}).")
    count = 0
    wrong: list[tuple[Mismatch, BaseException | None]] = []
    for case in cases_of(flow, options=options):
        count += case.count
        wrong += case.run(ctx)
    if wrong:
        raise failed(flow.name, count, wrong)
    return count


def failed(name: str, count: int, wrong: list[tuple[Mismatch, BaseException | None]]) -> ExamplesFailed:
    """Give the error for examples that do not hold; its cause is the first error that one of them raised."""
    error = ExamplesFailed(name, count, tuple(mismatch for mismatch, _ in wrong))
    error.__cause__ = next((cause for _, cause in wrong if cause is not None), None)
    return error


def cases_of(flow: AnyFlow[..., Any], *, doctests: bool = True, options: int = 0) -> Iterator[Case]:
    """Give the cases of a flow and of its parts, each part and each function once.

    Args:
        flow: the flow.
        doctests: whether docstrings count.
        options: the flags of `doctest` that hold for all of them.
    """
    seen: set[int] = set()
    for path, node in walk(flow):
        if id(node) not in seen and node.meta is not None:
            for number, example in enumerate(node.meta.examples, 1):
                yield declared_case(path, node, number, example)
        fn = node.fn if isinstance(node, Step) else None
        if doctests and type(fn) is FunctionType and id(fn) not in seen:
            yield from docstring_case(path, node, fn, options)
            seen.add(id(fn))
        seen.add(id(node))


def top_flows(module: ModuleType) -> Iterator[tuple[str, AnyFlow[..., Any]]]:
    """Give the flows that a module has at its top level, by the names that it has for them."""
    for name, value in list(vars(module).items()):
        if isinstance(value, AnyFlow):
            yield name, value


# ------------------------------------------------------------------ declared examples


def declared_case(path: str, node: Node, number: int, example: FlowExample) -> Case:
    """Give the case of one declared example."""
    title = f"example {number}" + (f" ({example.description})" if example.description else "")

    def run(ctx: Context | None) -> list[tuple[Mismatch, BaseException | None]]:
        call, expected = f"{node.name}({written(example.input)})", repr(example.output)
        most = most_for(example.output)
        cause: Exception | None = None
        try:
            value = called(from_node(node), example.input, ctx, most)
        except LoopRuns:
            raise
        except Exception as error:
            got, cause = f"raised {said(error)}", error
        else:
            try:
                if value is example.output or value == example.output:
                    return []
                cut = node.streams and type(value) is list and len(value) == most
                got = f"{value!r} and perhaps more" if cut else repr(value)
            except Exception as error:
                got, cause = f"{value!r}, which cannot be compared: {said(error)}", error
        return [(Mismatch(path, title, call, expected, got), cause)]

    fn = getattr(node, "fn", None)
    return Case(path, title, node, run, line=fn.__code__.co_firstlineno - 1 if type(fn) is FunctionType else None)


def most_for(output: Any) -> int | None:
    """Give how many items of a stream are read for an example: one more than it has, lest one go on for ever."""
    return len(output) + 1 if isinstance(output, Sized) else None


class LoopRuns(DefinitionError):
    """An async example cannot run, because its thread runs an event loop."""


def called(flow: Any, given: Any, ctx: Context | None, most: int | None) -> Any:
    """Call a flow of either colour with the input of an example; give its result, or the first items of its stream."""
    args, kwargs = (given.args, given.kwargs) if isinstance(given, Inputs) else ((given,), {})
    call: Callable[..., Any] = flow if ctx is None else lambda *args, **kwargs: ctx.run(flow, *args, **kwargs)
    if flow.colour == "sync" and flow.node.streams != "async":
        value = call(*args, **kwargs)
        return first_of(value, most) if type(value) is GeneratorType and flow.node.streams else value
    if asyncio._get_running_loop() is not None:
        raise LoopRuns(
            f"the examples of the async flow {flow.name!r} run in a loop of their own, and an event loop runs here "
            "already. Check them in a sync test, or by `await asyncio.to_thread(check_examples, flow)`."
        )

    async def run() -> Any:
        value = call(*args, **kwargs)
        value = await value if flow.colour == "async" else value
        if type(value) is AsyncGeneratorType:
            return await first_of_async(value, most)
        return first_of(value, most) if type(value) is GeneratorType and flow.node.streams else value

    return asyncio.run(run())


def first_of(stream: Generator[Any], most: int | None) -> list[Any]:
    """Give as many items of a stream as tell whether it has those of an example, all of them with None; close it."""
    with closing(stream):
        return list(islice(stream, most))


async def first_of_async(stream: AsyncGenerator[Any], most: int | None) -> list[Any]:
    """The async twin of `first_of`."""
    items: list[Any] = []
    async with aclosing(stream):
        async for item in stream:
            items.append(item)
            if len(items) == most:
                break
    return items


def written(given: Any) -> str:
    """Give the input of an example as it stands in a call."""
    if not isinstance(given, Inputs):
        return repr(given)
    return ", ".join([*map(repr, given.args), *(f"{name}={value!r}" for name, value in given.kwargs.items())])


# ------------------------------------------------------------------ doctests


class Runner(doctest.DocTestRunner):
    """Runs a docstring and keeps what does not hold instead of printing it."""

    def __init__(self, path: str, title: str, options: int) -> None:
        super().__init__(verbose=False, optionflags=options)
        self.place = (path, title)
        self.wrong: list[tuple[Mismatch, BaseException | None]] = []

    def add(self, example: doctest.Example, got: str, cause: BaseException | None) -> None:
        """Keep one example that does not hold."""
        path, title = self.place
        call = f"line {example.lineno + 1}: {example.source.rstrip()}"
        expected = example.want.rstrip() or "no output"
        self.wrong.append((Mismatch(path, title, call, expected, got.rstrip() or "no output"), cause))

    def report_failure(self, out: Any, test: Any, example: Any, got: str) -> None:
        """Keep an example that gave something else."""
        self.add(example, got, None)

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        """Keep an example that raised; what ends a test or the process goes on."""
        error = exc_info[1]
        if not isinstance(error, Exception):
            raise error
        self.add(example, f"raised {said(error)}", error)


def docstring_case(path: str, node: Node, fn: FunctionType, options: int) -> Iterator[Case]:
    """Give the case of a function's docstring, if it has examples and is not the standard library's."""
    if ">>>" not in (fn.__doc__ or "") or (fn.__module__ or "").partition(".")[0] in sys.stdlib_module_names:
        return
    names = dict(fn.__globals__)
    names.setdefault(fn.__name__, from_node(node))
    for test in doctest.DocTestFinder(recurse=False).find(fn, fn.__name__, globs=names):
        if not test.examples:
            continue

        def run(ctx: Context | None, test: doctest.DocTest = test) -> list[tuple[Mismatch, BaseException | None]]:
            runner = Runner(path, "doctest", options)
            test.globs = dict(names)
            runner.run(test, out=lambda text: None)
            return runner.wrong

        yield Case(path, "doctest", node, run, count=len(test.examples), line=test.lineno)


# ------------------------------------------------------------------ texts


def said(error: BaseException) -> str:
    """Give an error's type and message."""
    return "".join(traceback.format_exception_only(error)).strip()


def shifted(text: str, width: int) -> str:
    """Give a text whose later lines stand under its first."""
    return text.replace("\n", "\n" + " " * width)
