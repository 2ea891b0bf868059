"""A step that worker processes can import, which fails a few times."""

from pathlib import Path


def flaky(given):
    """Fail as often as is said, counting in a file; then give the number of calls."""
    file, failures = Path(given[0]), given[1]
    calls = len(file.read_text()) + 1 if file.exists() else 1
    file.write_text("x" * calls)
    if calls <= failures:
        raise ConnectionError(f"call {calls}")
    return calls
