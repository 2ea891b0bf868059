"""Adapters: what other libraries have, as what this one has, and back.

`from_tenacity` makes a `Retry` of a tenacity object, `from_langchain` a flow of a runnable, `to_langchain` a runnable of a
flow. Most frameworks need no adapter, because a flow stands where a function stands: see docs/interop.md. Each library is
imported where its adapter is called, so that this room is imported without any of them. Read next: the modules, which
are short.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, overload

from omnitron.errors import DefinitionError, MissingExtra

if TYPE_CHECKING:
    from omnitron.algebra import AsyncFlow, Flow
    from omnitron.policy import Retry

__all__ = ["from_langchain", "from_tenacity", "to_langchain"]


def from_tenacity(retrying: Any) -> Retry:
    """Give a policy that tries again when a tenacity object would, and waits as long.

    Its `retry`, `wait` and `stop` are asked after each failure, whatever they are, with the attempts and the time of the
    flow's own clock; they see no function and no arguments. What leaves in the end is the last error itself, never a
    RetryError. What is no Exception (a cancellation, an interrupt) passes at once. An error that says when to come back is
    waited for, as by every `Retry`, up to 30 seconds where the object would wait less; one that asks for more leaves.

    Args:
        retrying: a `Retrying` or an `AsyncRetrying`, or a function that `@tenacity.retry` has decorated. Of parts alone:
            `from_tenacity(tenacity.Retrying(stop=..., wait=...))`.

    Raises:
        DefinitionError: it has a part that no policy has, which the text names with what to write instead: callbacks, a
            `sleep` or a `retry_error_cls` of its own, conditions on results, coroutine functions.
    """
    from omnitron.interop.tenacious import policy_of

    return policy_of(retrying)


@overload
def from_langchain(runnable: Any, *, colour: Literal["sync"] = "sync", stream: bool = False) -> Flow[[Any], Any]: ...


@overload
def from_langchain(runnable: Any, *, colour: Literal["async"], stream: bool = False) -> AsyncFlow[[Any], Any]: ...


def from_langchain(
    runnable: Any, *, colour: Literal["sync", "async"] = "sync", stream: bool = False
) -> Flow[[Any], Any] | AsyncFlow[[Any], Any]:
    """Give the flow of one value that a LangChain runnable is: its name, and its types where it tells them.

    Args:
        runnable: what has `invoke`, `ainvoke`, `stream` and `astream`; a prompt, a model, a chain of them.
        colour: whether the flow calls (`invoke`) or awaits (`ainvoke`).
        stream: whether the flow gives the pieces as they come (`stream`, `astream`).

    Raises:
        DefinitionError: it is no runnable.
        MissingExtra: langchain-core is not installed.
    """
    if colour not in {"sync", "async"}:
        raise DefinitionError(f"`colour` is 'sync' or 'async', got {colour!r}.")
    ask_for_langchain()
    from omnitron.interop.runnables import flow_of

    return flow_of(runnable, awaits=colour == "async", stream=stream)


def to_langchain(flow: Flow[..., Any] | AsyncFlow[..., Any]) -> Any:
    """Give the LangChain runnable of a flow, which composes with others by `|` and is traced like them.

    `invoke` runs a sync flow, `ainvoke` one of either colour (a sync one in a thread); a flow that streams gives its items
    by `stream` or `astream` (a sync one in the loop), and a list of them otherwise. What LangChain's `.bind(...)` adds are
    arguments of the flow. Errors leave as they are, cancellation passes, and the flow runs in the context in which the
    chain is called.

    Args:
        flow: a flow that can be called with one value; `identity.star(f)` makes one of several, which takes a tuple.

    Raises:
        DefinitionError: it is no flow, or takes more than one value.
        MissingExtra: langchain-core is not installed.
    """
    ask_for_langchain()
    from omnitron.interop.runnables import runnable_of

    return runnable_of(flow)


def ask_for_langchain() -> None:
    """Refuse to go on where langchain-core is not installed."""
    if find_spec("langchain_core") is None:
        raise MissingExtra("langchain", "langchain-core")
