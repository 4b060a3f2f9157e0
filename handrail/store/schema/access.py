"""Who may come in: accounts, invitations, sessions, tokens, and what a token has asked for already."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from handrail.store.schema.base import Base, Id


class Account(Base):
    """Erasable: how a person signs in to the desk, and how they like it."""

    __tablename__ = "accounts"
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), primary_key=True, comment="sign-in name")
    password: Mapped[str] = mapped_column(comment="argon2 hash")
    changed_at: Mapped[datetime] = mapped_column(comment="when the password was set")
    failures: Mapped[int] = mapped_column(default=0, comment="wrong passwords since the last right one")
    locked_until: Mapped[datetime | None] = mapped_column(comment="after too many wrong passwords")
    shortcuts: Mapped[bool] = mapped_column(default=True, comment="single keys decide")


class Invitation(Base):
    """A link that may be used once to set a password."""

    __tablename__ = "invitations"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the link's secret")
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), comment="for whom")
    invited_by: Mapped[str] = mapped_column(comment="who, or the first start")
    expires_at: Mapped[datetime] = mapped_column(comment="of no use from then on")
    used_at: Mapped[datetime | None] = mapped_column(comment="when")


class Session(Base):
    """A signed-in browser; ended here, it is out at its next click."""

    __tablename__ = "sessions"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the cookie")
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), comment="who")
    csrf: Mapped[str] = mapped_column(String(64), comment="must come back with every form")
    opened_at: Mapped[datetime] = mapped_column(comment="when")
    seen_at: Mapped[datetime] = mapped_column(comment="last request, to the minute")
    expires_at: Mapped[datetime] = mapped_column(comment="at the latest")
    ended_at: Mapped[datetime | None] = mapped_column(comment="signed out or revoked")
    __table_args__ = (Index(None, "person", "ended_at"),)


class Token(Base):
    """A program's way in, with the acts that it may ask for."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), comment="in whose name it acts")
    name: Mapped[str] = mapped_column(comment="what it is for")
    digest: Mapped[str] = mapped_column(String(64), unique=True, comment="SHA-256 of the token")
    scopes: Mapped[list[Any]] = mapped_column(comment="acts it may ask for; the person must be permitted too")
    created_at: Mapped[datetime] = mapped_column(comment="when")
    expires_at: Mapped[datetime] = mapped_column(comment="of no use from then on")
    revoked_at: Mapped[datetime | None] = mapped_column(comment="when")


class IdempotentAnswer(Base):
    """What a call was answered; the same key again gets the same answer and does nothing."""

    __tablename__ = "idempotent_answers"
    person: Mapped[str] = mapped_column(primary_key=True, comment="who called")
    key: Mapped[str] = mapped_column(String(128), primary_key=True, comment="the caller's Idempotency-Key")
    request: Mapped[str] = mapped_column(String(64), comment="SHA-256 of method, path and body")
    status: Mapped[int] = mapped_column(comment="HTTP status")
    body: Mapped[dict[str, Any]] = mapped_column(comment="ids and codes of the answer")
    at: Mapped[datetime] = mapped_column(comment="when; old ones are purged")
    __table_args__ = (Index(None, "at"),)
