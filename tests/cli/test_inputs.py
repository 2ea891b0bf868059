"""Arguments by name and inputs as JSON reach the flow as what its annotations say, or are refused by name."""

import json

import pytest

from .calling import result, run


def test_arguments_are_given_by_name():
    """A word `name=value` is read by the annotation of its parameter."""
    assert result("double", "x=21") == 42


def test_an_async_flow_is_run_the_same_way():
    """The colour makes no difference to who calls."""
    assert result("later", "x=21") == 21


@pytest.mark.parametrize("given", ["4", '{"x": 4}', '"4"'])
def test_input_is_the_value_of_the_one_parameter_or_an_object_by_name(given):
    """Both forms give the same argument."""
    assert result("double", "--input", given) == 8


def test_input_and_words_add_up():
    """What the input leaves out may be given by name."""
    order = {"order": {"id": 1, "items": ["a", "b"]}}
    assert result("total", "--input", json.dumps(order), "rate=1.5", "note=hi") == {"id": 1, "total": 3.0, "note": "hi"}


def test_input_file_may_be_stdin():
    """`-` reads the standard input."""
    assert result("many", "--input-file", "-", stdin="[1, 2, 3]") == [2, 4, 6]


def test_input_file(tmp_path):
    """A file holds the JSON."""
    (tmp_path / "in.json").write_text('{"x": 3}')
    assert result("double", "--input-file", str(tmp_path / "in.json")) == 6


@pytest.mark.parametrize(
    ("word", "place", "value"),
    [
        ("day=2024-05-06", 0, "datetime.date(2024, 5, 6)"),
        ("day=null", 0, "None"),
        ("exact=1.10", 1, "Decimal('1.10')"),
        ("colour=red", 2, "<Colour.RED: 'red'>"),
        ("level=2", 3, "2"),
        ('names=["a", "b"]', 4, "['a', 'b']"),
        ("text=123", 5, "'123'"),
        ("text=", 5, "''"),
        ("text=a=b", 5, "'a=b'"),
        ("user=7", 6, "7"),
        ("untyped=7", 7, "7"),
        ("untyped=seven", 7, "'seven'"),
        ("flag=yes", 8, "True"),
    ],
)
def test_each_annotation_reads_its_own_texts(word, place, value):
    """A text type takes the text as it stands, any other takes JSON before text."""
    assert result("kinds", word)[place] == value


def test_parameters_of_every_kind():
    """Positional-only, variadic and keyword parameters are all given by name."""
    assert result("places", "a=1", "rest=[5, 6]", "c=7", "extra=8") == [1, 2, [5, 6], 7, {"extra": 8}]
    assert result("places", "a=1", "b=3") == [1, 3, [], 4, {}]


@pytest.mark.parametrize(
    ("flow", "words", "said"),
    [
        ("double", ["x=abc"], "x: Input should be a valid integer"),
        ("double", ["x=1.5"], "x: Input should be a valid integer, got a number with a fractional part"),
        ("double", [], "x: missing"),
        ("double", ["y=1"], "y: there is no such parameter"),
        ("double", ["x=1", "x=2"], "'x' is given twice"),
        ("double", ["x=1", "--input", "2"], "'x' is given as name=value and in the input"),
        ("double", ["21"], "arguments of the flow are written name=value"),
        ("double", ["--x", "3"], "without dashes: x=VALUE"),
        ("double", ["--input", "{"], "--input is not JSON"),
        ("double", ["--input", "1", "--input-file", "-"], "use one"),
        ("total", ["--input", "[1]"], "an object of arguments by name"),
        ("total", ["--input", '{"order": {"id": "z", "items": [1]}, "rate": 1}'], "order.items[0]"),
        ("many", ["--input", '[1, "b"]'], "items[1]: Input should be a valid integer"),
        ("many", ["items=[1"], "Invalid JSON"),
        ("both", ["x=a"], "x: Input should be a valid integer"),
        ("choice", ["x=a"], "x: Input should be a valid integer"),
        ("saved", ["x=a"], "x: Input should be a valid integer"),
        ("record", ["x=a"], "x: Input should be a valid integer"),
        ("fixed", ["order=1"], "order: Input should be"),
        ("remote", ["x=a"], "x: Input should be a valid integer"),
        ("places", ["a=1", "rest=[1, null]"], "rest[1]"),
        ("places", ["a=1", "more=x"], "more: Input should be a valid integer"),
        ("strange", ["x=1"], "the parameter 'x' cannot be read from outside"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(flow, words, said):
    """Nothing runs, the exit code is 2, and the message names the parameter."""
    done = run(flow, *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flow", "words", "said"),
    [
        ("double", ["21"], "'21' is no argument: arguments of the flow are written name=value, here x=21."),
        (
            "total",
            ["order={}", "a b"],
            "'a b' is no argument: arguments of the flow are written name=value, here rate='a b'.",
        ),
        ("double", ["./a=b"], "'./a=…' is no argument: arguments of the flow are written name=value, here x=VALUE."),
        ("double", ["x=1", "21"], "'21' is no argument: arguments of the flow are written name=value."),
        ("total", ["order={}", "rate=1", "hi"], "'hi' is no argument: arguments of the flow are written name=value."),
        ("nowhere", ["21"], "'21' is no argument: arguments of the flow are written name=value."),
    ],
)
def test_a_bare_word_is_refused_with_what_to_write(flow, words, said):
    """The first parameter that is not given yet; what may be a secret is not repeated."""
    done = run(flow, *words)

    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"omnitron: {said}\n")


@pytest.mark.parametrize("lines", ["1\n2\n", '{"x": 1}\n\n{"x": 2}', "[1] [2]"])
def test_several_documents_are_told_from_what_is_not_json(lines):
    """With the way to make one of them."""
    said = run("double", "--input-file", "-", stdin=lines).stderr

    assert said.startswith("omnitron: --input-file has several JSON documents, and is read as one. `jq -s .` makes")
    assert "--input-file is not JSON: Extra data" in run("double", "--input-file", "-", stdin="1 x").stderr


def test_all_complaints_come_at_once():
    """One message names everything that is wrong."""
    done = run("total", "order={}", "rate=x", "u=1")
    assert [line.split(":")[0] for line in done.stderr.splitlines()[1:-1]] == [
        "  order.id",
        "  order.items",
        "  rate",
        "  u",
    ]
