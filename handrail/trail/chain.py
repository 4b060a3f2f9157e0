"""The hash chain: each event's hash covers its own bytes and, through the previous hash, all before it."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

GENESIS = bytes(32)
"""What the first event is linked to."""


def link(previous: bytes, body: bytes) -> bytes:
    """The hash of an event: SHA-256 over the previous hash (32 bytes) and the event's own bytes."""
    return sha256(previous + body).digest()


def chain(previous: bytes, bodies: Iterable[bytes]) -> list[bytes]:
    """The hash of each event in order; no events, no hashes."""
    hashes = []
    for body in bodies:
        previous = sha256(previous + body).digest()
        hashes.append(previous)
    return hashes


def digest(salt: bytes, text: str) -> str:
    """What the trail says of a text: 64 hex digits of HMAC-SHA256.

    With the salt anybody can prove which text it was; once the salt is deleted nobody can, nor by guessing.
    """
    return hmac.digest(salt, text.encode(), "sha256").hex()
