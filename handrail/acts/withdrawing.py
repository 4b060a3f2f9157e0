"""The labels of a person are withdrawn and reinstated: preview, one transaction a chunk, the rest when repeated."""

from dataclasses import replace
from datetime import datetime

from handrail.acts import doubting
from handrail.acts.authority import authorize, required
from handrail.errors import BadInput, NotFound, Refused
from handrail.policy import Policy
from handrail.queues import Queue
from handrail.sla import due
from handrail.store import contradictions, staff, trail, withdrawals, work
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.withdrawal import Extent, Withdrawal
from handrail.work import NewWork

ACT = "withdraw_labels"
CHUNK = 200
"""Cases of one transaction."""
_LOOKS = ("doubt", "adjudication")
"""Work that ends where nobody who counts differs any more."""


def preview(store: Store, reviewer: str, since: datetime, *, actor: str, now: datetime) -> Extent:
    """What would count no longer if these labels were withdrawn now; nothing is written.

    Raises:
        BadInput: `since` lies ahead.
        NotFound: nobody of that name ever labelled anything.
        Refused: the labels are the actor's own.
    """
    with store.read() as connection:
        _permit(connection, reviewer, since, actor, now)
        return _extent(connection, reviewer, since, now, now)


def withdraw(
    store: Store, reviewer: str, since: datetime, *, reason: str, policy: Policy, actor: str, now: datetime
) -> Extent:
    """Let the labels of `reviewer` since then train, certify, judge and count in agreement no longer.

    What was decided on them stands. Certificates whose evidence falls short without them are void in the first
    transaction; then follow the cases, some at a time, each with what was settled between people and a model. Stopped
    half-way and repeated it does the rest, and repeated again it does nothing.

    Raises:
        BadInput: there is no reason, or `since` lies ahead.
        NotFound: nobody of that name ever labelled anything.
        Refused: the labels are the actor's own, or an earlier withdrawal is only half reinstated.
    """
    extent = begin(store, reviewer, since, reason=reason, actor=actor, now=now)
    while extent.withdrawal is not None and take_more(store, extent.withdrawal, policy=policy, actor=actor, now=now):
        pass
    return extent


def begin(store: Store, reviewer: str, since: datetime, *, reason: str, actor: str, now: datetime) -> Extent:
    """The first transaction of `withdraw`: it is written down, and certificates are void; `take_more` does the rest."""
    sentence = required(reason)
    with store.write() as connection:
        _permit(connection, reviewer, since, actor, now)
        trail.lock(connection)
        half = withdrawals.half_reinstated(connection)
        if half is not None:
            raise Refused(f"Withdrawal {half} is only half reinstated. Reinstate it again, which does the rest, first.")
        standing = withdrawals.newest(connection, reviewer, since)
        unfinished = standing is not None and bool(withdrawals.next_cases(connection, standing, 1))
        extent = _extent(connection, reviewer, since, standing.until if standing and unfinished else now, now)
        if not unfinished and not extent.labels and not extent.decisions:
            return extent if standing is None else replace(extent, withdrawal=standing.id)
        if standing is None or not unfinished:
            standing = _open(connection, extent, sentence, actor=actor, now=now)
        withdrawals.void(connection, extent.voided, f"labels of {reviewer} withdrawn", now)
    return replace(extent, withdrawal=standing.id)


def _permit(connection: Connection, reviewer: str, since: datetime, actor: str, now: datetime) -> None:
    authorize(connection, ACT, actor)
    if actor == reviewer:
        raise Refused("These labels are your own. Ask another data curator to look at them, and to withdraw them.")
    if since > now:
        raise BadInput(f"{since:%Y-%m-%d %H:%M} lies ahead: no label has been given since then. Choose a day before.")
    if staff.person(connection, reviewer) is None and withdrawals.counts(connection, reviewer, since, now)[2] == 0:
        raise NotFound(f"{reviewer} has given no label since then. See names with `handrail people list`.")


def _extent(connection: Connection, reviewer: str, since: datetime, until: datetime, now: datetime) -> Extent:
    return Extent(
        reviewer,
        since,
        *withdrawals.counts(connection, reviewer, since, until),
        versions=withdrawals.learnt(connection, reviewer, since, until),
        certificates=withdrawals.resting(connection, reviewer, since, until, now=now),
    )


def _open(connection: Connection, extent: Extent, sentence: str, *, actor: str, now: datetime) -> Withdrawal:
    number = withdrawals.open_one(connection, reviewer=extent.reviewer, since=extent.since, until=now, by=actor)
    data = {
        "withdrawal": number,
        "reviewer": extent.reviewer,
        "since": extent.since.isoformat(),
        "labels": extent.labels,
        "certificates_voided": len(extent.voided),
    }
    seq = trail.append(connection, [Event("labels.withdrawn", data=data)], at=now, actor=actor)
    trail.give_reason(connection, seq, sentence)
    return Withdrawal(number, extent.reviewer, extent.since, now, actor, None, None)


def take_more(store: Store, withdrawal_id: int, *, policy: Policy, actor: str, now: datetime) -> bool:
    """Withdraw what was said of the next cases; whether there were any. One that was reinstated meanwhile ends.

    What differed from a model there rests on those who are left.
    """
    with store.write() as connection:
        authorize(connection, ACT, actor)
        standing = _standing(connection, withdrawal_id, actor)
        ids = withdrawals.next_cases(connection, standing, CHUNK)
        contradictions.lock_looks(connection, ids, kinds=_LOOKS)
        trail.lock(connection)
        standing = _standing(connection, withdrawal_id, actor)
        if standing.reinstated_at is not None or not ids:
            return False
        taken = withdrawals.take(connection, standing, ids)
        doubting.reconsider(connection, ids, policy=policy, actor=actor, now=now)
        data = {"withdrawal": standing.id, "cases": len(ids), "labels": taken}
        trail.append(connection, [Event("labels.withdrawal_step", data=data)], at=now, actor=actor)
    return True


def reinstate(store: Store, withdrawal_id: int, *, reason: str, policy: Policy, actor: str, now: datetime) -> int:
    """Let the labels of a withdrawal count again as they did; returns how many. Certificates it voided stay void.

    Stopped half-way and repeated it does the rest. The newest goes first: what each marked rests on what those before
    it had left.

    Raises:
        NotFound: there is no such withdrawal.
        BadInput: there is no reason.
        Refused: the labels are the actor's own, or a newer withdrawal stands.
    """
    end(store, withdrawal_id, reason=reason, actor=actor, now=now)
    given = 0
    while (count := give_more(store, withdrawal_id, policy=policy, actor=actor, now=now)) is not None:
        given += count
    return given


def end(store: Store, withdrawal_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """The first transaction of `reinstate`: it is written down; `give_more` does the rest."""
    sentence = required(reason)
    with store.write() as connection:
        authorize(connection, ACT, actor)
        trail.lock(connection)
        standing = _standing(connection, withdrawal_id, actor)
        newest = withdrawals.newest_standing(connection)
        if newest is not None and newest > withdrawal_id:
            raise Refused(
                f"Withdrawal {newest} is newer and stands, and rests on what this one left. Reinstate it first, or "
                "leave both."
            )
        if standing.reinstated_at is None:
            withdrawals.close_one(connection, withdrawal_id, by=actor, now=now)
            data = {"withdrawal": withdrawal_id, "reviewer": standing.reviewer}
            seq = trail.append(connection, [Event("labels.reinstated", data=data)], at=now, actor=actor)
            trail.give_reason(connection, seq, sentence)


def give_more(store: Store, withdrawal_id: int, *, policy: Policy, actor: str, now: datetime) -> int | None:
    """Let what was said of the next cases of an ended withdrawal count again: how many labels; None without any."""
    with store.write() as connection:
        authorize(connection, ACT, actor)
        ids = withdrawals.next_marked(connection, withdrawal_id, CHUNK)
        contradictions.lock_looks(connection, ids, kinds=_LOOKS)
        trail.lock(connection)
        standing = _standing(connection, withdrawal_id, actor)
        if standing.reinstated_at is None or not ids:
            return None
        count = withdrawals.give_back(connection, withdrawal_id, ids)
        doubting.reconsider(connection, ids, policy=policy, actor=actor, now=now)
        data = {"withdrawal": withdrawal_id, "cases": len(ids), "labels": count}
        trail.append(connection, [Event("labels.reinstatement_step", data=data)], at=now, actor=actor)
    return count


def _standing(connection: Connection, withdrawal_id: int, actor: str) -> Withdrawal:
    found = withdrawals.one(connection, withdrawal_id)
    if found is None:
        raise NotFound(f"There is no withdrawal {withdrawal_id}. See them with `handrail labels withdrawals`.")
    if found.reviewer == actor:
        raise Refused("These labels are your own. Ask another data curator to withdraw or reinstate them.")
    return found


def label_again(store: Store, withdrawal_id: int, *, most: int, policy: Policy, actor: str, now: datetime) -> int:
    """Open blind work on cases that a withdrawal left without a label; returns on how many.

    Somebody else than before labels them, without a suggestion; nothing is decided or sent again.

    Raises:
        NotFound: there is no such withdrawal, or it was reinstated.
    """
    with store.write() as connection:
        authorize(connection, ACT, actor)
        trail.lock(connection)
        standing = withdrawals.one(connection, withdrawal_id)
        if standing is None or standing.reinstated_at is not None:
            raise NotFound(f"No withdrawal {withdrawal_id} stands. See them with `handrail labels withdrawals`.")
        ids = [int(case_id) for case_id in withdrawals.unlabelled(connection, withdrawal_id, most)["case_id"]]
        due_at = due(now, policy.sla.audit, policy.sla.calendar)
        rows = [
            NewWork(one, "recheck", Queue.C, None, suggestion_hidden=True, opened_at=now, due_at=due_at) for one in ids
        ]
        work.insert_work(connection, rows)
        if ids:
            data = {"withdrawal": withdrawal_id, "cases": len(ids)}
            trail.append(connection, [Event("labels.asked_again", data=data)], at=now, actor=actor)
    return len(ids)


def listed(store: Store, *, actor: str) -> list[Withdrawal]:
    """All withdrawals, newest first, for those who may read labels."""
    with store.read() as connection:
        authorize(connection, "read_labels", actor)
        return withdrawals.every(connection)
