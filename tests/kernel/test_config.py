"""A configuration: what it reads, what it refuses, how two of them add up."""

import pickle
from pathlib import Path

import pytest

from omnitron import Config, DefinitionError, context, flow

HERE = Path(__file__).parent


def written(tmp_path, text):
    """Write a TOML file and give its path."""
    file = tmp_path / "tuning.toml"
    file.write_text(text, encoding="utf-8")
    return file


def shown(config):
    """Give what a configuration holds as plain values."""
    return [(*entry.key, entry.value) for entry in config.entries]


def test_a_file_is_read(tmp_path):
    """Each table is a path, each key of it a parameter."""
    file = written(tmp_path, '[tool.omnitron.flows."intake/each"]\nconcurrency = 8\nthreads = 2\n')

    config = Config.read(file, environ={})

    assert shown(config) == [("intake/each", "concurrency", 8), ("intake/each", "threads", 2)]
    assert config.entries[0].source == f'{file} [tool.omnitron.flows."intake/each"]'


def test_other_tables_of_a_file_are_left_alone(tmp_path):
    """A `pyproject.toml` has much else."""
    file = written(tmp_path, '[project]\nname = "x"\n[tool.ruff]\nline-length = 3\n[flows]\n[tool.omnitron.flows]\n')

    assert not Config.read(file, environ={})


def test_variables_are_read_and_win(tmp_path):
    """They stand after the file, as they are."""
    file = written(tmp_path, "[tool.omnitron.flows.intake]\nat_most = 8\n")

    config = Config.read(str(file), environ={"OMNITRON_FLOWS__INTAKE__AT_MOST": "9", "HOME": "/", "OMNITRON_NO": ""})

    assert shown(config) == [("intake", "at_most", 8), ("", "OMNITRON_FLOWS__INTAKE__AT_MOST", "9")]
    assert config.entries[1].source == "$OMNITRON_FLOWS__INTAKE__AT_MOST"


def test_the_environment_of_the_process_is_read_by_default(monkeypatch):
    """Without a file there is only that."""
    monkeypatch.setenv("OMNITRON_FLOWS__INTAKE__AT_MOST", "9")

    assert [entry.name for entry in Config.read().entries] == ["OMNITRON_FLOWS__INTAKE__AT_MOST"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n", "is not TOML: .*line 1"),
        ("x = " + 5000 * "[", "is not TOML"),
        ("[tool]\nomnitron = 3", "has tool.omnitron = 3, which is no table"),
        ("[tool.omnitron]\nflows = 3", "has tool.omnitron.flows = 3, which is no table"),
        ("[tool.omnitron.flows]\nintake = 3", r'flows."intake"\] is 3, and not a table'),
        (
            "[tool.omnitron.flow.intake]",
            r"\[tool.omnitron.flow\], which nothing reads. Write `\[tool.omnitron.flows\]`",
        ),
        ("[tool.omnitron.flows.a]\n[tool.omnitron.flow.b]", r"\[tool.omnitron.flow\], which nothing reads"),
        ("[tool.omnitron]\nlevel = 3", "tool.omnitron.level, and .* has nothing but `flows`"),
        ("[tool.omitron.flows.a]", r"\[tool.omitron\], which nothing reads. Write `\[tool.omnitron\]`"),
        ("[tools.omnitron.flows.a]", r"\[tools\], which nothing reads. Write `\[tool\]`"),
        ("[flows.intake]\nx = 1", r"\[flows\], which nothing reads. Flows are tuned under `\[tool.omnitron.flows\]`"),
        ("[omnitron.flows.intake]\nx = 1", r"\[omnitron\], which nothing reads"),
        ("[tool.omnitron.flows.intake.price]\nx = 1", r'write `\[tool.omnitron.flows."intake/price"\]`'),
        ('[tool.omnitron.flows.""]\nx = 1', "by their path, such as 'intake/price'; got ''"),
        ('[tool.omnitron.flows."/etl/x"]\nx = 1', "empty name in its path.* write 'etl/x', if 'etl' is the flow"),
        ('[tool.omnitron.flows."etl//x"]', "empty name in its path.* write 'etl/x'"),
        ('[tool.omnitron.flows."etl/"]', "empty name in its path.* write 'etl'"),
    ],
)
def test_files_of_another_shape_are_refused(tmp_path, text, message):
    """What would be passed by in silence is told of, with where it stands."""
    with pytest.raises(DefinitionError, match=message):
        Config.read(written(tmp_path, text), environ={})


@pytest.mark.parametrize(("file", "message"), [("nowhere.toml", "No such file"), ("", "read"), ("a\0b", "null byte")])
def test_a_file_that_cannot_be_read_is_refused(file, message):
    """In a sentence of ours."""
    with pytest.raises(DefinitionError, match=message):
        Config.read(file, environ={})


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """TOML is UTF-8."""
    (tmp_path / "a").write_bytes(b"\xff\xfe")

    with pytest.raises(DefinitionError, match="is not TOML: .*utf-8"):
        Config.read(tmp_path / "a", environ={})


def test_what_is_no_path_is_not_opened():
    """A number would be a file that is open already."""
    with pytest.raises(DefinitionError, match="from the path of a TOML file, got 0"):
        Config.read(0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OMNITRON_FLOWS__INTAKE", "8", "names no parameter of a flow"),
        ("OMNITRON_FLOWS__", "8", "names no parameter of a flow"),
        ("OMNITRON_FLOWS_INTAKE__X", "8", "names no parameter of a flow"),
        ("OMNITRON_FLOW__INTAKE__X", "8", "names no parameter of a flow"),
        ("OMNITRON_FLOWS__INTAKE__X", "", "is empty"),
        ("OMNITRON_FLOWS__INTAKE__X", " ", "is empty"),
    ],
)
def test_malformed_variables_are_refused_by_name(name, value, message):
    """Where they are read."""
    with pytest.raises(DefinitionError, match=rf"\${name} {message}"):
        Config.read(environ={name: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (3, "a configuration is {path: {parameter: value}}, got 3"),
        ({"intake": 8}, r"config\['intake'\] is 8, and not a table"),
        ({3: {}}, "by their path, such as 'intake/price'; got 3"),
        ({"intake": {3: 4}}, "names a parameter 3, which is no string"),
        ({"intake": {"price": {"x": 1}}}, "A path is one name in quotes"),
        ({"intake": {"replace": len}}, "give its import path"),
        ({"intake": {"x": None}}, "which TOML could not write"),
    ],
)
def test_mappings_of_another_shape_are_refused(settings, message):
    """Where the value is made."""
    with pytest.raises(DefinitionError, match=message):
        Config(settings)


@pytest.mark.parametrize("environ", [3, {"OMNITRON_FLOWS__A__B": 3}])
def test_an_environment_is_of_texts(environ):
    """As that of a process is."""
    with pytest.raises(DefinitionError, match="got 3|no text"):
        Config.read(environ=environ)
    assert Config.read(environ={3: "4"}) == Config()


def test_later_settings_win():
    """One for the same parameter takes the place of the other."""
    one, two = Config({"a": {"x": 1, "y": 2}}), Config({"a": {"x": 3}, "b": {}}, source="two")

    assert shown(one + two) == [("a", "x", 3), ("a", "y", 2)]
    assert (one + two).flows == {"a", "b"}


def test_a_source_is_a_text():
    """It stands in errors."""
    assert Config({"a": {"x": 1}}, source="mine").entries[0].source == "mine['a']"
    with pytest.raises(DefinitionError, match="a string; got 3"):
        Config(source=3)


def test_a_configuration_is_a_value():
    """It compares by what it holds, prints it, pickles, and cannot be changed."""
    config = Config({"b": {"y": 2}, "a": {"x": [1]}}) + Config.read(environ={"OMNITRON_FLOWS__A__X": "1"})

    assert pickle.loads(pickle.dumps(config)) == config
    assert hash(pickle.loads(pickle.dumps(config))) == hash(config)
    assert Config({"a": {"x": 1}, "b": {}}) == Config({"b": {}, "a": {"x": 1}}) != Config({"a": {"x": 2}, "b": {}})
    assert repr(config) == "<Config a: x=(1,); b: y=2; $OMNITRON_FLOWS__A__X='1'>"
    with pytest.raises(AttributeError, match="immutable"):
        config.flows = frozenset()
    with pytest.raises(AttributeError, match="immutable"):
        del config.flows


def test_only_a_configuration_is_added():
    """Anything else is refused as Python does."""
    with pytest.raises(TypeError):
        Config() + {}


def test_it_is_applied_to_flows_only():
    """The way out is said."""
    with pytest.raises(DefinitionError, match="Make one by `flow"):
        Config({"a": {"x": 1}}).apply(len)


@pytest.mark.parametrize("given", [3, b"a.toml", ["a.toml"], object])
def test_a_context_takes_a_path_a_mapping_or_a_configuration(given):
    """Nothing else."""
    with pytest.raises(DefinitionError, match="`config` is the path of a TOML file"):
        context(config=given)


def test_a_part_takes_no_configuration():
    """It tunes whole trees; the way out is said."""
    with pytest.raises(DefinitionError, match=r"Config\(...\).apply\(part\)"):
        flow(len).within(config={})


def test_a_value_so_named_is_given_as_a_mapping():
    """The name is an option's now."""
    assert context({"config": 3}).get("config") == 3
    with pytest.raises(DefinitionError, match="close to the option `config`"):
        context(confg=3)
