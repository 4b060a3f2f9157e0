"""What can go wrong, each a sentence that ends with the remedy."""

import re


def code_of(fault: BaseException) -> str:
    """The class of an error as a code, for logs and tables that may hold no text of it.

    >>> code_of(ZeroDivisionError("secret"))
    'zero_division_error'
    """
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", type(fault).__name__).lower()


class HandrailError(Exception):
    """Anything Handrail refuses; the message is shown to the user as it stands."""


class RetryableError(HandrailError):
    """The same call may succeed later: a busy database, a receiver that is away."""


class PermanentError(HandrailError):
    """The same call will never succeed: the input or the state must change first."""


class BadInput(PermanentError, ValueError):
    """A value, row or file that cannot be used as it is."""


class BadPolicy(BadInput):
    """A policy or mapping file with an unknown key or an impossible value; names the line."""


class BatchStopped(PermanentError):
    """Too many bad rows in one batch; nothing of it was scored."""


class WrongKey(PermanentError):
    """The workspace's key is lost, or is not the one with which its database was begun."""


class NotFound(PermanentError):
    """A case, version, category or workspace that does not exist."""


class Conflict(PermanentError):
    """Somebody else acted first: a stale fence, a lease held by another, a decided case."""


class NotPermitted(PermanentError):
    """The actor's roles do not allow this act."""


class ForbiddenTransition(PermanentError):
    """A case was to go where no case goes from its state; nothing is written."""


class Refused(PermanentError):
    """A rule of the policy forbids this act now; the sentence says which and what would allow it."""


class GateFailed(PermanentError):
    """A data or business gate did not pass; names the expectation or figure."""


class GateBroken(RetryableError):
    """A gate could not judge the data or keep what it found: that says nothing of the data."""


class DatabaseBusy(RetryableError):
    """Another process kept the database locked for longer than the waiting time."""


class Overtaken(DatabaseBusy):
    """The database ended a transaction to end a deadlock; nothing of it was written, and it may begin anew at once."""


class Unanswered(RetryableError):
    """A receiver was asked and did not answer in time: it may have acted or not."""
