"""Jupyter: a real kernel runs a notebook, in whose cells a loop is running; what it shows is read from the outputs."""

import nbclient
import nbformat
import pytest

from omnitron import flow, parallel
from tests.interop import shop

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default")]

CELLS = {
    "flows": """
import asyncio
from omnitron import context, flow

@flow
def double(x: int) -> int:
    "Double a number."
    return 2 * x

@flow
async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1

piped = (double | later).retry(attempts=2).timeout(5)
""",
    "sync": "double(4)",
    "async": "await piped(4)",
    "gathered": "await asyncio.gather(piped(1), later(2), double.acall(3))",
    "in a context": """
async with context() as ctx:
    answer = ctx.run(double, 5), await ctx.run(piped, 5), await ctx.start(later, 6)
answer
""",
    "process": """
import operator
await flow(operator.neg).on("process")(3)
""",
    "waiting": "context().start(later, 1).result()",
    "asyncio.run": "asyncio.run(later(1))",
    "shown": "double | later",
    "class": "type(piped)",
    "completion": "'breaker' in dir(piped), 'retry' in dir(piped)",
}


@pytest.fixture(scope="module")
def cells():
    """The outputs of each cell by its name."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in CELLS.values()])
    client = nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    client.execute()
    return dict(zip(CELLS, (cell.outputs for cell in notebook.cells), strict=True))


def text_of(outputs):
    """Give the plain text of the one result of a cell."""
    (output,) = [one for one in outputs if one.output_type != "stream"]
    assert output.output_type == "execute_result", output
    return output.data["text/plain"]


def error_of(outputs):
    """Give type and text of the error that ended a cell."""
    (output,) = [one for one in outputs if one.output_type == "error"]
    return output.ename, output.evalue


def test_flows_are_called_and_awaited_in_a_cell(cells):
    """At the top of a cell, where a loop is running: sync ones by calling, async ones by `await`."""
    found = [text_of(cells[name]) for name in ("sync", "async", "gathered")]

    assert found == ["8", "9", "[3, 3, 6]"]


def test_a_context_is_entered_in_a_cell(cells):
    """Runs and handles of both colours."""
    assert text_of(cells["in a context"]) == "(10, 11, 7)"


def test_a_cell_waits_for_another_process(cells):
    """The kernel's loop goes on meanwhile."""
    assert text_of(cells["process"]) == "-3"


def test_waiting_in_a_cell_is_refused_with_what_to_write(cells):
    """A blocked loop would wait for itself; the error says `await`."""
    name, text = error_of(cells["waiting"])

    assert (name, "Write `await run`" in text) == ("NoRun", True)
    assert error_of(cells["asyncio.run"]) == (
        "RuntimeError",
        "asyncio.run() cannot be called from a running event loop",
    )


def test_a_flow_is_shown_as_a_picture_and_as_text(cells):
    """The tree in HTML, and in plain text where there is no HTML."""
    (output,) = cells["shown"]

    assert output.data["text/html"].startswith('<div class="omnitron-flow"><div><b>double → later</b><code>(x: int)')
    assert output.data["text/plain"] == "<AsyncFlow double → later\n├── double\n└── later>"
    assert text_of(cells["class"]) == "omnitron.algebra.flows.AsyncFlow"


def test_completion_offers_what_is_there(cells):
    """A part that this flow does not have is not offered."""
    assert text_of(cells["completion"]) == "(False, True)"


def test_the_picture_has_the_tree_and_what_bodies_call():
    """Name, colour, signature, description and tree; dashed what a function is known to call."""

    @flow
    def outer(x: int) -> int:
        """Call another."""
        return shop.double(x)

    picture = (outer | shop.later).with_meta(description="Two steps.")._repr_html_()

    for text in ("<b>outer → later</b>", "<i>async</i>", "<div>Two steps.</div>", "│   └╌╌ double"):
        assert text in picture


def test_the_picture_escapes_what_users_wrote():
    """Names, annotations and docstrings are text and never markup."""

    def odd(x):
        """Say <script>alert(1)</script> & "more"."""

    odd.__annotations__ = {"x": "<b>", "return": "<script>"}
    picture = parallel(flow(odd), flow(lambda x: x)).named("<img src=x>")._repr_html_() + flow(odd)._repr_html_()

    assert "<script" not in picture
    assert "<img" not in picture
    assert "<lambda>" not in picture


def test_the_picture_of_a_long_flow_is_short():
    """A cell is for looking at: long rows are counted only."""
    long = flow(len)
    for _ in range(5000):
        long = long | abs

    assert long._repr_html_().count("\n") < 60
