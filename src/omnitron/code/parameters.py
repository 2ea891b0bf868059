"""The parameters of a plain function as text, so that generated code can copy them literally.

`inspect.signature` is not used: it costs more than a whole first call may.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

__all__ = ["Parameters", "parameters_of"]


class Parameters:
    """How a function is declared and how it is called on with the same arguments.

    Attributes:
        positional: names that can be given by position, in order; the first `positional_only` of them only so.
        keyword_only: names that can only be given by keyword.
        rest, more: the names of `*args` and `**kwargs`, or None.
        defaults, kwdefaults: as the function has them.
        names: all names.
        declared: the text between the parentheses of `def`, without defaults.
        passed: the text between the parentheses of a call that passes all of them on.
        value: the text of the input as one value, or None when there is not exactly one positional parameter.
    """

    __slots__ = (
        "declared", "defaults", "keyword_only", "kwdefaults", "more", "names",
        "passed", "positional", "positional_only", "rest", "value",
    )  # fmt: skip
    value: str | None

    def __init__(
        self,
        positional: tuple[str, ...],
        keyword_only: tuple[str, ...] = (),
        *,
        rest: str | None = None,
        more: str | None = None,
        positional_only: int = 0,
        defaults: tuple[Any, ...] | None = None,
        kwdefaults: dict[str, Any] | None = None,
    ) -> None:
        self.positional = positional
        self.keyword_only = keyword_only
        self.rest = rest
        self.more = more
        self.positional_only = positional_only
        self.defaults = defaults
        self.kwdefaults = kwdefaults
        if len(positional) == 1 and not (keyword_only or rest or more or positional_only):
            self.names = positional
            self.declared = self.passed = self.value = positional[0]
            return
        declared, passed = list(positional), list(positional)
        if positional_only:
            declared.insert(positional_only, "/")
        if rest is not None:
            declared.append(f"*{rest}")
            passed.append(f"*{rest}")
        elif keyword_only:
            declared.append("*")
        declared += keyword_only
        passed += [f"{name}={name}" for name in keyword_only]
        if more is not None:
            declared.append(f"**{more}")
            passed.append(f"**{more}")
        self.names = (*positional, *keyword_only, *((rest,) if rest else ()), *((more,) if more else ()))
        self.declared = ", ".join(declared)
        self.passed = ", ".join(passed)
        self.value = positional[0] if len(self.names) == 1 and positional else None

    def same(self, other: Parameters | None) -> bool:
        """Say whether both declare the same parameters with the very same defaults."""
        if other is None or self.declared != other.declared:
            return False
        mine, theirs = self.defaults or (), other.defaults or ()
        mine_kw, theirs_kw = self.kwdefaults or {}, other.kwdefaults or {}
        return (
            len(mine) == len(theirs)
            and all(a is b for a, b in zip(mine, theirs, strict=True))
            and mine_kw.keys() == theirs_kw.keys()
            and all(value is theirs_kw[name] for name, value in mine_kw.items())
        )

    def take(self, count: int) -> bool:
        """Say whether a call with `count` positional arguments and nothing else is taken."""
        required = len(self.positional) - len(self.defaults or ())
        if count < required or (count > len(self.positional) and self.rest is None):
            return False
        return len(self.keyword_only) == len(self.kwdefaults or ())

    def given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give a call's arguments without those at the end that are their defaults; the first one always stays."""
        defaults = self.defaults or ()
        if defaults and len(args) == len(self.positional):
            end, place = len(args), len(defaults)
            while end > 1 and place and args[end - 1] is defaults[place - 1]:
                end, place = end - 1, place - 1
            args = args[:end]
        known = self.kwdefaults
        if known and kwargs:
            kwargs = {name: value for name, value in kwargs.items() if name not in known or value is not known[name]}
        return args, kwargs

    def by_position(self) -> dict[str, Any]:
        """Give the defaults of the positional names."""
        defaults = self.defaults or ()
        return dict(zip(self.positional[len(self.positional) - len(defaults) :], defaults, strict=True))

    def without(self, fixed: set[str]) -> Parameters | None:
        """Give what is left when names are fixed by keyword: what came after them can only be given by keyword.

        None where that cannot be said by parameters: a `*rest` would take the place of a fixed one.
        """
        first: list[str] = []
        for name in self.positional:
            if name in fixed:
                break
            first.append(name)
        broken = len(first) < len(self.positional)
        if broken and self.rest is not None:
            return None
        later = [name for name in (*self.positional[len(first) :], *self.keyword_only) if name not in fixed]
        defaults = self.by_position()
        keywords = {**defaults, **(self.kwdefaults or {})}
        return Parameters(
            tuple(first),
            tuple(later),
            rest=self.rest,
            more=self.more,
            positional_only=min(self.positional_only, len(first)),
            defaults=tuple(defaults[name] for name in first if name in defaults) or None,
            kwdefaults={name: keywords[name] for name in later if name in keywords} or None,
        )

    def after_first(self) -> Parameters | None:
        """Give what is left when the first argument is given, or None if there is no first."""
        if not self.positional:
            return self if self.rest is not None else None
        defaults = self.defaults
        if defaults is not None and len(defaults) == len(self.positional):
            defaults = defaults[1:] or None
        return Parameters(
            self.positional[1:],
            self.keyword_only,
            rest=self.rest,
            more=self.more,
            positional_only=max(self.positional_only - 1, 0),
            defaults=defaults,
            kwdefaults=self.kwdefaults,
        )


def parameters_of(fn: Any) -> Parameters | None:
    """Give the parameters of a plain Python function, or None for any other callable."""
    if type(fn) is not FunctionType:
        return None
    code = fn.__code__
    names, positional, flags = code.co_varnames, code.co_argcount, code.co_flags
    end = positional + code.co_kwonlyargcount
    return Parameters(
        names[:positional],
        names[positional:end],
        rest=names[end] if flags & 0x04 else None,
        more=names[end + bool(flags & 0x04)] if flags & 0x08 else None,
        positional_only=code.co_posonlyargcount,
        defaults=fn.__defaults__,
        kwdefaults=fn.__kwdefaults__,
    )
