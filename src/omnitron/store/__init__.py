"""Doors to where results, records and counts are kept: SQLite files.

Nothing is opened, and `sqlite3` not imported, before something is asked for.
"""

from omnitron.store.limits import SQLiteLimits
from omnitron.store.sqlite import SQLiteStore

__all__ = ["SQLiteLimits", "SQLiteStore"]
