"""The nodes that run several flows with the same arguments: parallel, gather, when, try_with."""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.looking import all_of, one_of
from omnitron.algebra.making import is_async_callable
from omnitron.algebra.node import Node
from omnitron.algebra.refining import plain_name
from omnitron.algebra.writer import Args
from omnitron.code import output_annotation
from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Failure, Ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters

__all__ = [
    "Gather",
    "Parallel",
    "TryWith",
    "When",
    "check_count",
    "check_mode",
    "check_no_stream",
    "check_one",
    "check_plain",
    "check_quorum",
    "common_parameters",
    "outcome",
    "outcome_of",
    "passing",
]

MODES = ("raise", "collect")


def check_mode(mode: object) -> None:
    """Refuse a mode that does not exist."""
    if mode not in MODES:
        raise InvalidValue(
            f"`mode` is 'raise' (the first error leaves) or 'collect' (every outcome is kept), got {mode!r}."
        )


def check_count(option: str, value: object) -> None:
    """Refuse a bound that is not a positive number."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise DefinitionError(f"`{option}` is a positive whole number, got {value!r}.")
    if value < 1:
        raise InvalidValue(f"`{option}` is a positive whole number, got {value}. Leave it out for the default.")


def check_plain(option: str, value: object) -> None:
    """Refuse a flow, which would be no part of the tree there, and an async function, whose result nothing would await."""
    if isinstance(value, Node):
        way = "`.fn` of the flow" if not value.children else "a function that calls it"
        raise DefinitionError(
            f"{option} is a plain function, which is called beside the tree; got the flow {value.name!r}. Give {way}."
        )
    if is_async_callable(value):
        raise DefinitionError(
            f"{option} is called where nothing awaits, and {getattr(value, '__qualname__', value)!r} is async. "
            "Give a plain function; what must be awaited is a step of its own."
        )


def check_no_stream(node: Node | None, what: str, way: str) -> None:
    """Refuse a flow that gives a stream where only what happens before the stream is read would count."""
    if node is not None and node.streams:
        raise DefinitionError(f"{node.name!r} gives a stream, whose items are computed as it is read: {what}. {way}")


def check_one(place: str, value: str, taker: Node | None) -> None:
    """Refuse a flow that cannot be called with the one value that it is given."""
    known = None if taker is None else taker.parameters()
    if taker is not None and known is not None and not known.take(1):
        raise DefinitionError(
            f"{place} is given {value} alone; {taker.name!r} takes ({known.declared}). "
            "Fix the others by `.bind(...)`, or give them defaults."
        )


def check_quorum(quorum: object, mode: str) -> None:
    """Refuse a quorum that is no positive number, and one beside a mode that has another say about errors."""
    check_count("quorum", quorum)
    if quorum is not None and mode != "raise":
        raise DefinitionError(
            f"`quorum` gives outcomes and ends when enough have succeeded, mode={mode!r} waits for all. Leave one out."
        )


def common_parameters(nodes: tuple[Node, ...]) -> Parameters | None:
    """Give the parameters that all nodes share, or None if they differ."""
    first = nodes[0].parameters()
    if first is None or not all(first.same(node.parameters()) for node in nodes[1:]):
        return None
    return first


def outcome_of(annotation: Any) -> Any:
    """Give the annotation of an outcome."""
    return one_of((GenericAlias(Ok, (annotation,)), Failure))


def emit_branches(
    w: Writer, branches: tuple[Node, ...], args: Args, *, collect: bool, threads: int | None, is_async: bool
) -> list[str]:
    """Write the running of branches with the same arguments; give the names of their results.

    Async branches run at once; sync ones one after the other, or on threads when a number of them is given.
    """
    place = w.cursor - 1
    if is_async:
        names = [w.function(outcome(branch) if collect else branch, args, awaits=True) for branch in branches]
        run = f"await {w.bind(runtime.parallel_async)}"
    elif threads is not None:
        names = [w.function(outcome(branch) if collect else branch, args, awaits=False) for branch in branches]
        run = f"{w.bind(runtime.parallel_threads)}"
    else:
        temps = []
        for branch in branches:
            temps.append(w.temp())
            if collect:
                emit_outcome(w, branch, args, temps[-1])
            else:
                w.call(branch, args, temps[-1])
        return temps
    bound = f"{threads}, " if threads is not None and not is_async else ""
    results = w.temp()
    w.mark(f"{results} = {run}(({', '.join(names)},), {bound}{passing(w, args)})", place)
    return [f"*{results}"]


def passing(w: Writer, args: Args) -> str:
    """Give the arguments as the text of what machines take: a tuple and a dictionary."""
    return f"({args.value},), {{}}" if args.single else f"*{w.bind(split)}({args.call})"


def split(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments as what machines take."""
    return args, kwargs


def emit_outcome(w: Writer, child: Node, args: Args, target: str) -> None:
    """Write the running of a child so that its outcome, not its error, is left in `target`."""
    with w.block("try:"):
        value = w.temp()
        w.scope(child, args, value)
        w.line(f"{target} = o_ok({value})")
    error = w.temp()
    with w.block(f"except Exception as {error}:"):
        w.line(f"{target} = o_failure({error}, {args.value}, o_path({error}))")


class Outcome(Node):
    """Run a child and give its outcome. Inside generated code only: it stands where its child stands in every walk."""

    __slots__ = ("body",)
    body: Node
    segment = False

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the child in a `try`."""
        w.cursor -= 1
        emit_outcome(w, self.body, args, target)


def outcome(body: Node) -> Node:
    """Give a node that gives the outcome of `body` and counts as many places as it."""
    made = Outcome(body)
    object.__setattr__(made, "size", body.size)
    return made


class Parallel(Node):
    """Run branches with the same arguments; give a tuple of their results, or of their outcomes.

    Attributes:
        branches: the flows.
        mode: "raise" or "collect".
        threads: how many threads run sync branches; None runs them one after the other.
        quorum: how many must succeed; None for all.
    """

    __slots__ = ("branches", "mode", "threads", "quorum")
    branches: tuple[Node, ...]
    mode: str
    threads: int | None
    quorum: int | None
    kind = "parallel"
    direct = "all"
    shares = "all"
    tunable: ClassVar = {"threads": int}

    def check(self) -> None:
        """Refuse no branches, a mode that does not exist, a number that is not positive."""
        check_mode(self.mode)
        check_count("threads", self.threads)
        check_quorum(self.quorum, self.mode)
        if not self.branches:
            raise DefinitionError("parallel takes at least one flow.")
        if self.quorum is not None and self.quorum > len(self.branches):
            raise InvalidValue(
                f"`quorum={self.quorum}` can never be reached by {len(self.branches)} flows. Ask for as many at most."
            )
        if self.threads is not None and self.is_async:
            raise DefinitionError(
                "`threads` is for sync flows; these have an async one among them and run at once on the loop. Leave it out."
            )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the branches and the tuple."""
        if self.quorum is not None:
            self.emit_quorum(w, args, target, self.quorum)
            return
        collect = self.mode == "collect"
        names = emit_branches(w, self.branches, args, collect=collect, threads=self.threads, is_async=self.is_async)
        w.line(f"{target} = ({', '.join(names)},)")
        w.line(f"del {', '.join(name.lstrip('*') for name in names)}")

    def emit_quorum(self, w: Writer, args: Args, target: str, quorum: int) -> None:
        """Write the call of the machine that counts."""
        place = w.cursor - 1
        names = [w.function(outcome(branch), args, awaits=self.is_async) for branch in self.branches]
        run: Callable[..., Any] = runtime.quorum_async if self.is_async else runtime.quorum
        options: dict[str, Any] = {}
        if self.threads is not None:
            run, options = runtime.quorum_threads, {"threads": self.threads}
        given = f"({', '.join(names)},), {w.bind(quorum, 'k')}, {w.bind(w.spot(place))}, {passing(w, args)}"
        wait = "await " if self.is_async else ""
        w.mark(f"{target} = tuple({wait}{w.bind(run)}({given}, **{w.bind(options, 'k')}))", place)

    def takes(self, look: Look) -> Any:
        """Give what all branches take."""
        return all_of(map(look.takes, self.branches))

    def gives(self, look: Look, before: Before) -> Any:
        """Give the tuple of what the branches give."""
        given = [look.gives(branch, before) for branch in self.branches]
        if self.quorum is not None:
            return GenericAlias(tuple, tuple(one_of([outcome_of(one), None]) for one in given))
        return GenericAlias(tuple, tuple(given if self.mode == "raise" else map(outcome_of, given)))

    def parameters(self) -> Parameters | None:
        """Give those that all branches share."""
        return common_parameters(self.branches)

    def detail(self) -> str:
        """Give the options that are not the default."""
        shown = ["mode='collect'"] if self.mode == "collect" else []
        shown += [] if self.quorum is None else [f"quorum={self.quorum}"]
        return ", ".join([*shown, *([f"threads={self.threads}"] if self.threads else [])])


class Gather(Node):
    """Run branches with the same arguments; fill a record with their results by name.

    Attributes:
        record: what is called with the results as keywords.
        names: the names, one a branch.
        branches: the flows.
        threads: how many threads run sync branches; None runs them one after the other.
    """

    __slots__ = ("record", "names", "branches", "threads")
    record: Callable[..., Any]
    names: tuple[str, ...]
    branches: tuple[Node, ...]
    threads: int | None
    kind = "gather"
    direct = "all"
    shares = "all"
    tunable: ClassVar = {"threads": int}

    def check(self) -> None:
        """Refuse no branches, or names that do not fit."""
        check_plain("the record of gather", self.record)
        check_count("threads", self.threads)
        if not self.branches:
            raise DefinitionError("gather takes at least one flow by name.")
        if len(self.names) != len(self.branches):
            raise DefinitionError(f"gather has {len(self.branches)} flows and {len(self.names)} names.")
        if self.threads is not None and self.is_async:
            raise DefinitionError(
                "`threads` is for sync flows; these have an async one among them and run at once on the loop. Leave it out."
            )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the branches and the call of the record."""
        names = emit_branches(w, self.branches, args, collect=False, threads=self.threads, is_async=self.is_async)
        record = w.bind(self.record)
        if len(names) == 1 and names[0][0] == "*":
            pairs = f"**dict(zip({w.bind(self.names, 'k')}, {names[0][1:]}))"
        elif not all(plain_name(name) for name in self.names):
            pairs = f"**dict(zip({w.bind(self.names, 'k')}, ({', '.join(names)},)))"
        else:
            pairs = ", ".join(f"{name}={temp}" for name, temp in zip(self.names, names, strict=True))
        w.line(f"{target} = {record}({pairs})")
        w.line(f"del {', '.join(name.lstrip('*') for name in names)}")

    def takes(self, look: Look) -> Any:
        """Give what all branches take."""
        return all_of(map(look.takes, self.branches))

    def gives(self, look: Look, before: Before) -> Any:
        """Give the record."""
        return output_annotation(self.record, names=look.names)

    def parameters(self) -> Parameters | None:
        """Give those that all branches share."""
        return common_parameters(self.branches)

    def detail(self) -> str:
        """Give the record and its names, and the number of threads."""
        threads = f", threads={self.threads}" if self.threads else ""
        return f"{getattr(self.record, '__name__', self.record)}: {', '.join(self.names)}{threads}"


class When(Node):
    """Run one flow or another with the same arguments, as a test says.

    Attributes:
        test: whose result decides.
        then: run when it is true.
        otherwise: run when it is not; None gives the input itself.
    """

    __slots__ = ("test", "then", "otherwise")
    test: Node
    then: Node
    otherwise: Node | None
    kind = "when"
    direct = "all"
    looks = "test"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write an `if`."""
        found = w.temp()
        w.call(self.test, args, found)
        with w.block(f"if {found}:"):
            w.call(self.then, args, target)
        with w.block("else:"):
            if self.otherwise is None:
                w.line(f"{target} = {args.value}")
            else:
                w.call(self.otherwise, args, target)
        w.line(f"del {found}")

    def takes(self, look: Look) -> Any:
        """Give what the test takes, and one of the branches."""
        arms = look.takes(self.then) if self.otherwise is None else one_of(map(look.takes, self.children[1:]))
        return all_of((look.takes(self.test), arms))

    def gives(self, look: Look, before: Before) -> Any:
        """Give what one of the branches gives; without another that is the input."""
        then = look.gives(self.then, before)
        return one_of(
            (then, look.comes(self.then, before) if self.otherwise is None else look.gives(self.otherwise, before))
        )

    def streams_after(self, before: str) -> str:
        """Give that of a branch that gives a stream."""
        return self.then.streams_after(before) or (
            "" if self.otherwise is None else self.otherwise.streams_after(before)
        )

    def parameters(self) -> Parameters | None:
        """Give those that test and branches share."""
        return common_parameters(self.children)


class TryWith(Node):
    """Run a flow; on an error give what another makes of it; in any case run a third.

    Attributes:
        body: the flow.
        catch: takes the `Failure`, gives the result; None lets the error leave.
        final: takes the input, its result is dropped; None does nothing.
        on: the exception types to catch, or a predicate of the exception.
    """

    __slots__ = ("body", "catch", "final", "on")
    body: Node
    catch: Node | None
    final: Node | None
    on: Any
    kind = "try_with"
    direct = "first"
    looks = "final"

    def check(self) -> None:
        """Refuse what would catch cancellation, and a try without a purpose."""
        if self.catch is None and self.final is None:
            raise DefinitionError("try_with takes `catch`, `finally_`, or both.")
        check_on(self.on)
        check_no_stream(
            self.body,
            "`try_with` would have been left by then",
            "Put it around the flow of one item, `try_with(f, ...).stream()`, take outcomes by `.stream(mode='collect')`, "
            "or let the flow end with a step that reads the stream.",
        )
        check_one("the `catch` of try_with", "the `Failure`", self.catch)
        check_one("the `finally_` of try_with", "the input", self.final)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write a `try` with the clauses that are there."""
        result = w.temp()
        if self.final is None:
            self.emit_catch(w, args, result)
        else:
            with w.block("try:"):
                self.emit_catch(w, args, result)
            with w.block("finally:"), w.always():
                w.call(self.final, as_value(args), w.temp())
        w.line(f"{target} = {result}")
        w.line(f"del {result}")

    def emit_catch(self, w: Writer, args: Args, result: str) -> None:
        """Write the body, and what happens to its errors."""
        if self.catch is None:
            w.call(self.body, args, result)
            return
        with w.block("try:"):
            w.scope(self.body, args, result)
        error = w.temp()
        types = isinstance(self.on, (tuple, type))
        with w.block(f"except {w.bind(self.on) if types else 'Exception'} as {error}:"):
            if not types:
                w.line(f"if not {w.bind(self.on)}({error}): raise")
            failure = w.temp()
            w.line(f"{failure} = o_failure({error}, {args.value}, o_path({error}))")
            w.call(self.catch, Args(failure, failure), result)
            w.line(f"del {failure}")

    def takes(self, look: Look) -> Any:
        """Give what the body takes, and what finishes."""
        return all_of(look.takes(part) for part in (self.body, self.final) if part is not None)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives, or the catch."""
        body = look.gives(self.body, before)
        return body if self.catch is None else one_of((body, look.gives(self.catch)))

    def parameters(self) -> Parameters | None:
        """Give those of the body."""
        return self.body.parameters()

    def detail(self) -> str:
        """Give the types or the predicate."""
        if self.catch is None or self.on is Exception:
            return ""
        shown = self.on if isinstance(self.on, tuple) else (self.on,)
        return f"on={', '.join(getattr(kind, '__name__', repr(kind)) for kind in shown)}"


def as_value(args: Args) -> Args:
    """Give the input as one value."""
    return Args(args.value, args.value)


def check_on(on: Any) -> None:
    """Refuse what is no exception type, tuple of them, or predicate; and what would catch cancellation."""
    check_plain("`on`", on)
    types = on if isinstance(on, tuple) else (on,)
    if not isinstance(on, tuple) and not isinstance(on, type):
        if callable(on):
            return
        raise DefinitionError(f"`on` takes exception types or a predicate of the exception, got {on!r}.")
    if not types:
        raise DefinitionError(
            "`on` is an empty tuple: nothing would ever be caught. Leave `catch` out, or name a type."
        )
    for kind in types:
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise DefinitionError(f"`on` takes exception types or a predicate of the exception, got {kind!r}.")
        if not issubclass(kind, Exception):
            raise DefinitionError(
                f"`on={kind.__name__}` would catch cancellation or the end of the process, which always pass. "
                "Name subclasses of Exception; for clean-up there is `finally_`."
            )
