"""What a flow gave, as plain data, as JSON for a pipe, and as text and tables for a person.

Colours and widths are rich's. How a tree is drawn stands in `omnitron.cli.trees`.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omnitron.model import Failure, Inputs, Ok, Record

__all__ = ["Described", "TooDeep", "describe_error", "json_bytes", "printable", "render_result", "told"]

SHOWN = 50
COLUMNS = 12
NARROWEST = 10
LONGEST = 2000
"""How many bits of a number are still written in digits where another has too many: Python may refuse 640 digits."""


class TooDeep(Exception):
    """A result is nested too deeply to be printed."""


class Described:
    """A result as plain data, and what is known of the outcomes in it.

    Args:
        result: what a flow gave.
        what: how it is called where it cannot be printed.

    Attributes:
        value: lists, dictionaries, texts, numbers, booleans, None.
        failures: how many `Failure` outcomes the result contains.

    Raises:
        TooDeep: it is nested too deeply.
        Exception: an iterator inside of it raised, or gave what cannot be printed as it is.
    """

    def __init__(self, result: Any, what: str = "the result of the flow") -> None:
        self.failures = 0
        self.value = self.described(result, what)

    def described(self, result: Any, what: str) -> Any:
        """Give a result as plain data; what cannot be is given by its `repr`."""
        for bytes_mode in ("utf8", "base64"):
            self.failures = 0
            try:
                return to_jsonable_python(result, fallback=self.fallback, bytes_mode=bytes_mode)
            except (ValueError, TypeError, RecursionError) as error:
                if holds_iterator(result):  # what it has given is gone: a second look would leave that out
                    error.add_note(f"raised while an iterator inside of {what} was written out; make a list of it")
                    raise
        try:
            return told(result)
        except RecursionError as error:
            raise TooDeep(
                f"{what} ({type(result).__name__}) is nested too deeply to be printed. Let a last step "
                "make a text of it, or write it to a file."
            ) from error

    def fallback(self, value: Any) -> Any:
        """Give plain data for a value that pydantic does not know."""
        if isinstance(value, Ok):
            return {"ok": True, "value": value.value}
        if isinstance(value, Failure):
            self.failures += 1
            return {"ok": False, "error": describe_error(value.error), "input": value.input, "path": value.path}
        if isinstance(value, Inputs):
            return {"args": list(value.args), "kwargs": value.kwargs}
        return describe_error(value) if isinstance(value, BaseException) else told(value)


def holds_iterator(result: Any) -> bool:
    """Say whether an iterator stands in a result, at any depth of what is written out by its parts."""
    stack, seen = [result], set[int]()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Iterator):
            return True
        if isinstance(one, dict):
            stack += one.values()
        elif isinstance(one, (list, tuple, set, frozenset, deque)):
            stack += one
        else:
            stack += (getattr(one, name, None) for name in field_names(one))
    return False


def field_names(value: Any) -> Iterable[str]:
    """Give the names of the fields of a record, dataclass or model; of anything else none."""
    if isinstance(value, Record):
        return value.fields
    found: Iterable[str] = getattr(type(value), "__dataclass_fields__", ())
    return found or getattr(type(value), "__pydantic_fields__", ())


def describe_error(error: BaseException) -> dict[str, str]:
    """Give an error as plain data."""
    return {"type": type(error).__qualname__, "message": told(error, str)}


def told(value: Any, tell: Callable[[Any], str] = repr) -> str:
    """Give what a value says of itself; one that fails to is named by its type."""
    try:
        return tell(value)
    except RecursionError:
        raise
    except Exception as error:
        return f"<{type(value).__qualname__}, whose {tell.__name__} raised {type(error).__qualname__}>"


def json_bytes(data: Any, *, on_terminal: bool = False) -> bytes:
    """Give plain data as one line of JSON in UTF-8; a number that cannot be written stands as a text such as "NaN".

    On a terminal, what would do something to it is escaped.
    """
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(data), ensure_ascii=False, allow_nan=False)
    if on_terminal and not text.isprintable():  # outside of texts, all of JSON is printable
        text = "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(finite(data)).encode() + b"\n"


def finite(data: Any) -> Any:
    """Give plain data with texts in the place of numbers that are infinite, no number, or longer than Python writes."""
    if isinstance(data, int) and data.bit_length() > LONGEST:
        return hex(data)
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    return [finite(item) for item in data] if isinstance(data, list) else data


# ------------------------------------------------------------------ for a person


def render_result(data: Any, console: Console) -> None:
    """Print plain data so that a person can read it: tables where it is a table."""
    if isinstance(data, list) and are_outcomes(data):
        table = outcome_table(data)
    elif isinstance(data, list) and is_table(data):
        table = row_table(data)
    elif isinstance(data, list) and data:
        table = value_table(enumerate(data), len(data), heads=("#", "value"))
    elif isinstance(data, dict) and data:
        table = value_table(data.items(), len(data), heads=("name", "value"))
    else:
        console.print(cell(data), soft_wrap=True)
        return
    console.width = max(console.width, NARROWEST * len(table.columns))
    console.print(table)


def are_outcomes(data: list[Any]) -> bool:
    """Say whether a list is outcomes; a quorum has None for what did not come to its end."""
    known = [row for row in data if row is not None]
    return bool(known) and all(isinstance(row, dict) and row.get("ok") in (True, False) for row in known)


def is_table(data: list[Any]) -> bool:
    """Say whether a list is rows of a few columns."""
    if not data or not all(isinstance(row, dict) and row for row in data):
        return False
    return len({name for row in data for name in row}) <= COLUMNS


def outcome_table(rows: list[dict[str, Any] | None]) -> Table:
    """Make a table of outcomes, a row each."""
    table = empty_table(["#", "outcome", "input", "path"])
    for number, row in enumerate(rows[:SHOWN]):
        if row is None:
            table.add_row(str(number), Text("not ended", style="dim"), "", "")
        elif row["ok"]:
            table.add_row(str(number), cell(row.get("value")), "", "")
        else:
            error = row.get("error") or {}
            said = Text(printable(f"{error.get('type')}: {error.get('message')}"), style="red")
            table.add_row(str(number), said, cell(row.get("input")), cell(row.get("path")))
    return cut(table, len(rows))


def row_table(rows: list[dict[str, Any]]) -> Table:
    """Make a table of records with few columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = empty_table(names)
    for row in rows[:SHOWN]:
        table.add_row(*(cell(row[name]) if name in row else Text() for name in names))
    return cut(table, len(rows))


def value_table(pairs: Iterable[tuple[Any, Any]], size: int, *, heads: tuple[str, str]) -> Table:
    """Make a table of two columns."""
    table = empty_table(heads)
    for _, (name, value) in zip(range(SHOWN), pairs, strict=False):
        table.add_row(cell(name), cell(value))
    return cut(table, size)


def empty_table(heads: Iterable[str]) -> Table:
    """Make a table of some columns; long cells are folded."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(printable(head)), overflow="fold")
    return table


def cut(table: Table, size: int) -> Table:
    """Say beneath a table how many rows it leaves out."""
    if size > SHOWN:
        table.caption = f"… {size - SHOWN:,} more; a pipe or --json gives all"
        table.caption_justify = "left"
    return table


def cell(value: Any) -> Text:
    """Give plain data as the text of a cell."""
    if isinstance(value, str):
        return Text(printable(value))
    if isinstance(value, Mapping | list):
        return Text(printable(json.dumps(value, ensure_ascii=False)))
    return Text(told(value, str))


def printable(text: str) -> str:
    """Give a text that does nothing to a terminal: control characters stand as escapes."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text)
