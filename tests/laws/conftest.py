"""What every law may count on."""

import logging
from pathlib import Path

import pytest

LAWS = Path(__file__).parent


@pytest.fixture(autouse=True, scope="module")
def no_record_is_made():
    """Keep the log still: pytest would hold each record to the end of a test, with the frames of its traceback."""
    logger = logging.getLogger("omnitron")
    was, logger.disabled = logger.disabled, True
    yield
    logger.disabled = was


def pytest_collection_modifyitems(items):
    """Let laws draw trees whose policies stand in any order: what is wrong with one is no law's matter."""
    for item in items:
        if item.path.is_relative_to(LAWS):
            item.add_marker(pytest.mark.filterwarnings("ignore::omnitron.PolicyWarning"))
