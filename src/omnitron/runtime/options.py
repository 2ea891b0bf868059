"""What a run carries besides values, and the options by which a context is made and derived.

Authority and time only shrink, watchers only add up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from omnitron.errors import DefinitionError, MissingCapability
from omnitron.model import Clock, Executor, Guard, Observer, Random, Record, capability_names, covers
from omnitron.runtime.clock import SYSTEM_CLOCK, SYSTEM_RANDOM
from omnitron.runtime.resources import needs_of

if TYPE_CHECKING:
    from omnitron.runtime.configuring import Config

__all__ = ["OPTIONS", "PLAIN", "Runtime", "adopt_factory", "factories", "options_shown", "read_options"]


class Runtime(Record):
    """What a run carries besides values: authority, who watches, time, randomness, places.

    Attributes:
        capabilities: the names held; None restricts nothing.
        deadline: a reading of the clock's `monotonic()` after which nothing starts; None for no deadline.
        replaced: what runs in the place of flows, by name or static path; None for nothing.
        config: what tunes the flows that are run; None for nothing.
    """

    __slots__ = ("capabilities", "observers", "guards", "clock", "random", "executor", "deadline", "replaced", "config")
    capabilities: frozenset[str] | None
    observers: tuple[Observer, ...]
    guards: tuple[Guard, ...]
    clock: Clock
    random: Random
    executor: Executor | None
    deadline: float | None
    replaced: Mapping[str, Callable[..., Any]] | None
    config: Config | None

    def __init__(
        self,
        capabilities: frozenset[str] | None = None,
        observers: tuple[Observer, ...] = (),
        guards: tuple[Guard, ...] = (),
        clock: Clock = SYSTEM_CLOCK,
        random: Random = SYSTEM_RANDOM,
        executor: Executor | None = None,
        deadline: float | None = None,
        replaced: Mapping[str, Callable[..., Any]] | None = None,
        config: Config | None = None,
    ) -> None:
        self._fill(
            capabilities=capabilities,
            observers=observers,
            guards=guards,
            clock=clock,
            random=random,
            executor=executor,
            deadline=deadline,
            replaced=replaced,
            config=config,
        )


PLAIN = Runtime()
COROUTINE = 0x80
RESERVED = ("store", "journal")
OPTIONS = (
    "capabilities",
    "observers",
    "hooks",
    "tracer",
    "guards",
    "clock",
    "random",
    "executor",
    "deadline",
    "replace",
    "config",
)
SLIPS = {
    "caps": "capabilities",
    "cfg": "config",
    "configuration": "config",
    "replacements": "replace",
    "time_limit": "deadline",
    "timeout": "deadline",
}
"""Names that elsewhere mean what an option means, too far from its name to be close to it."""


def read_options(old: Runtime, named: dict[str, Any], taken: type) -> tuple[Runtime, dict[str, Any]]:
    """Split keywords into the new runtime and the values by name; what `taken` has as attributes is refused."""
    if not named:
        return old, named
    changes: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, given in named.items():
        if name in RESERVED:
            raise DefinitionError(
                f"`{name}` is reserved for an option of the library; give a value so named by {{{name!r}: ...}}."
            )
        if name in OPTIONS:
            changes[name] = given
        elif hasattr(taken, name):
            raise DefinitionError(
                f"`{name}` is a name that Context itself has; give the value by {{{name!r}: ...}}, or rename it."
            )
        else:
            refuse_near_miss(name)
            values[name] = given
    return (derive(old, changes) if changes else old), values


def refuse_near_miss(name: str) -> None:
    """Refuse a value whose name is an option's but for a slip: `capabilites=` would restrict nothing."""
    option = SLIPS.get(name, "")
    how = "another word for"
    if not option and name[:1] in {option[0] for option in OPTIONS}:
        from difflib import get_close_matches

        option, how = "".join(get_close_matches(name, OPTIONS, 1, 0.75)), "close to"
    if option:
        raise DefinitionError(
            f"`{name}` is {how} the option `{option}`, and would be taken for a value. "
            f"Write `{option}=...`, or give the value by {{{name!r}: ...}}."
        )


def options_shown(runtime: Runtime) -> list[str]:
    """Give authority, time and configuration in a few words, as they stand in a call; what is not set is left out."""
    shown: list[str] = []
    if runtime.capabilities is not None:
        names = ", ".join(map(repr, sorted(runtime.capabilities)))
        shown.append(f"capabilities={{{names}}}" if names else "capabilities=set()")
    if runtime.deadline is not None:
        left = runtime.deadline - runtime.clock.monotonic()
        shown.append(f"deadline={round(left, 3)}" if left > 0 else "deadline=<passed>")
    if runtime.config is not None:
        count = len(runtime.config.entries)
        shown.append(f"config=<{count} setting{'' if count == 1 else 's'}>")
    return shown


def derive(old: Runtime, changes: dict[str, Any]) -> Runtime:
    """Give the runtime `old` with the options in `changes`; authority and time only shrink, watchers only add up."""
    new: dict[str, Any] = {}
    if changes.get("capabilities") is not None:
        new["capabilities"] = attenuate(old.capabilities, capability_names(changes["capabilities"]) or frozenset())
    watchers = [*listed("observers", changes.get("observers")), *listed("hooks", changes.get("hooks"))]
    watchers += listed("tracer", changes.get("tracer"))
    for observer in watchers:
        demand(observer, "observe", "an observer", "Hooks(...), Tracing(), EventLog() or an object of your own")
    if watchers:
        new["observers"] = (*old.observers, *watchers)
    guards = listed("guards", changes.get("guards"))
    for guard in guards:
        demand(guard, "check", "a guard", "an object of your own")
        code = getattr(guard.check, "__code__", None)
        if code is not None and code.co_flags & COROUTINE:
            raise DefinitionError(
                f"the guard {guard!r} has an async `check`, and sync flows are guarded too, where nothing could await it. "
                "Make it `def check(self, call)`."
            )
    if guards:
        new["guards"] = (*old.guards, *guards)
    for option, method in (("clock", "monotonic"), ("random", "random"), ("executor", "execute")):
        if changes.get(option) is not None:
            demand(changes[option], method, f"`{option}`", "an object that follows the protocol")
            new[option] = changes[option]
    if changes.get("deadline") is not None:
        new["deadline"] = sooner(old, changes["deadline"], new.get("clock", old.clock))
    elif "clock" in new and old.deadline is not None:
        new["deadline"] = old.deadline - old.clock.monotonic() + new["clock"].monotonic()
    if changes.get("replace") is not None:
        new["replaced"] = {**(old.replaced or {}), **replacements(changes["replace"])}
    if changes.get("config") is not None:
        from omnitron.runtime.configuring import as_config

        config = as_config(changes["config"])
        if config or old.config is None:
            new["config"] = config if old.config is None else old.config + config
    return old.replace(**new) if new else old


def replacements(given: Any) -> dict[str, Callable[..., Any]]:
    """Give what `replace` maps names to, each callable."""
    if not isinstance(given, Mapping):
        raise DefinitionError(f"`replace` is {{name or path: function or flow}}, got {given!r}.")
    for name, instead in given.items():
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"`replace` names flows by their name or static path, got {name!r}.")
        if not callable(instead):
            raise DefinitionError(
                f"`replace` puts a function or a flow in the place of {name!r}, got {instead!r}. For a fixed value write "
                f"`lambda *args, **kwargs: {instead!r}`."
            )
    return {name: factories[0](instead) if needs_of(instead) else instead for name, instead in given.items()}


factories: list[Callable[[Any], Any]] = []


def adopt_factory(factory: Callable[[Any], Any]) -> None:
    """Tell this room how a plain function becomes a flow (called once, by the room that knows flows)."""
    factories[:] = [factory]


def listed(option: str, given: Any) -> list[Any]:
    """Give what a user may write as one watcher or several as a list."""
    if given is None:
        return []
    if isinstance(given, str | Mapping):
        raise DefinitionError(f"`{option}` takes an object or a list of them, got {given!r}.")
    return list(given) if isinstance(given, list | tuple | set | frozenset) else [given]


def demand(given: Any, method: str, what: str, instead: str) -> None:
    """Refuse an object that lacks the method of its protocol."""
    if not callable(getattr(given, method, None)) or isinstance(given, type):
        raise DefinitionError(f"{what} has a method `{method}`, {given!r} has none. Give {instead}.")


def attenuate(held: frozenset[str] | None, named: frozenset[str]) -> frozenset[str]:
    """Give `named` if all of it is held; naming more is an error, not an intersection."""
    if held is not None:
        missing: dict[str, tuple[str, ...]] = {name: () for name in named if not any(covers(one, name) for one in held)}
        if missing:
            raise MissingCapability(missing, tuple(sorted(held)))
    return named


def sooner(old: Runtime, seconds: Any, clock: Clock) -> float:
    """Give the deadline `seconds` from now on `clock`, or the one that already stands if it comes first."""
    total = getattr(seconds, "total_seconds", None)
    seconds = total() if total is not None else seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds != seconds:
        raise DefinitionError(f"`deadline` is seconds from now (a number or a timedelta), got {seconds!r}.")
    mine: float = clock.monotonic() + max(seconds, 0.0)
    if old.deadline is None:
        return mine
    return min(mine, old.deadline - old.clock.monotonic() + clock.monotonic())
