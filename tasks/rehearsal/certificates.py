"""The certificates of a rehearsal as its owner hears of them: earned, renewed, not renewed, ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from handrail.policy import Policy
from handrail.proportions import in_percent
from handrail.rehearsed import PromotionPlayed
from handrail.store import chronicle
from handrail.store.engine import Connection
from handrail.store.frames import records
from tasks.rehearsal.happening import Happening
from tasks.rehearsal.year import Year

EVERYTHING = "everything"
RENEWED = "renewed"
"""Why a certificate ends that a newer one replaces: the newer one tells of it."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Certificates:
    """All that were issued, oldest first, and the looks that were to renew one and could not."""

    issued: Sequence[Row]
    failed: Sequence[Row]
    year: Year

    @classmethod
    def of(cls, connection: Connection, year: Year) -> "Certificates":
        """As the store holds them."""
        issued, failed = chronicle.certificates(connection), chronicle.failed_renewals(connection)
        return cls(records(issued), records(failed), year)

    def happenings(
        self, policy: Policy, promotions: Iterable[PromotionPlayed], first_version: str | None
    ) -> list[Happening]:
        """Every one as it was earned or renewed, as it ended, and every renewal that failed."""
        happened = [self._began(row) for row in self.issued]
        for row in self.failed:
            words = f"a certificate could not be renewed: at least {row['needed']:,} more answers were needed"
            happened.append(self._at(row["at"], words, bad=True))
        for row in self.issued:
            ended = _end(row)
            if row["void_reason"] == RENEWED or self.year.day_of(ended) > self.year.days + 1:
                continue
            why = "ran out" if ended == row["expires_at"] else f"ended, because {_because(row['void_reason'])}"
            serving = [first_version, *(one.version for one in self._until(promotions, ended))][-1]
            alone = row["model_version"] == serving and not self._standing(ended)
            left = "; from here on people decide everything" if alone and policy.queues.uncertified == "review" else ""
            happened.append(self._at(ended, f"the certificate of {_whose(row)} {why}{left}", bad=True))
        return happened

    def uncertified_day(self, now: datetime) -> int | None:
        """The day on which the last one ended; None where one stands, or none was ever issued."""
        if not self.issued or self._standing(now):
            return None
        return self.year.day_of(max(map(_end, self.issued)))

    def missing_answers(self, now: datetime) -> int | None:
        """How many answers the last look lacked that was to renew the last one; None where one stands, or none was."""
        if self.uncertified_day(now) is None:
            return None
        last = max(self.issued, key=_end)
        lacking = [int(row["needed"]) for row in self.failed if row["renews"] == last["id"]]
        return lacking[-1] if lacking else None

    def _began(self, row: Row) -> Happening:
        until = f"until day {self.year.day_of(row['expires_at'])}"
        evidence = f"{row['errors']:,} errors among {row['labels']:,} answers looked at"
        before = self._before(row)
        if before is None:
            promise = f"at most {in_percent(row['max_error'])} wrong, {until}"
            return self._at(row["issued_at"], f"certificate for {_whose(row)}: {promise}; {evidence}")
        old, new = before["threshold"], row["threshold"]
        again = "renewed" if before["void_reason"] == RENEWED else "earned again"
        bound = f"automatic from a confidence of {new:.1%} on, where it was {old:.1%}, so that "
        change = "" if new == old else "; " + bound + ("more goes out" if new < old else "less goes out")
        return self._at(row["issued_at"], f"certificate for {_whose(row)} {again} {until}; {evidence}{change}")

    def _before(self, row: Row) -> Row | None:
        """The one before of the same version and category."""
        of = (row["model_version"], row["category"])
        same = [one for one in self.issued if (one["model_version"], one["category"]) == of and one["id"] < row["id"]]
        return same[-1] if same else None

    def _standing(self, moment: datetime) -> list[Row]:
        return [row for row in self.issued if row["issued_at"] <= moment < _end(row)]

    def _until(self, promotions: Iterable[PromotionPlayed], moment: datetime) -> list[PromotionPlayed]:
        return [one for one in promotions if one.day <= self.year.day_of(moment)]

    def _at(self, moment: datetime, words: str, *, bad: bool = False) -> Happening:
        return Happening(self.year.day_of(moment), "certificate", words, bad)


def _end(row: Row) -> datetime:
    """When it ended or will."""
    voided: datetime | None = None if pd.isna(row["voided_at"]) else row["voided_at"]
    expires: datetime = row["expires_at"]
    return expires if voided is None else min(voided, expires)


def _because(reason: str) -> str:
    """Why one was voided, in words."""
    first = reason.split(" ", maxsplit=1)[0]
    told = {"drift": "the cases had changed", "policy": "the rules changed", "contradicted": "audits contradicted it"}
    return told.get(first, "another model took over" if reason.endswith(" serves") else reason)


def _whose(row: Row) -> str:
    of = row["category"] if isinstance(row["category"], str) else "all cases together"
    return f"model {row['model_version']} ({of})"
