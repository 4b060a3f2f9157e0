"""What is logged meanwhile, whoever else in this process has silenced or configured logging."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Recorder(logging.Handler):
    """Keeps every line that anybody logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._last: logging.LogRecord | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record is self._last:  # it came through our logger, and again through the root
            return
        self._last = record
        self.lines.append(f"{record.name}: {record.getMessage()}")


@contextmanager
def every_line() -> Iterator[list[str]]:
    """Whatever our own loggers and all the others say meanwhile, down to the last detail of ours."""
    recorder, ours = Recorder(), logging.getLogger("handrail")
    loggers, level, disabled = (logging.getLogger(), ours), ours.level, ours.disabled
    # A library that configures logging anew may have silenced ours in this process.
    ours.disabled = False
    logging.disable(logging.NOTSET)
    ours.setLevel(logging.DEBUG)
    for logger in loggers:
        logger.addHandler(recorder)
    try:
        yield recorder.lines
    finally:
        ours.setLevel(level)
        ours.disabled = disabled
        for logger in loggers:
            logger.removeHandler(recorder)
