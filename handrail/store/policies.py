"""Published policies: one door to the policy in force, which believes no content that was not published."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from sqlalchemy import ColumnElement, Connection, LargeBinary, cast, func, insert, select

from handrail.governing import AUTOMATING, KINDS, PUBLISHED, Alteration, TrailState, altered_policy, replay
from handrail.policy import Policy
from handrail.stand_in import stand_in
from handrail.store import schema, trail


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy in force. While it is `altered` nothing is automatic; one that cannot be read has a stand-in here."""

    policy: Policy
    altered: Alteration | None


Origin = Literal["labels", "business", "file"]
"""What a policy was made from: a labelled file's labels, one that comes with Handrail, or somebody's own file."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the policy in force comes from; what an earlier Handrail did not write down, or a purge erased, is None.

    `name` is the business or the file, without its folder.
    """

    origin: Origin | None
    name: str | None
    at: datetime
    by: str


def source(connection: Connection) -> Source | None:
    """Who put the policy in force there, when, and from what; None in an empty workspace."""
    events = [one for kind in PUBLISHED for one in trail.newest(connection, trail.Sought(kind=kind), limit=1)]
    if not events:
        return None
    last = max(events, key=lambda event: event.seq)
    return Source(last.body.get("source"), last.because, last.at, last.body["actor"])


def insert_policy(connection: Connection, policy: Policy, *, actor: str, now: datetime) -> None:
    """Publish a policy; it is in force from now on."""
    connection.execute(
        insert(schema.Policy).values(
            version=policy.version, body=policy.model_dump_json(), published_at=now, actor=actor
        )
    )


def newest_version(connection: Connection) -> str | None:
    """The version of the newest published policy, compared with nothing; None in an empty workspace."""
    return connection.execute(select(schema.Policy.version).order_by(schema.Policy.id.desc()).limit(1)).scalar()


def in_force(connection: Connection, known: TrailState | None = None) -> InForce | None:
    """The newest published policy, compared with its digest and with the trail; None in an empty workspace.

    `known` saves reading the trail again.
    """
    known = known or replay(trail.changes(connection, sorted(PUBLISHED)))
    query = select(schema.Policy.version, _bytes(connection)).order_by(schema.Policy.id.desc()).limit(1)
    version, body = connection.execute(query).one_or_none() or (None, None)
    if body is None and known.policy is None:
        return None
    policy = None if body is None else _read(body)
    altered = altered_policy(
        known, digest=None if body is None else digest(body), version=version, is_readable=policy is not None
    )
    if policy is None:
        policy = stand_in(replay(trail.changes(connection, KINDS)), _last_believed(connection, known))
    return InForce(policy, altered)


def published(connection: Connection, version: str | None) -> Policy | None:
    """The policy that was published with this digest; None where there was none, or its row says something else now."""
    query = select(_bytes(connection)).where(schema.Policy.version == version).order_by(schema.Policy.id.desc())
    bodies = connection.execute(query).scalars()
    return next((_read(body) for body in bodies if digest(body) == version), None)


def first_named(connection: Connection, categories: Collection[str]) -> dict[str, datetime]:
    """When a policy first had each of these categories; one that none ever had is left out."""
    query = select(schema.Policy.version, _bytes(connection), schema.Policy.published_at).order_by(schema.Policy.id)
    found: dict[str, datetime] = {}
    for version, body, at in connection.execute(query):
        if digest(body) == version:
            for name in set(json.loads(body)["categories"]) & set(categories):
                found.setdefault(name, at)
    return found


def raised_by(connection: Connection, known: TrailState) -> Mapping[str, frozenset[str]]:
    """The categories that begin at a stage that automates, for the digest of each publication that can be believed."""
    query = select(schema.Policy.version, _bytes(connection))
    bodies = {
        version: body
        for version, body in connection.execute(query)
        if version in known.policies and digest(body) == version
    }
    # Not as a Policy: one that an earlier Handrail wrote need not be readable to say this.
    rules = {version: json.loads(body)["categories"].items() for version, body in bodies.items()}
    return {
        version: frozenset(name for name, rule in found if rule["stage"] in AUTOMATING)
        for version, found in rules.items()
    }


def digest(body: bytes) -> str:
    """What the version of a policy with this content is: see `Policy.version`."""
    return hashlib.sha256(body).hexdigest()[:12]


def _last_believed(connection: Connection, known: TrailState) -> Policy | None:
    query = select(schema.Policy.version, _bytes(connection)).order_by(schema.Policy.id.desc())
    for version, body in connection.execute(query):
        if version in known.policies and digest(body) == version and (found := _read(body)) is not None:
            return found
    return None


def _bytes(connection: Connection) -> ColumnElement[bytes]:
    """The content as it lies there: what somebody wrote past Handrail need not even be text."""
    if connection.dialect.name == "sqlite":
        return cast(schema.Policy.body, LargeBinary)
    return func.convert_to(schema.Policy.body, "UTF8", type_=LargeBinary)


@lru_cache(maxsize=8)  # the same bytes are the same policy, and parsing them costs more than reading them
def _read(body: bytes) -> Policy | None:
    try:
        return Policy.model_validate_json(body)
    except ValueError:
        return None
