"""`RunFilter`: what tells every log record of a program the run and the place where it was made."""

from __future__ import annotations

import logging

from omnitron.runtime.whereabouts import place_here

__all__ = ["RunFilter", "mark"]


class RunFilter(logging.Filter):
    """Give every log record that passes the attributes `run_id`, `path` and `attempt`; drop none.

    Add it to a handler, so that the records of all loggers pass it, and name the attributes in the format. What a record
    has already stays: the records of worker processes, and those of the library, bring their own. Where something is not
    known, as outside of any run, it is `""`, the attempt `0`. In a run that something watches (see `current_step`) the
    path is that of the events, with loop indexes and call sites; in any other it is the static one, and the attempt is
    not known.

    Example:
        >>> import io, logging
        >>> from omnitron import RunFilter, context, flow
        >>> handler = logging.StreamHandler(written := io.StringIO())
        >>> handler.addFilter(RunFilter())
        >>> handler.setFormatter(logging.Formatter("%(run_id)s %(path)s: %(message)s"))
        >>> log = logging.getLogger("app.orders")
        >>> log.addHandler(handler)
        >>> ship = flow(lambda order: log.warning("shipping %s", order), name="ship")
        >>> context().as_run("order-17").run(ship, "a book")
        >>> print(written.getvalue().strip())
        order-17 ship: shipping a book
        >>> log.removeHandler(handler)
    """

    def __init__(self) -> None:
        super().__init__()

    def filter(self, record: logging.LogRecord) -> bool:
        """Give the record what it lacks; let it pass."""
        mark(record.__dict__)
        return True


def mark(record: dict[str, object]) -> None:
    """Give the attributes of a record the place where the running code stands, but for what is there."""
    if "run_id" in record and "path" in record and "attempt" in record:
        return
    run_id, path, attempt = place_here()
    record.setdefault("run_id", run_id)
    record.setdefault("path", path)
    record.setdefault("attempt", attempt)
