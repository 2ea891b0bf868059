"""`RunEvents`: the events of a run, as they are read while it goes on and afterwards.

The run keeps them: see `Run.observe` in `omnitron.runtime.runs`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from omnitron.runtime.outside import outside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from omnitron.model import Event
    from omnitron.runtime.runs import Run

__all__ = ["LOOK_S", "MAX_EVENTS", "EventReader", "RunEvents"]

MAX_EVENTS = 100_000
LOOK_S = 0.5
"""How often who waits looks whether the run can still end by itself, in seconds."""


class RunEvents:
    """The events of a run: a snapshot by `for`, all from the beginning until its end by `async for`."""

    __slots__ = ("run",)

    def __init__(self, run: Run[Any]) -> None:
        self.run = run

    def _since(self, place: int) -> tuple[int, list[Event]]:
        """Give the next place and the kept events from `place` on (the caller holds the lock)."""
        run = self.run
        first = max(place - run._dropped, 0)
        found = run._events[first:]  # more may come at any moment, but none goes
        return run._dropped + first + len(found), found

    def __iter__(self) -> Iterator[Event]:
        with self.run._news.changed:
            return iter(self._since(0)[1][-MAX_EVENTS:])

    def __len__(self) -> int:
        return min(len(self.run._events), MAX_EVENTS)

    def __aiter__(self) -> AsyncIterator[Event]:
        return EventReader(self)


class EventReader:
    """Reads the events of a run one by one; a reader that is cancelled while it waits may go on afterwards."""

    __slots__ = ("events", "found", "place")

    def __init__(self, events: RunEvents) -> None:
        self.events = events
        self.place = 0
        self.found: deque[Event] = deque()

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> Event:
        run = self.events.run
        while not self.found:
            with run._news.changed:
                done = run.done  # before the last look: what came until then is told
                if self._take():
                    break
                if done:
                    raise StopAsyncIteration
                future = run._news.wait_for()
                if self._take():  # it came before anybody waited, and rang nothing
                    run._news.forget(future)
                    break
            with outside(run._loop):
                await run._news.rung(future, LOOK_S)
            run._look()
        return self.found.popleft()

    def _take(self) -> bool:
        """Take the events that are there (the caller holds the lock); say whether there were any."""
        self.place, found = self.events._since(self.place)
        self.found.extend(found)
        return bool(found)


# Note [Telling without a lock]
# Events are many, and mostly nobody waits for them. Who tells one appends it, which is whole by itself, and then looks
# whether anybody waits. Who reads takes his place among those that wait, and then looks once more for events. So either
# the one sees the waiter, or the other the event. The lock guards the places of readers, and the dropping of old events.
