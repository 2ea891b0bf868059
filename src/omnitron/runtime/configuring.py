"""`Config`: what tunes flows from outside their code, by path: from a TOML file, the environment, or a mapping.

It is a value that knows no flow. Which parameters there are, and which variable means which of them, only a tree can
tell: `omnitron.algebra.tuning` applies a configuration to one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, Protocol, TypeVar

from omnitron.errors import DefinitionError
from omnitron.model import Record

__all__ = ["Config", "Setting", "Variable", "as_config", "spelled", "variable_name"]

PREFIX = "OMNITRON_FLOWS__"
STEM = "OMNITRON_FLOW"
TABLE = "[tool.omnitron.flows.{}]"


class Tunable(Protocol):
    """What a configuration can be applied to: a flow."""

    def _tuned(self, config: Any, /) -> Any: ...


F = TypeVar("F", bound=Tunable)


class Setting(Record):
    """A value for a parameter of the place under a path.

    Attributes:
        path: the static path, as `walk(flow)` gives it.
        parameter: for example "concurrency".
        value: as TOML has it.
        source: where it stands, for a reader.
    """

    __slots__ = ("path", "parameter", "value", "source")
    path: str
    parameter: str
    value: Any
    source: str

    def __init__(self, path: str, parameter: str, value: Any, source: str) -> None:
        self._fill(path=path, parameter=parameter, value=value, source=source)

    @property
    def key(self) -> tuple[str, str]:
        """What a later setting of the same takes the place of."""
        return self.path, self.parameter


class Variable(Record):
    """A variable of the environment: the value of a parameter that only a tree can tell.

    Attributes:
        name: with the prefix.
        value: its text.
    """

    __slots__ = ("name", "value")
    name: str
    value: str

    def __init__(self, name: str, value: str) -> None:
        self._fill(name=name, value=value)

    @property
    def key(self) -> tuple[str, str]:
        """What a later one of the same name takes the place of."""
        return "", self.name

    @property
    def source(self) -> str:
        """Where it stands, for a reader."""
        return f"${self.name}"

    @property
    def flow(self) -> str:
        """What stands in it for the name of the flow, as far as that can be told without its tree."""
        return self.name.removeprefix(PREFIX).partition("__")[0]


Entry = Setting | Variable


NONE: dict[int, Any] = {}


class Mark:
    """Stands for one configuration where flows keep what it made of them: compared by identity, and held weakly."""

    __slots__ = ("__weakref__",)


class Config:
    """Settings that tune flows by path, each with its source; given to `context(config=...)`, or applied by `apply`.

    What a flow declares can be set: `concurrency` and `threads` of `.each` and `.stream`, `threads` of `parallel` and
    `gather`, `at_most` of a `loop`, `place` of an `.on`, and for every named place `replace`, the import path
    `"package.module:name"` of the function or flow that stands there instead. Settings of other flows are left alone.

    Args:
        settings: `{path: {parameter: value}}`, with the static paths of `walk(flow)`.
        source: what errors and `omnitron show` call the mapping.

    Raises:
        DefinitionError: it is not of that shape.

    Laws:
        `(a + b).apply(f)` is `b.apply(a.apply(f))` as long as `b` replaces nothing that `a` has tuned; to apply once is
        to apply twice; `Config().apply(f)` is `f`.

    Example:
        >>> from omnitron import Config, flow, loop
        >>> halve = flow(lambda x: x // 2, name="halve")
        >>> halves = loop(halve, at_most=3).named("halves")
        >>> halves(100), Config({"halves": {"at_most": 1}}).apply(halves)(100)
        (12, 50)
    """

    __slots__ = ("_entries", "_flows", "_mark")
    _entries: tuple[Entry, ...]
    _flows: frozenset[str]
    _mark: Mark

    def __init__(
        self, settings: Mapping[str, Mapping[str, object]] | None = None, /, *, source: str = "config"
    ) -> None:
        tables = {} if settings is None else settings
        if not isinstance(tables, Mapping):
            raise DefinitionError(f"a configuration is {{path: {{parameter: value}}}}, got {tables!r}.")
        if not isinstance(source, str):
            raise DefinitionError(f"`source` is what errors call a configuration, a string; got {source!r}.")
        found, flows = read_tables(tables, lambda path: f"{source}[{path!r}]")
        fill_config(self, found, flows)

    @classmethod
    def read(cls, file: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None) -> Config:
        """Read a TOML file, then the environment, which wins.

        Args:
            file: its tables `[tool.omnitron.flows."<path>"]` are read; left out, only the environment.
            environ: the variables; left out, those of this process. `OMNITRON_FLOWS__INTAKE__PRICE__CONCURRENCY` is the
                `concurrency` of `intake/price`: upper case, every sign but ASCII letters and digits is `_`, and `__`
                stands between names.

        Raises:
            DefinitionError: the file cannot be read, is not TOML, has tables of another shape; a variable is malformed.
        """
        found, flows = ([], frozenset[str]()) if file is None else read_file(file)
        variables = read_environ(os.environ if environ is None else environ)
        return fill_config(cls.__new__(cls), [*found, *variables], flows)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The settings by path, and the variables, of which only a tree can tell the path; later ones win."""
        return self._entries

    @property
    def flows(self) -> frozenset[str]:
        """The names of the flows that have a table for themselves, not only for their parts; it may be empty."""
        return self._flows

    def apply(self, flow: F, /) -> F:
        """Give the flow as these settings have it; the very same one where they change nothing.

        Raises:
            DefinitionError: a setting that is this flow's names no place or parameter of it, or a value does not fit.

        Cost: the first time as a rewrite of the tree; then what a look into a dictionary costs, as long as both live.
        """
        mark = self._mark
        kept = getattr(flow, "_tunings", NONE).get(id(mark))
        if kept is not None and kept[0]() is mark:
            return flow if kept[1] is None else kept[1]
        tuned = getattr(flow, "_tuned", None)
        if tuned is None:
            raise DefinitionError(f"a configuration is applied to a flow, got {flow!r}. Make one by `flow(...)`.")
        return tuned(self)  # type: ignore[no-any-return] # a flow gives one of its own type

    def _admit(self, flow: F, executor: object) -> F:
        """Give the flow as `apply` does, for a run in a context that carries this executor, or None.

        Raises:
            DefinitionError: as `apply`; also where a part is set to a place that only an executor could know.
        """
        tuned = self.apply(flow)
        if executor is None:
            unplaced = flow._tunings[id(self._mark)][2]  # type: ignore[attr-defined] # just kept there
            if unplaced:
                raise DefinitionError(unplaced)
        return tuned

    def __add__(self, other: Config) -> Config:
        """Give both; where both set the same, `other` wins."""
        if not isinstance(other, Config):
            return NotImplemented
        return fill_config(Config.__new__(Config), [*self.entries, *other.entries], self.flows | other.flows)

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.entries or self.flows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        return self.entries == other.entries and self.flows == other.flows

    def __hash__(self) -> int:
        return hash((Config, tuple(entry.key for entry in self.entries), self.flows))

    def __repr__(self) -> str:
        shown = [
            f"{entry.source}={entry.value!r}"
            if isinstance(entry, Variable)
            else f"{entry.path}: {entry.parameter}={entry.value!r}"
            for entry in self.entries
        ]
        return f"<Config {'; '.join(shown) or 'of nothing'}>"

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a configuration is immutable: add another that sets {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a configuration is immutable: {name!r} cannot be deleted")

    def __copy__(self) -> Config:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return load_config, (self.entries, self.flows)


def fill_config(made: Config, entries: Iterable[Entry], flows: frozenset[str]) -> Config:
    """Fill a new configuration with entries, of which later ones win."""
    last: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        last.pop(entry.key, None)
        last[entry.key] = entry
    fill = object.__setattr__
    fill(made, "_entries", tuple(in_order(last.values())))
    fill(made, "_flows", flows)
    fill(made, "_mark", Mark())
    return made


def in_order(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give entries with those sorted between which the order says nothing: a neighbour of the same kind."""
    row: list[Entry] = []
    for entry in entries:
        if row and type(entry) is not type(row[0]):
            yield from sorted(row, key=lambda one: one.key)
            row = []
        row.append(entry)
    yield from sorted(row, key=lambda one: one.key)


def load_config(entries: tuple[Entry, ...], flows: frozenset[str]) -> Config:
    """Load a configuration of its entries (the other half of pickling)."""
    return fill_config(Config.__new__(Config), entries, flows)


def as_config(given: Any) -> Config:
    """Give what a user may give as `config` as a configuration.

    Args:
        given: a path (that file, and then the environment), a mapping, or a configuration.
    """
    if isinstance(given, Config):
        return given
    if isinstance(given, str | os.PathLike):
        return Config.read(given)
    if isinstance(given, Mapping):
        return Config(given)
    raise DefinitionError(
        f"`config` is the path of a TOML file, {{path: {{parameter: value}}}}, or a Config; got {given!r}."
    )


# What is read


def read_tables(tables: Mapping[Any, Any], source_of: Callable[[str], str]) -> tuple[list[Entry], frozenset[str]]:
    """Give the settings of tables by path, and the names of the flows that have one for themselves."""
    found: list[Entry] = []
    for path, table in tables.items():
        if not isinstance(path, str) or not path.strip("/ "):
            raise DefinitionError(f"a configuration names places by their path, such as 'intake/price'; got {path!r}.")
        source = source_of(path)
        if not all(name.strip() for name in path.split("/")):
            written = "/".join(name for name in path.split("/") if name.strip())
            raise DefinitionError(
                f"{source} has an empty name in its path. A path begins with the name of the flow, and has one `/` between "
                f"names; write {written!r}, if {written.partition('/')[0]!r} is the flow."
            )
        if not isinstance(table, Mapping):
            raise DefinitionError(
                f"{source} is {table!r}, and not a table of parameters. Write the path of a place, and beneath it "
                "`parameter = value`."
            )
        for parameter, value in table.items():
            if not isinstance(parameter, str):
                raise DefinitionError(f"{source} names a parameter {parameter!r}, which is no string.")
            refuse_shape(path, parameter, value, source)
            found.append(Setting(path, parameter, frozen(value), source))
    return found, frozenset(path for path in tables if "/" not in path)


def refuse_shape(path: str, parameter: str, value: Any, source: str) -> None:
    """Refuse a value that TOML would not have there."""
    if isinstance(value, Mapping):
        written = TABLE.format(f'"{path}/{parameter}"')
        raise DefinitionError(
            f"{source} has a table under {parameter!r}, and not a value. A path is one name in quotes: write `{written}`, "
            f"or {{'{path}/{parameter}': {{...}}}}."
        )
    if not isinstance(value, str | int | float | list | tuple) and type(value).__module__ != "datetime":
        hint = "For a function or a flow give its import path, `replace = 'package.module:name'`. " * callable(value)
        raise DefinitionError(f"{source} sets {parameter!r} to {value!r}, which TOML could not write. {hint}".strip())


def frozen(value: Any) -> Any:
    """Give an array as a tuple, any other value as it is."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def read_file(file: str | os.PathLike[str]) -> tuple[list[Entry], frozenset[str]]:
    """Give the settings in a TOML file, and the names of the flows that have a table for themselves there."""
    if not isinstance(file, str | os.PathLike):
        raise DefinitionError(f"a configuration is read from the path of a TOML file, got {file!r}.")
    name = os.fspath(file)
    try:
        with open(file, "rb") as stream:
            content = stream.read()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DefinitionError(f"the configuration file {name!r} cannot be read: {why}.") from error

    import tomllib

    try:
        data = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"the configuration file {name!r} is not TOML: {error}.") from error
    tables = tables_in(data, name)
    return read_tables(tables, lambda path: f"{name} {TABLE.format(chr(34) + path + chr(34))}")


def tables_in(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Give the tables of flows in a file; what is written beside their place is refused, not passed by."""
    tool = data.get("tool")
    for key in ("omnitron", "flows"):
        if key in data and not (isinstance(tool, dict) and "omnitron" in tool):
            raise DefinitionError(
                f"{name} has a table [{key}], which nothing reads. Flows are tuned under `[tool.omnitron.flows]`."
            )
    here, read = data, ""
    for key in ("tool", "omnitron", "flows"):
        inner = here.get(key)
        refuse_slips(here, key, read, name, alone=read == "tool.omnitron")
        if inner is None:
            return {}
        read = f"{read}.{key}" if read else key
        if not isinstance(inner, dict):
            raise DefinitionError(f"{name} has {read} = {inner!r}, which is no table. Write `[tool.omnitron.flows]`.")
        here = inner
    return here


def refuse_slips(table: Mapping[str, Any], key: str, read: str, name: str, *, alone: bool) -> None:
    """Refuse a key beside the one that is read: any where it stands alone, else one that is close to it.

    Args:
        table: where they stand.
        key: the one that is read.
        read: the name of the table.
        name: that of the file.
        alone: whether the whole table is the library's own.
    """
    from difflib import get_close_matches

    others = [other for other in table if other != key]
    near = get_close_matches(key, others, 1, 0.75)
    if near and (alone or (key not in table and isinstance(table[near[0]], dict))):
        wrong = f"{read}.{near[0]}" if read else near[0]
        right = f"{read}.{key}" if read else key
        raise DefinitionError(f"{name} has a table [{wrong}], which nothing reads. Write `[{right}]`.")
    if alone and others:
        raise DefinitionError(f"{name} has {read}.{others[0]}, and [{read}] has nothing but `flows`. Take it out.")


def read_environ(environ: Mapping[str, str]) -> list[Entry]:
    """Give the variables that set parameters of flows."""
    if not isinstance(environ, Mapping):
        raise DefinitionError(f"`environ` is a mapping of variables, as `os.environ` is; got {environ!r}.")
    found: list[Entry] = []
    for name, value in environ.items():
        if not isinstance(name, str) or not name.startswith(STEM):
            continue
        if not isinstance(value, str):
            raise DefinitionError(f"the variable ${name} has the value {value!r}, which is no text.")
        rest = name.removeprefix(PREFIX)
        if rest == name or rest.find("__", 1) < 0:
            raise DefinitionError(
                f"the variable ${name} names no parameter of a flow. Write {PREFIX}FLOW__PARAMETER, for example "
                f"{PREFIX}INTAKE__PRICE__CONCURRENCY=8 for `concurrency` of 'intake/price', or unset it."
            )
        if not value.strip():
            raise DefinitionError(f"the variable ${name} is empty. Give it a value, or unset it.")
        found.append(Variable(name, value))
    return found


def spelled(name: str) -> str:
    """Give a name as it stands in variables: upper case, `_` for every sign but ASCII letters and digits.

    Example:
        >>> spelled("price#2")
        'PRICE_2'
    """
    return "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in name.upper())


def variable_name(path: str, parameter: str = "") -> str:
    """Give the name of the variable that sets a parameter; without one, what those of a path begin with.

    Example:
        >>> variable_name("intake/price", "concurrency")
        'OMNITRON_FLOWS__INTAKE__PRICE__CONCURRENCY'
    """
    return PREFIX + "__".join(map(spelled, (*path.split("/"), parameter)))
