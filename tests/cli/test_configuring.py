"""`--config FILE` and the environment: what a command makes of them, and how it shows where each value comes from."""

import json
import re

import pytest

from .calling import call, elsewhere

TARGET = __file__.replace("test_configuring", "tuning")


@pytest.fixture
def config(tmp_path):
    """Write a configuration and give its path."""

    def write(text):
        file = tmp_path / "tuning.toml"
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write


def table(path, *lines):
    """Give the text of one table."""
    return "\n".join([f'[tool.omnitron.flows."{path}"]', *lines, ""])


def shown(done):
    """Give what `show` printed last, the configuration."""
    assert done.exit_code == 0, done.stderr
    return done.stdout.partition("\nconfiguration:\n")[2].splitlines()


def test_run_runs_the_flow_as_it_is_configured(config):
    """From a file, with what stands in a place taking the arguments."""
    file = config(
        table("intake/each/price", 'replace = "tests.cli.tuning:free"') + table("intake/total", 'place = "local"')
    )

    done = call("run", f"{TARGET}:intake", "line=1,2", "--config", file)

    assert (done.exit_code, json.loads(done.stdout)) == (0, 0)


def test_run_reads_arguments_by_what_stands_there(config):
    """The signature is that of the flow as it runs."""
    file = config(table("parse", 'replace = "tests.cli.tuning:wordy"'))

    done = call("run", f"{TARGET}:parse", "text=one three", "--config", file)

    assert (done.exit_code, json.loads(done.stdout)) == (0, [3, 5])


def test_what_a_body_runs_in_its_context_is_configured_too(config):
    """By its own name."""
    file = config(table("total", 'replace = "tests.cli.tuning:at_least_ten"'))

    assert call("run", f"{TARGET}:nested", "number=3", "--config", file).stdout == "10\n"


def test_the_environment_is_read_without_a_file(monkeypatch):
    """Both commands honour it."""
    monkeypatch.setenv("OMNITRON_FLOWS__INTAKE__TOTAL__PLACE", "local")
    monkeypatch.setenv("OMNITRON_FLOWS__INTAKE__EACH__PRICE__REPLACE", "tests.cli.tuning:free")

    assert call("run", f"{TARGET}:intake", "line=1,2").stdout == "0\n"
    assert "on('local')" in call("show", f"{TARGET}:intake").stdout


def test_show_prints_the_result_and_where_each_value_comes_from(config, monkeypatch):
    """The tree as it would run, then path, value, what it was, and the source; and what is for other flows."""
    monkeypatch.setenv("OMNITRON_FLOWS__INTAKE__TOTAL__PLACE", "thread")
    monkeypatch.setenv("OMNITRON_FLOWS__OTHER__X", "1")
    file = config(
        table("intake/each", "concurrency = 8") + table("intake/total", 'place = "local"') + table("q/r", "x = true")
    )

    done = call("show", f"{TARGET}:intake", "--config", file)

    assert done.stdout.splitlines()[2:6:3] == ["├── each(concurrency=8)  tree", "    └── total            body"]
    lines = [" ".join(line.replace(file, "FILE").split()) for line in shown(done)]
    assert lines == [
        'intake/each concurrency = 8 was not set FILE [tool.omnitron.flows."intake/each"]',
        'intake/total place = "thread" was "process" $OMNITRON_FLOWS__INTAKE__TOTAL__PLACE',
        "for other flows:",
        'q/r x = true FILE [tool.omnitron.flows."q/r"]',
        '? = "1" $OMNITRON_FLOWS__OTHER__X',
    ]


def test_show_says_nothing_of_a_configuration_where_there_is_none(config):
    """An empty one is said to be empty for this flow."""
    assert shown(call("show", f"{TARGET}:total")) == []
    assert shown(call("show", f"{TARGET}:total", "--config", config(table("total")))) == ["  nothing for this flow"]


@pytest.mark.parametrize("command", ["run", "show"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool", "is not TOML"),
        (table("intake/total", "place = 'procss'"), "Near is 'process'. Built in are 'local', 'thread', 'process'"),
        (table("/intake/total", "place = 'x'"), "has an empty name in its path"),
        (table("INTAKE/total", "place = 'x'"), "for a flow 'INTAKE', and this one is 'intake'"),
        ("[tool.omnitron]\nflow = 3", "which nothing reads. Write"),
        ("[tool.omnitron]\nflows = 3", "which is no table"),
        (table("intake/totl", "place = 'x'"), "Near is intake/total"),
        (table("intake/each", "concurrency = 'x'"), "it takes a whole number"),
        (table("intake/each", "concurrency = 0"), "positive whole number"),
        (table("intake/total", "replace = 'tests.cli.tuning:nothing'"), "cannot be imported"),
    ],
)
def test_a_wrong_configuration_is_misuse(config, command, text, message):
    """Nothing runs; one sentence says what is wrong, with the file."""
    file = config(text)

    done = call(command, f"{TARGET}:intake", *(["line=1"] if command == "run" else []), "--config", file)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("omnitron: ")
    assert done.stderr.count("\n") == 1
    assert file in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize("command", ["run", "show"])
def test_a_file_that_is_not_there_is_misuse(command):
    """As any other input."""
    done = call(command, f"{TARGET}:total", "--config", "nowhere.toml")

    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "'nowhere.toml' cannot be read: No such file" in done.stderr


@pytest.mark.parametrize("command", ["run", "show"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "It has no [tool.omnitron.flows.\"PATH\"]; the flow has 'parse'."),
        (table("shop/x", "y = 1"), "It has 'shop/x'; the flow has 'parse'."),
        (table("total", "replace = 'a:b'"), "It has 'total'; the flow has 'parse'."),
    ],
)
def test_a_file_that_sets_nothing_in_the_flow_is_warned_of(config, command, text, message):
    """Once, with what it has and what the flow has; the command does its work."""
    file = config(text)

    done = call(command, f"{TARGET}:parse", *(["line=1"] if command == "run" else []), "--config", file)

    assert (done.exit_code, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith(f"omnitron: warning: {file} sets nothing in the flow 'parse'. {message}")


@pytest.mark.parametrize(
    ("path", "part"),
    [("price", "intake/each/price"), ("each/price", "intake/each/price"), ("total", "intake/total")],
)
def test_a_part_that_is_named_without_its_flow_is_warned_of(config, path, part):
    """It may be a flow of its own, so it is no error; also where the file sets something else."""
    file = config(table(path, "replace = 'tests.cli.tuning:free'") + table("intake/total", "place = 'local'"))

    done = call("run", f"{TARGET}:intake", "line=1,2", "--config", file)

    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (0, "6\n", 1)
    assert f"for a flow {path.partition('/')[0]!r}, not for the part {part!r} of this one" in done.stderr


def test_a_variable_that_names_a_part_without_its_flow_is_warned_of(monkeypatch):
    """As an entry of a file is."""
    monkeypatch.setenv("OMNITRON_FLOWS__TOTAL__PLACE", "local")
    monkeypatch.setenv("OMNITRON_FLOWS__OTHER__PLACE", "local")
    monkeypatch.setenv("OMNITRON_FLOWS__X__REPLACE", "a:b")

    done = call("show", f"{TARGET}:intake")

    assert done.stderr.count("$OMNITRON") == 1
    assert "$OMNITRON_FLOWS__X__REPLACE" not in call("show", f"{TARGET}:odd").stderr
    assert "$OMNITRON_FLOWS__TOTAL__PLACE is for another flow, not for the part 'intake/total'" in done.stderr


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        ("intake", table("intake") + table("total", "replace = 'a:b'")),
        ("nested", table("total", "replace = 'tests.cli.tuning:at_least_ten'")),
    ],
)
def test_nothing_is_warned_of_that_is_meant_so(config, flow, text):
    """The flow has a table of its own, or a body runs the other flow."""
    assert call("show", f"{TARGET}:{flow}", "--config", config(text)).stderr == ""


@pytest.mark.real
def test_another_process_has_the_same(config):
    """The command as users run it, with a worker process of its own."""
    file = config(table("intake/each/price", 'replace = "tests.cli.tuning:free"'))

    done = elsewhere("run", f"{TARGET}:intake", "line=1,2", "--config", file)

    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_show_draws_policies_and_what_tunes_them(config):
    """A retry and a timeout, with the options that are not the default."""
    file = config(table("price", "attempts = 2", "seconds = 3"))

    plain, tuned = call("show", f"{TARGET}:patient"), call("show", f"{TARGET}:patient", "--config", file)

    assert drawn(plain) == ["price: timeout(5 s)", "└── retry(attempts=4, on=OSError)", "    └── price"]
    assert drawn(tuned) == ["price: timeout(3 s)", "└── retry(attempts=2, on=OSError)", "    └── price"]
    assert len(shown(tuned)) == 2


def drawn(done):
    """Give the lines of a tree of three places, without what stands beside."""
    return [re.split(r"  +(?=tree|body)", line)[0] for line in done.stdout.splitlines()[:3]]
