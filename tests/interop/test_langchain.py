"""Flows among LangChain's runnables, and runnables among flows."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel

from omnitron import DefinitionError, Key, MissingExtra, Tracing, context, current_context, flow, identity, needs
from omnitron.interop import from_langchain, to_langchain

tenant = Key("tenant", str)


@flow
def double(value: int) -> int:
    """Twice as much."""
    return 2 * value


@flow
async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


@flow
def count(last: int) -> Iterator[int]:
    try:
        yield from range(last)
    finally:
        closed.append(last)


@flow
async def count_later(last: int) -> AsyncIterator[int]:
    try:
        for number in range(last):
            await asyncio.sleep(0)
            yield number
    finally:
        closed.append(last)


closed: list[int] = []


class Sold(Exception):
    """A user's own error."""


@flow
def shout(text: str) -> str:
    return text.upper()


@flow
def refuse(value: int) -> int:
    raise Sold(value)


# ------------------------------------------------------------------ a flow as a runnable


def test_a_flow_is_invoked():
    """By every way that a runnable has."""
    runnable = to_langchain(double)
    assert runnable.invoke(4) == 8
    assert runnable.batch([1, 2, 3]) == [2, 4, 6]
    assert list(runnable.stream(4)) == [8]
    assert asyncio.run(runnable.ainvoke(4)) == 8
    assert asyncio.run(runnable.abatch([1, 2])) == [2, 4]


def test_an_async_flow_is_awaited():
    """And refused, with what to write, where nobody awaits."""
    runnable = to_langchain(double | later)
    assert asyncio.run(runnable.ainvoke(4)) == 9
    assert asyncio.run(runnable.abatch([1, 2])) == [3, 5]
    with pytest.raises(TypeError, match="is async: use `ainvoke` and not `invoke`"):
        runnable.invoke(4)
    with pytest.raises(TypeError, match="use `astream`"):
        list(runnable.stream(4))


def test_it_composes_with_others():
    """On either side of `|`, and as a branch."""
    chain = RunnableLambda(lambda value: value + 1) | to_langchain(double) | str
    assert chain.invoke(4) == "10"
    assert RunnableParallel(twice=to_langchain(double), same=int).invoke(4) == {"twice": 8, "same": 4}


def test_its_types_and_name_are_the_flows():
    """LangChain shows them, and makes schemas of them."""
    runnable = to_langchain(double)
    assert (runnable.InputType, runnable.OutputType, runnable.get_name()) == (int, int, "double")
    assert runnable.get_input_jsonschema()["type"] == "integer"
    assert to_langchain(double) == runnable
    assert hash(to_langchain(double)) == hash(runnable)


def test_a_stream_gives_its_items_as_they_come():
    """And is closed when the reader leaves."""
    closed.clear()
    stream = to_langchain(count).stream(1_000_000_000)
    assert [next(stream), next(stream)] == [0, 1]
    stream.close()
    assert closed == [1_000_000_000]
    assert to_langchain(count).invoke(3) == [0, 1, 2]


def test_an_async_stream_gives_its_items_as_they_come():
    """And is closed when the reader leaves."""

    async def main():
        stream = to_langchain(count_later).astream(1_000_000_000)
        first = [await anext(stream), await anext(stream)]
        await stream.aclose()
        return (
            first,
            await to_langchain(count_later).ainvoke(2),
            [item async for item in to_langchain(count).astream(2)],
        )

    closed.clear()
    assert asyncio.run(main()) == ([0, 1], [0, 1], [0, 1])
    assert closed == [1_000_000_000, 2, 2]


def test_errors_leave_as_they_are():
    """With the flow's note."""
    with pytest.raises(Sold) as caught:
        (to_langchain(double) | to_langchain((double | refuse).named("shop"))).invoke(4)
    assert caught.value.__notes__ == ["raised in flow 'shop', at shop/refuse"]


def test_cancelling_reaches_the_flow():
    """It cleans up before the chain ends."""
    ended = []

    @flow
    async def hold(value: int) -> int:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(value)
        return value

    async def main():
        task = asyncio.create_task((to_langchain(hold) | str).ainvoke(4))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())
    assert ended == [4]


def test_the_context_of_the_caller_reaches_the_flow():
    """Into the threads of LangChain, too."""

    @flow
    def whose(value: int) -> str:
        return current_context().get(tenant)

    chain = RunnableLambda(lambda value: value) | to_langchain(whose)
    run = flow(lambda value: (chain.invoke(value), chain.batch([value, value])))
    arun = flow(chain.ainvoke)
    app = context({tenant: "acme"})
    assert app.run(run, 1) == ("acme", ["acme", "acme"])
    assert asyncio.run(app.run(arun, 1)) == "acme"


def test_the_flow_is_observed_inside_a_chain():
    """By the tracer of the context, and by LangChain's callbacks."""

    class Seen(BaseCallbackHandler):
        def on_chain_start(self, serialized, inputs, *, name=None, **rest):
            names.append(name)

    names: list[str] = []
    tracer = Tracing()
    chain = RunnableLambda(int) | to_langchain(double)
    assert context(tracer=tracer).run(flow(lambda text: chain.invoke(text, {"callbacks": [Seen()]})), "4") == 8
    assert "double" in names
    assert "double" in [span.name for span in tracer.spans]


def test_needs_are_filled_by_the_context():
    """A runnable takes what callers give."""

    @flow
    def greet(text: str, *, name: str = needs(tenant)) -> str:
        return f"{text}, {name}"

    assert context({tenant: "acme"}).run(flow(to_langchain(greet).invoke), "hello") == "hello, acme"


@pytest.mark.parametrize(
    "wrong", [flow(lambda a, b: a), flow(lambda: 1), flow(lambda *, a: a), flow(lambda a, *, b: a)]
)
def test_what_does_not_take_one_value_is_refused(wrong):
    """With the way out."""
    with pytest.raises(DefinitionError, match=r"takes one value.*`identity.star\(f\)`"):
        to_langchain(wrong)


def test_several_values_go_in_as_a_tuple():
    """By `identity.star`."""
    assert to_langchain(identity.star(flow(lambda a, b: a - b))).invoke((5, 3)) == 2


def test_a_function_is_refused():
    """LangChain has RunnableLambda for it."""
    with pytest.raises(DefinitionError, match=r"to_langchain\(flow\(f\)\)"):
        to_langchain(len)


@pytest.mark.parametrize("adapter", [to_langchain, from_langchain])
def test_without_langchain_its_extra_is_named(monkeypatch, adapter):
    """And nothing else of the room needs it."""
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    monkeypatch.setattr("omnitron.interop.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'omnitron\[langchain\]'"):
        adapter(double)


def test_what_is_bound_is_an_argument_of_the_flow():
    """By LangChain's `.bind`, for each way to call."""

    @flow
    def scale(value: int, by: int = 2) -> int:
        return by * value

    @flow
    async def scale_later(value: int, by: int = 2) -> int:
        return by * value

    @flow
    def scale_each(last: int, by: int = 2) -> Iterator[int]:
        yield from (by * value for value in range(last))

    assert to_langchain(scale).bind(by=5).invoke(3) == 15
    assert asyncio.run(to_langchain(scale).bind(by=5).ainvoke(3)) == 15
    assert asyncio.run(to_langchain(scale_later).bind(by=5).ainvoke(3)) == 15
    assert list(to_langchain(scale_each).bind(by=5).stream(3)) == [0, 5, 10]
    assert to_langchain(scale_each).bind(by=5).invoke(3) == [0, 5, 10]


def test_what_a_stream_gives_has_a_schema():
    """That of the list which `invoke` gives."""
    assert to_langchain(count).OutputType == list[int]
    assert to_langchain(count_later).get_output_jsonschema()["items"] == {"type": "integer"}


def test_it_is_shown_by_its_name():
    """In the text of a chain, too."""
    assert repr(RunnableLambda(int) | to_langchain(double)).endswith("| FlowRunnable(double)")


def test_a_flow_is_taken_as_it_is_beside_a_runnable():
    """LangChain makes a RunnableLambda of what can be called, and a chain is what comes of it."""
    assert (RunnableLambda(int) | double).invoke("4") == 8
    assert (double | RunnableLambda(str)).invoke(4) == "8"
    assert asyncio.run((RunnableLambda(int) | later).ainvoke("4")) == 5


def test_a_stream_is_a_list_and_not_a_sum():
    """Which is what a RunnableLambda of it makes."""
    assert (RunnableLambda(count).invoke(4), to_langchain(count).invoke(4)) == (6, [0, 1, 2, 3])


def test_a_streamed_chain_adds_up_what_the_next_step_takes():
    """As LangChain does between any two steps, so that it is another value than `invoke` gives that step."""
    chain = to_langchain(count) | RunnableLambda(lambda value: value)
    assert (chain.invoke(4), list(chain.stream(4))) == ([0, 1, 2, 3], [6])


def test_callbacks_reach_a_runnable_inside_a_flow():
    """Of a chain that a flow stands in, for either colour."""

    class Seen(BaseCallbackHandler):
        def on_chain_start(self, serialized, inputs, *, name=None, tags=None, **rest):
            names.append((name, "mine" in tags))

    names: list[tuple[str, bool]] = []
    inner = RunnableLambda(lambda value: value + 1).with_config(run_name="inner")
    config = {"callbacks": [Seen()], "tags": ["mine"]}
    assert (RunnableLambda(int) | to_langchain(double | from_langchain(inner))).invoke("4", config) == 9
    awaited = RunnableLambda(int) | to_langchain(double | from_langchain(inner, colour="async"))
    assert asyncio.run(awaited.ainvoke("4", config)) == 9
    assert [one for one in names if one[0] == "inner"] == [("inner", True), ("inner", True)]


# ------------------------------------------------------------------ a runnable as a flow


def chain():
    """A prompt, a model that answers from a list, a parser."""
    model = FakeListChatModel(responses=["two words"])
    return PromptTemplate.from_template("Say {word}") | model | StrOutputParser()


def test_a_chain_is_a_flow():
    """Of either colour, between others."""
    assert (from_langchain(chain()) | flow(str.split))({"word": "x"}) == ["two", "words"]
    assert asyncio.run(from_langchain(chain(), colour="async")({"word": "x"})) == "two words"


def test_its_pieces_stream():
    """As they come."""
    pieces = list(from_langchain(chain(), stream=True)({"word": "x"}))
    assert "".join(pieces) == "two words"
    assert len(pieces) > 1

    async def main():
        return [piece async for piece in from_langchain(chain(), colour="async", stream=True)({"word": "x"})]

    assert asyncio.run(main()) == pieces


def test_its_types_are_those_that_it_declares():
    """So what cannot follow is refused before anything runs."""
    assert from_langchain(RunnableLambda(lambda value: value))(4) == 4

    def double(value):
        return 2 * value

    double.__annotations__ = {"value": int, "return": int}
    made = from_langchain(RunnableLambda(double))
    assert made.name == "double"
    assert (made.__annotations__["value"], made.__annotations__["return"]) == (int, int)
    with pytest.raises(DefinitionError):
        (made | shout)(4)


def test_policies_stand_over_it():
    """What it raises is tried again."""
    failures = [Sold(), Sold()]

    def shaky(value: int) -> int:
        if failures:
            raise failures.pop()
        return value

    assert from_langchain(RunnableLambda(shaky)).retry(3, delay=0)(4) == 4


def test_it_runs_in_the_context_and_is_seen():
    """A runnable's step has the name that LangChain gives it."""
    tracer = Tracing()
    context(tracer=tracer).run(from_langchain(RunnableLambda(double.fn)), 4)
    assert [span.name for span in tracer.spans] == ["double"]


def test_there_and_back_gives_the_same():
    """A runnable of a flow of a runnable."""

    def pass_on(values: Iterator[str]) -> Iterator[str]:
        yield from values

    again = to_langchain(from_langchain(RunnableGenerator(pass_on), stream=True))
    assert list(again.stream("a")) == ["a"]


@pytest.mark.parametrize("wrong", [None, len, double])
def test_what_is_no_runnable_is_refused(wrong):
    """Before anything runs."""
    with pytest.raises(DefinitionError, match="from_langchain takes a runnable"):
        from_langchain(wrong)


def test_there_are_two_colours():
    """And no third."""
    with pytest.raises(DefinitionError, match="'sync' or 'async'"):
        from_langchain(RunnableLambda(len), colour="blue")
