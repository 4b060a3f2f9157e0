"""What the desk's server writes down: who asked for which page, never with which words."""

import logging
from typing import Any

from uvicorn.config import LOGGING_CONFIG

LONGEST = 300
"""Characters of an address in a line; none of ours is longer, and longer ones must not fill the disk."""


class WithoutQuery(logging.Filter):
    """Cuts the query from every line: it holds the secret of an invitation, or what somebody searched for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line through."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                value.partition("?")[0][:LONGEST] if isinstance(value, str) and value.startswith("/") else value
                for value in record.args
            )
        return True


def settings() -> dict[str, Any]:
    """Uvicorn's own logs with the query cut, and Handrail's beside them."""
    handlers = {**LOGGING_CONFIG["handlers"], "access": {**LOGGING_CONFIG["handlers"]["access"], "filters": ["cut"]}}
    loggers = {**LOGGING_CONFIG["loggers"], "handrail": {"handlers": ["default"], "level": "INFO", "propagate": False}}
    return {**LOGGING_CONFIG, "filters": {"cut": {"()": WithoutQuery}}, "handlers": handlers, "loggers": loggers}
