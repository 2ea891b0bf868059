"""What every law may count on."""

import logging

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_record_is_made():
    """Keep the log still: pytest would hold each record to the end of a test, with the frames of its traceback."""
    logger = logging.getLogger("omnitron")
    was, logger.disabled = logger.disabled, True
    yield
    logger.disabled = was
