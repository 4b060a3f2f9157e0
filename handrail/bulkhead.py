"""A bulkhead between subjects: what fails for one of them is noted and logged, and the others go on."""

import logging
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from handrail.errors import NotPermitted, RetryableError

log = logging.getLogger("handrail")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Apart(Generic[T]):
    """What came of each subject, and of those for which it failed the kind of the fault, such as ``ValueError``."""

    results: dict[str, T]
    failed: dict[str, str]


def each(subjects: Iterable[str], act: Callable[[str], T], *, what: str) -> Apart[T]:
    """Do `act` for every subject, whatever it raises for one of them; `what` says in the log what could not be done.

    Whoever calls says of a failed subject that it failed: it must never pass for one where nothing was found.

    Raises:
        RetryableError: the database or a receiver is away, for this subject as for all others.
        NotPermitted: whoever asks may not, for any of them.
    """
    results, failed = {}, {}
    for subject in subjects:
        try:
            results[subject] = act(subject)
        except (RetryableError, NotPermitted):
            raise
        except Exception as fault:  # noqa: BLE001 - nobody can list what a subject's own data may raise
            # Not `exception`: the message of a fault may quote a case.
            log.error("%s failed for %s: %s", what, subject, place(fault))  # noqa: TRY400
            failed[subject] = type(fault).__name__
    return Apart(results, failed)


def place(fault: BaseException) -> str:
    """Kind and place of a fault and of what led to it, without their messages: these may quote a case."""
    lines = []
    cause: BaseException | None = fault
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        lines += [type(cause).__name__, *(f"  {one.filename}:{one.lineno} in {one.name}" for one in frames)]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines)
