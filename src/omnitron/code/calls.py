"""Which objects a plain function calls, as far as its bytecode says; the function never runs.

The code is read once from its first instruction to its last, with a stack that holds the objects of which it is known
what they are: globals, closure cells, attributes of known objects (looked up without running descriptors), the `self` of
a method, and local names, by what they were given last. Everything else is unknown. Functions, lambdas and comprehensions
inside are read too. What is called through an argument, a container or a result is not found; what stands behind a
condition is.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from omnitron.model import Record

if TYPE_CHECKING:
    from dis import Instruction

__all__ = ["Callee", "callees"]


class Mark:
    """Stands on the stack for something that is no known object."""

    __slots__ = ("owner",)

    def __init__(self, owner: type | None = None) -> None:
        self.owner = owner


UNKNOWN, EMPTY = Mark(), Mark()


class Callee(Record):
    """Something that a function calls.

    Attributes:
        target: what is called: a function, a class, any object.
        receiver: the object whose method `target` is, or None.
    """

    __slots__ = ("target", "receiver")
    target: Any
    receiver: Any

    def __init__(self, target: Any, receiver: Any = None) -> None:
        self._fill(target=target, receiver=receiver)


def callees(fn: FunctionType) -> tuple[Callee, ...]:
    """Give what a function calls, each object once, its own calls before those of the functions inside it.

    Example:
        >>> def shout(text):
        ...     return [ascii(word) for word in sorted(text.split())]
        >>> [callee.target.__name__ for callee in callees(shout)]
        ['sorted', 'ascii']
    """
    found: dict[tuple[int, int], Callee] = {}
    waiting = [Reading(fn.__code__, fn.__globals__, cells_of(fn), self_of(fn))]
    for reading in waiting:
        for callee in reading.calls():
            found.setdefault((id(callee.target), id(callee.receiver)), callee)
        waiting += reading.inside()
    return tuple(found.values())


def cells_of(fn: FunctionType) -> dict[str, Any]:
    """Give the values of a closure by name, those that have one yet."""
    found: dict[str, Any] = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def self_of(fn: FunctionType) -> dict[str, Any]:
    """Give what is known of the first parameter of a function that stands in a class: an object of that class."""
    owner, dot, name = fn.__qualname__.rpartition(".")
    found: Any = sys.modules.get(fn.__module__)
    for part in owner.split(".") if dot else ():
        found = getattr(found, "__dict__", {}).get(part)
    held = found.__dict__.get(name) if isinstance(found, type) else None
    if held is None or not fn.__code__.co_argcount or isinstance(held, staticmethod | classmethod):
        return {}
    return {fn.__code__.co_varnames[0]: Mark(found)}


def attribute(owner: Any, name: str) -> Any:
    """Give an attribute as it is stored, without running anything."""
    from inspect import getattr_static

    if isinstance(owner, Mark):
        if owner.owner is None:
            return UNKNOWN
        owner = owner.owner
    found = getattr_static(owner, name, UNKNOWN)
    if isinstance(found, staticmethod | classmethod):
        return found.__func__
    return UNKNOWN if hasattr(type(found), "__set__") or isinstance(found, property) else found


STILL = ("NOP", "RESUME", "PRECALL", "KW_NAMES", "COPY_FREE_VARS", "MAKE_CELL")
KEEPING = ("POP_", "DELETE_", "STORE_", "JUMP_")
ENDING = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE", "JUMP_NO", "RETURN_", "RAISE_", "RERAISE")
LOOKING = ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
LOCAL = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "STORE_FAST", "STORE_DEREF")


class Reading:
    """One pass over the code of one function."""

    __slots__ = ("code", "globals", "known", "stack")

    def __init__(self, code: CodeType, globals: dict[str, Any], cells: dict[str, Any], own: dict[str, Any]) -> None:
        self.code = code
        self.globals = globals
        self.known = cells | own
        self.stack: list[Any] = []

    def inside(self) -> Iterator[Reading]:
        """Give the readings of the functions inside, which see the names of this one."""
        for constant in self.code.co_consts:
            if isinstance(constant, CodeType):
                cells = {name: self.known[name] for name in constant.co_freevars if name in self.known}
                yield Reading(constant, self.globals, cells, {})

    def calls(self) -> Iterator[Callee]:
        """Give what is called, in the order of the code."""
        import dis

        jumps = {*dis.hasjrel, *dis.hasjabs}
        saved: dict[int, list[Any]] = {}
        ended = False
        for step in dis.get_instructions(self.code):
            if ended or step.offset in saved:
                self.stack = list(saved.get(step.offset, () if ended else self.stack))
            ended = step.opname.startswith(ENDING)
            if step.opcode in jumps:
                size = len(self.stack) + dis.stack_effect(step.opcode, step.arg, jump=True)
                saved.setdefault(step.argval, fitted(self.stack, size))
            if step.opname.startswith("CALL") and "INTRINSIC" not in step.opname:
                yield from self.call(step)
            elif step.opname not in STILL and not self.move(step):
                self.stack = fitted(self.stack, len(self.stack) + dis.stack_effect(step.opcode, step.arg, jump=False))
                if self.stack and not step.opname.startswith(KEEPING):
                    self.stack[-1] = UNKNOWN

    def pop(self) -> Any:
        """Take the top of the stack; beneath its known part nothing is known."""
        return self.stack.pop() if self.stack else UNKNOWN

    def call(self, step: Instruction) -> Iterator[Callee]:
        """Read a call: its arguments, what stands for `self` or nothing, what is called."""
        given = step.arg or 0
        if step.opname == "CALL_FUNCTION_EX":
            given = 2 if sys.version_info >= (3, 14) else 1 + (given & 1)
        elif step.opname == "CALL_KW":
            given += 1
        for _ in range(given):
            self.pop()
        second, first = self.pop(), self.pop()
        target, receiver = (second, EMPTY) if first is EMPTY else (first, second)
        self.stack.append(UNKNOWN)
        if not isinstance(target, Mark):
            yield Callee(target, None if isinstance(receiver, Mark) else receiver)

    def move(self, step: Instruction) -> bool:
        """Read what puts known objects on the stack or moves them; say whether this was such an instruction."""
        name, stack = step.opname, self.stack
        if "FROM_DICT" in name:
            self.pop()
        if name == "PUSH_NULL":
            stack.append(EMPTY)
        elif name == "LOAD_GLOBAL":
            found = self.look(step.argval)
            pair = [EMPTY, found] if sys.version_info < (3, 13) else [found, EMPTY]
            stack += pair if (step.arg or 0) & 1 else [found]
        elif name in ("LOAD_ATTR", "LOAD_METHOD"):
            owner = self.pop()
            found = attribute(owner, step.argval)
            pairs = name == "LOAD_METHOD" or (sys.version_info >= (3, 12) and (step.arg or 0) & 1)
            stack += [found, owner if is_instance(owner) else UNKNOWN] if pairs else [found]
        elif name in LOOKING:
            stack.append(self.look(step.argval))
        elif name.startswith(LOCAL):
            names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            verbs = [verb for verb in name.split("_") if verb in ("LOAD", "STORE")]
            for one, verb in zip(names, verbs, strict=True):
                if verb == "STORE":
                    self.known[one] = self.pop()
                else:
                    stack.append(self.known.get(one, UNKNOWN))
        elif name == "COPY":
            stack.append(stack[-step.argval] if 0 < step.argval <= len(stack) else UNKNOWN)
        elif name == "SWAP":
            if step.argval <= len(stack):
                stack[-1], stack[-step.argval] = stack[-step.argval], stack[-1]
        else:
            return False
        return True

    def look(self, name: str) -> Any:
        """Give what a global name stands for."""
        if name in self.known:
            return self.known[name]
        return self.globals.get(name, getattr(builtins, name, UNKNOWN))


def is_instance(owner: Any) -> bool:
    """Say whether an attribute of a known object is bound to it: not one of a module or a class."""
    return not isinstance(owner, Mark | type | type(sys))


def fitted(stack: list[Any], size: int) -> list[Any]:
    """Give a stack of another height; what is new on it is not known."""
    return [*stack[: max(size, 0)], *[UNKNOWN] * (size - len(stack))]
