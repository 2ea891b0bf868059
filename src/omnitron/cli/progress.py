"""What a run has done so far, counted by place in the tree, and the live tree that shows it.

`Progress` is an observer: it keeps one count a static place, however many calls there are. `live` draws it on stderr
when the work takes long. How the tree looks is decided in `omnitron.cli.trees`.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.text import Text

from omnitron.cli.targets import AnyFlow
from omnitron.cli.trees import Branch, Count, grow, lines_of
from omnitron.model import Call, CallAnswered, CallFailed, CallStarted, Event, ItemYielded, PolicyChanged

__all__ = ["Progress", "live"]

DELAY = 0.5
INDEX = re.compile(r"\[\d+\]")


class Progress:
    """Count the calls of a run by their static place. Calls may come from several threads.

    What forked children do is not counted.

    Runs that are started inside the first one stand beneath its root.

    Attributes:
        counts: for each place that was reached, what is known of its calls; in the order of reaching.
    """

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}
        self._root: Call | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()

    def observe(self, event: Event, /) -> None:
        """Count one event."""
        if type(event) is PolicyChanged:
            return
        if os.getpid() != self._process:  # where the lock may be held by a thread that is not there
            return
        call = event.call
        path = INDEX.sub("", call.path) if "[" in call.path else call.path
        with self._lock:
            if self._root is None:
                self._root = call
            if call.run_id != self._root.run_id:
                first, slash, rest = path.partition("/")
                path = f"{self._root.path}/{first} (started){slash}{rest}"
            count = self.counts.get(path)
            if count is None:
                count = self.counts[path] = Count()
            if type(event) is CallStarted:
                count.started += 1
                kind = getattr(call.node, "kind", "")
                if kind == "each" and call.args and hasattr(call.args[0], "__len__"):
                    count.items += len(call.args[0])
                elif kind == "loop":
                    count.turns = call.node.at_most or 0
                return
            if type(event) is ItemYielded:
                count.given += 1
                return
            if type(event) is CallAnswered:
                count.kept += 1
                return
            count.ended += 1
            count.seconds += getattr(event, "duration_s", 0.0)
            if isinstance(event, CallFailed):
                if isinstance(event.error, Exception):
                    count.failed += 1
                else:
                    count.cancelled += 1


class LiveTree:
    """The tree of a run on a terminal, drawn again and again. Drawing happens in a thread of its own."""

    def __init__(self, flow: AnyFlow, progress: Progress, console: Console) -> None:
        self.progress = progress
        self.console = console
        self.flow = flow
        self.root: Branch | None = None
        self.since = monotonic()
        self.lock = threading.Lock()
        self.closed = False
        self.said = ""
        self.drawn: Live | None = None
        self.timer = threading.Timer(DELAY, self.open)
        self.timer.daemon = True

    def open(self) -> None:
        """Begin to draw, unless the run has ended meanwhile."""
        with self.lock:
            if self.closed:
                return
            self.drawn = Live(
                get_renderable=self.picture,
                console=self.console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
            )
            self.drawn.start()

    def show(self, text: str) -> bool:
        """Show a line beneath the tree from the next picture on; give False where no tree is drawn. Takes no lock."""
        if self.closed or self.drawn is None:
            return False
        self.said = text
        return True

    def close(self) -> None:
        """Draw no more, and take the picture away."""
        self.timer.cancel()
        with self.lock:
            self.closed = True
            if self.drawn is not None:
                self.drawn.stop()

    def picture(self) -> Text:
        """Give the tree as it is now, no higher than the terminal."""
        counts = dict(self.progress.counts)
        if self.root is None:
            self.root = grow(self.flow, ())
        self.root.add(counts)
        room = max(self.console.height - 2, 3)
        lines = lines_of(self.root, counts, running=True)
        if len(lines) > room:
            lines = lines_of(self.root, counts, running=True, reached=True)
        if len(lines) > room:
            lines = [*lines[: room - 1], f"… {len(lines) - room + 1:,} more lines"]
        last = f"{monotonic() - self.since:.1f} s  {self.said}".rstrip()
        text = Text("\n".join([*lines, last]), no_wrap=True, overflow="ellipsis")
        text.truncate(self.console.width * (room + 2))
        return text


@contextmanager
def live(flow: AnyFlow, progress: Progress | None) -> Iterator[LiveTree | None]:
    """Show the progress of a run on stderr as long as the block runs, from half a second on; None shows nothing."""
    if progress is None:
        yield None
        return
    tree, process = LiveTree(flow, progress, Console(stderr=True)), os.getpid()
    tree.timer.start()
    try:
        yield tree
    finally:
        if os.getpid() == process:  # in a forked child nothing is drawn
            tree.close()
