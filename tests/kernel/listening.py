"""A handler that keeps the records of loggers, and a flow that logs, for the tests of logging."""

import logging

from omnitron import RunFilter, flow

log = logging.getLogger("tests.logging")


class Kept(logging.Handler):
    """Keeps the records that pass."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    def told(self):
        """Give message and path of each record."""
        return [(record.getMessage(), record.path) for record in self.records]

    def runs(self):
        """Give the run ids without repetition, in order."""
        return [*dict.fromkeys(record.run_id for record in self.records)]


def listening(*loggers):
    """Give a handler with the filter, on loggers that make everything and print nothing."""
    handler = Kept()
    handler.addFilter(RunFilter())
    before = [(one, one.level, one.propagate, one.handlers[:]) for one in loggers]
    for one in loggers:
        one.handlers[:] = [handler]
        one.setLevel(1)
        one.propagate = False
    yield handler
    for one, level, propagate, handlers in before:
        one.handlers[:] = handlers
        one.setLevel(level)
        one.propagate = propagate


@flow
def say(x):
    """Log."""
    log.info("say")
    return x
