"""The signals that end a command: each is heard once, so that what was begun is tidied up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a closed terminal."""


@contextmanager
def interruptible(*, ignored_too: bool = False) -> Iterator[None]:
    """Turn the first stopping signal into a KeyboardInterrupt, and ignore more, so that stopping completes.

    What the shell lets us ignore stays ignored: Ctrl-C in the background, a closed terminal under `nohup`; with
    `ignored_too` it is heard again.
    """
    heard = [number for number in SIGNALS if ignored_too or signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: object) -> None:
    for every in SIGNALS:
        signal.signal(every, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)
