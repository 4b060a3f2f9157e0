"""A file with a secret: nobody but its owner reads it, and it appears whole or not at all."""

import os
import secrets
import stat
from pathlib import Path

from handrail.errors import BadInput

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The rights of everybody but the owner."""


def keep(file: Path, text: str) -> bool:
    """Write a secret where none is yet; True if this call wrote it. Of several writers one wins, the others keep its.

    At no moment may anybody else read it: the draft is made with mode 600, and a link never replaces a file.
    """
    draft = file.with_name(f".{secrets.token_hex(8)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as output:
            output.write(f"{text}\n")
        os.link(draft, file)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def require_unseen(file: Path) -> None:
    """Make sure that nobody but the owner can read a secret.

    Raises:
        BadInput: others can, so that it may be known to them.
        FileNotFoundError: there is none.
    """
    if file.stat().st_mode & OTHERS:
        raise BadInput(
            f"Others on this machine can read {file}. Delete it, and the next `handrail up` makes a new one;"
            f" or run `chmod 600 {file}` if nobody has seen it."
        )
