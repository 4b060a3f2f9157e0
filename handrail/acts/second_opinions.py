"""Second opinions: who is asked, and what becomes of two labels that differ.

Where the business asks for a second person (*second*), the action waits for them. A second review (*recheck*) holds
nothing back and repeats nothing: a customer does not wait for a quality sample, and what has gone out cannot be
unsent by an opinion. The first decision stands; a difference on an executed action is shown with the label.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import pandas as pd

from handrail import labels
from handrail.case import Outcome
from handrail.labels import NO_CATEGORY, ConsensusLabel, NewLabel, Status
from handrail.policy import Consequence, Policy
from handrail.ppm import PPM
from handrail.queues import Queue
from handrail.sla import due
from handrail.store import labels as label_rows
from handrail.store import trail, work
from handrail.store.engine import Connection
from handrail.store.frames import records
from handrail.store.labels import BlindLabel
from handrail.store.trail import Event
from handrail.work import NewWork, WorkOnCase


def is_needed(
    item: WorkOnCase, outcome: Outcome, label: str | None, *, chosen: Collection[str], policy: Policy
) -> bool:
    """Whether an override into a category of high consequence asks for a second person who chooses the same one.

    `chosen` are the labels that people have decided on for the case before.
    """
    if outcome is not Outcome.OVERRIDE or item.kind == "escalation" or label is None or label in chosen:
        return False
    consequence = policy.category(label).consequence_at(item.amount)
    return item.proposed is not None and consequence is Consequence.HIGH


def second_look(item: WorkOnCase, policy: Policy, now: datetime) -> NewWork:
    """Work for the second person, who decides blindly before anything is executed."""
    due_at = due(now, policy.sla.decision, policy.sla.calendar)
    return _blind("second", item.case_id, item.proposed, now=now, due_at=due_at)


def recheck(item: WorkOnCase, policy: Policy, now: datetime) -> NewWork:
    """Work for another trained person, who labels the case blindly once more."""
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    return _blind("recheck", item.case_id, item.proposed, now=now, due_at=due_at)


def _blind(kind: str, case_id: int, category: str | None, *, now: datetime, due_at: datetime) -> NewWork:
    return NewWork(case_id, kind, Queue.C, category, suggestion_hidden=True, opened_at=now, due_at=due_at)


def differs(first: BlindLabel | None, opinion: str | None, status: Status) -> bool:
    """Whether a second opinion puts a label in doubt. Only a trained person's word does so, to a trained one's."""
    if first is None or opinion is None or first.status != Status.ACCEPTED or status != Status.ACCEPTED:
        return False
    return first.label != opinion


def settle(connection: Connection, disputed: Sequence[int], *, policy: Policy, actor: str, now: datetime) -> None:
    """Make both labels provisional; the consensus settles what it can, the rest goes to adjudication.

    The consensus rests on all blind rulings of the time that a training counts: older habits are not today's. It says
    which label is likely right, and not who slipped: that a third person says, who is asked where nobody adjudicates.
    """
    if not disputed:
        return
    label_rows.unsettle(connection, disputed)
    said = label_rows.opinions(connection, since=now - policy.labels.training_valid_for, trained=True)
    escalating = policy.escalation.reasons
    ruled = [(row["outcome"], row["label"], row["reason_code"]) for row in records(said)]
    said = said.assign(opinion=pd.Series([labels.opinion(*one, escalating) for one in ruled], dtype=object)).dropna(
        subset="opinion"
    )
    fewest = policy.gates.training_set.agreement_cases
    settled = labels.settle(said, disputed, rules=policy.labels, fewest=fewest)
    believed = [one for one in settled.values() if one.opinion in policy.categories or one.opinion == NO_CATEGORY]
    label_rows.insert_labels(
        connection,
        [
            NewLabel(one.case_id, one.opinion, Status.ADJUDICATED, "consensus", blind=True, labelled_at=now)
            for one in believed
            if one.opinion != NO_CATEGORY
        ],
    )
    left = sorted(set(disputed) - {one.case_id for one in believed})
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    work.insert_work(connection, [_blind("adjudication", case_id, None, now=now, due_at=due_at) for case_id in left])
    third = [_blind("recheck", one.case_id, None, now=now, due_at=due_at) for one in believed]
    work.insert_work(connection, third)
    events = [_settled(one) for one in believed]
    events += [Event("label.disputed", case_id) for case_id in left]
    trail.append(connection, events, at=now, actor=actor)


def _settled(one: ConsensusLabel) -> Event:
    label = None if one.opinion == NO_CATEGORY else one.opinion
    return Event("label.settled", one.case_id, {"label": label, "posterior_ppm": round(one.posterior * PPM)})


def adjudicated(case_id: int, label: str, actor: str, now: datetime, *, blind: bool) -> NewLabel:
    """A label that a person has settled."""
    return NewLabel(case_id, label, Status.ADJUDICATED, "adjudication", actor, blind=blind, labelled_at=now)
