"""What a label is worth: whose words train, which are repeated, when two that differ are settled."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import pandas as pd

from handrail import agreement, dawid_skene
from handrail.case import Outcome
from handrail.policy import LabelRules

NO_CATEGORY = "(none)"
"""The opinion of who denies a case because no category fits; it is compared, and never trains."""
_FEWEST_REVIEWERS = 3  # two who differ are each other's only witness


class Status(StrEnum):
    """What stands behind a label; provisional ones do not train, and a withdrawn one counts nowhere."""

    IMPORTED = "imported"
    ACCEPTED = "accepted"
    PROVISIONAL = "provisional"
    ADJUDICATED = "adjudicated"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class NewLabel:
    """A category that somebody, or a known past, gave a case; `provenance` is the kind of work that it comes from."""

    case_id: int
    label: str
    status: Status
    provenance: str
    reviewer: str | None = None
    blind: bool = False
    reason_code: str | None = None
    labelled_at: datetime = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ConsensusLabel:
    """What the consensus makes of a case: its category, `NO_CATEGORY` for none, and the probability of it."""

    case_id: int
    opinion: str
    posterior: float


def status(trained_until: datetime | None, now: datetime) -> Status:
    """Accepted while the reviewer's training counts; at its end, and without any, provisional."""
    return Status.ACCEPTED if trained_until is not None and trained_until > now else Status.PROVISIONAL


def opinion(outcome: str, label: str | None, reason_code: str | None, escalating: Collection[str]) -> str | None:
    """Which category a ruling holds for true: its label, `NO_CATEGORY`, or None where it says nothing of that.

    Who denies for a reason that escalates (policy, legal) speaks of the business, not of the category.
    """
    if label is not None:
        return label
    return NO_CATEGORY if outcome == Outcome.DENY and reason_code not in escalating else None


def passes(right: int, judged: int, rules: LabelRules) -> bool:
    """Whether a reviewer who labelled `right` of `judged` gold cases as attested is trained; of none, never."""
    return judged > 0 and right >= rules.gold_right * judged


def settle(
    opinions: pd.DataFrame, disputed: Collection[int], *, rules: LabelRules, fewest: int
) -> dict[int, ConsensusLabel]:
    """Which of the `disputed` cases the consensus over all twice-labelled cases settles, by case.

    `opinions` has case_id, reviewer, opinion; of a reviewer's several on one case the last counts. A case is settled
    at a posterior of `consensus_at_least`, and only if three reviewers or more, its own among them, have each labelled
    `fewest` cases that another labelled too: before that their confusion matrices are guesses.
    """
    last = opinions.drop_duplicates(["case_id", "reviewer"], keep="last")
    twice = last[last.duplicated("case_id", keep=False)]
    common = twice["reviewer"].value_counts()
    trusted = set(common[common >= fewest].index)
    own = twice.groupby("case_id")["reviewer"].agg(set)
    open_cases = [case_id for case_id in sorted(disputed) if own.get(case_id) and own[case_id] <= trusted]
    if len(trusted) < _FEWEST_REVIEWERS or not open_cases:
        return {}
    rated = twice[["case_id", "reviewer", "opinion"]].set_axis(["item", "rater", "label"], axis=1)
    believed = dawid_skene.estimate(agreement.collect(rated))
    settlements = (ConsensusLabel(case_id, *believed.of(str(case_id))) for case_id in open_cases)
    return {one.case_id: one for one in settlements if one.posterior >= rules.consensus_at_least}


def provenance_counts(rows: pd.DataFrame) -> dict[str, int]:
    """How many training rows come from where: ``review_accepted``, ``history_imported`` …, and ``blind`` ones.

    `rows` has provenance, status, blind; no rows give ``{"blind": 0}``.
    """
    origin = rows["provenance"].astype(str) + "_" + rows["status"].astype(str)
    counts = {str(name): int(count) for name, count in origin.value_counts().sort_index().items()}
    return {**counts, "blind": int(rows["blind"].astype(bool).sum())}
