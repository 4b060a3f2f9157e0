"""Work changes hands: given back, passed on, put off, handed to a colleague, taken from who is on leave or has left."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from handrail import permissions
from handrail.acts.authority import authorize, required
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from handrail.gold import is_slipped_in, shown_kind
from handrail.policy import Policy
from handrail.staff import Person, least_loaded
from handrail.store import accounts, decisions, labels, reviewer_quality, skips, staff, trail, work
from handrail.store.engine import Connection, Store, real_time
from handrail.store.trail import Event
from handrail.work import WorkItem, WorkOnCase


def release(store: Store, item_ids: Sequence[int], actor: str, *, now: datetime) -> list[int]:
    """Give claimed work back for whoever comes next; returns what was still theirs, in the order of `item_ids`."""
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        found = work.items(connection, item_ids)
        mine = [item for item in found.values() if item.is_open and item.holder == actor]
        work.hand_on(connection, [item.id for item in mine])
        trail.append(connection, [_event("work.released", item) for item in mine], at=now, actor=actor)
        theirs = {item.id for item in mine}
    return [number for number in dict.fromkeys(item_ids) if number in theirs]


def skip(store: Store, item_id: int, actor: str, *, policy: Policy, now: datetime) -> None:
    """Pass claimed work on: for the policy's time others are offered it, and not `actor`. Nobody keeps it for them.

    Raises:
        NotFound: there is no such work.
        Conflict: it is decided, or `actor` does not hold it.
    """
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        item = _held(connection, item_id, actor)
        skips.skip(connection, item_id, actor, now + policy.desk.skip_for)
        work.hand_on(connection, [item_id], assigned_to=actor if item.kind == "gold" else None)
        trail.append(connection, [_event("work.skipped", item)], at=now, actor=actor)


def recall(store: Store, actor: str, *, now: datetime) -> int:
    """Offer `actor` at once what they skipped; returns how much. Without this it comes back when its time is over."""
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        recalled = skips.recall(connection, actor, now)
        if recalled:
            trail.append(connection, [Event("work.recalled", data={"items": recalled})], at=now, actor=actor)
    return recalled


def snooze(store: Store, item_id: int, until: datetime, actor: str, *, policy: Policy, now: datetime) -> None:
    """Put claimed work off until then; its due time stays, and a breach is noticed meanwhile.

    Raises:
        BadInput: `until` is not in the future, or later than the policy allows.
        NotFound, Conflict: as in `skip`.
    """
    longest = now + policy.desk.longest_snooze
    if not now < until <= longest:
        raise BadInput(
            f"Work can be put off until {longest:%Y-%m-%d %H:%M} UTC at the latest. Choose a time before it."
        )
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        item = _held(connection, item_id, actor)
        work.hand_on(connection, [item_id], snoozed_until=until)
        minutes = round((until - now).total_seconds() / 60)
        trail.append(connection, [_event("work.snoozed", item, minutes=minutes)], at=now, actor=actor)


def hand_over(store: Store, item_id: int, to: str, *, reason: str, actor: str, now: datetime) -> None:
    """Give work to one colleague, who alone may claim it from now on; whoever holds it loses it.

    Raises:
        NotPermitted: `actor` neither holds the work nor may hand it out.
        NotFound: there is no such work, or nobody active is called `to`.
        Refused: `to` is on leave, may not take this kind of work, or has decided the case before.
        Conflict: the work is decided, or has been handed to `to` already.
    """
    reason = required(reason)
    with store.write() as connection:
        give(connection, item_id, to, reason=reason, actor=actor, now=now)


def give(connection: Connection, item_id: int, to: str, *, reason: str, actor: str, now: datetime) -> None:
    """As `hand_over`, in the caller's transaction."""
    authorize(connection, "come_in", actor)
    item = _open(connection, item_id)
    if item.holder != actor:
        authorize(connection, "hand_out", actor)
    _refuse_receiver(connection, item, to, now)
    skips.forget_skip(connection, item_id, to)
    if item.assigned_to is not None and is_slipped_in(
        item.kind, item.queue
    ):  # so that it is never slipped in for them again
        skips.skip(connection, item_id, item.assigned_to, now)
    work.hand_on(connection, [item_id], assigned_to=to, snoozed_until=None)
    handed = _event("work.handed_over", item, to=to)
    trail.give_reason(connection, trail.append(connection, [handed], at=now, actor=actor), reason)


def set_away(
    store: Store,
    person: str,
    away_from: datetime | None,
    away_until: datetime | None,
    *,
    actor: str,
    now: datetime,
) -> int:
    """Note a leave, its end open with `away_until` None; two None end it. Returns how much work changed hands.

    Nothing is offered to who is away. A leave that has begun frees what they hold at once, and gives what was
    assigned to them to the least loaded colleague who may take it, else to all. During a leave that begins later,
    colleagues are offered what is assigned to them. Their own test waits for them.

    Raises:
        NotPermitted: it is another's leave, and `actor` does not manage people.
        NotFound: nobody active has this name.
        BadInput: the leave ends before it begins, or is over.
    """
    if away_from is None and away_until is not None:
        raise BadInput("A leave needs its first day. Add when it begins.")
    if away_from is not None and away_until is not None and away_until <= max(away_from, now):
        raise BadInput("A leave ends after it has begun, and not in the past. Correct its dates.")
    with store.write() as connection:
        authorize(connection, "come_in" if person == actor else "manage_people", actor)
        staff.lock(connection, person)
        if person not in staff.active(connection):
            raise NotFound(f"Nobody active is called {person}. See `handrail people list`.")
        staff.change(connection, person, away_from=away_from, away_until=away_until)
        people = staff.active(connection)
        moved = _free(connection, person, people, now) if people[person].is_away(now) else 0
        kind = "person.back" if away_from is None else "person.away"
        told = Event(kind, data={"person": person, "moved": moved})
        trail.append(connection, [told], at=now, actor=actor)
    return moved


def deactivate(store: Store, person: str, *, actor: str, now: datetime) -> int:
    """Let somebody act no more: sessions, tokens and links end, their work goes to others. Returns how much work did.

    What they decided stands. Their test waits, should they come back; a gold case among their work does not.

    Raises:
        NotFound: nobody active has this name.
        Refused: they are the last product owner, and nobody could let anybody in any more.
    """
    with store.write() as connection:
        authorize(connection, "manage_people", actor)
        for name in sorted(staff.active(connection)):  # two owners who deactivate each other take turns
            staff.lock(connection, name)
        people = staff.active(connection)
        if actor not in people:
            raise NotPermitted(f"{actor} may not act any more. Ask a product owner.")
        if person not in people:
            raise NotFound(f"Nobody active is called {person}. See `handrail people list`.")
        owners = {name for name, one in people.items() if permissions.Role.PRODUCT_OWNER in one.roles}
        if owners == {person}:
            raise Refused(f"{person} is the last product owner. Give somebody else this role first.")
        staff.change(connection, person, active=False)
        staff.sign_out(connection, person, now)
        accounts.end_invitations_of(connection, person, now)
        labels.close_slipped_in(connection, person, now)
        del people[person]
        moved = _free(connection, person, people, now)
        gone = Event("person.deactivated", data={"person": person, "moved": moved})
        trail.append(connection, [gone], at=now, actor=actor)
    return moved


def _free(connection: Connection, person: str, people: dict[str, Person], now: datetime) -> int:
    """Take from somebody what they hold or are assigned; what was assigned goes to the least loaded who may take it."""
    found = work.before(connection, person)
    work.hand_on(connection, [item.id for item in found], assigned_to=None)
    load = staff.load(connection)
    deciders = decisions.deciders(connection, [item.case_id for item in found])
    for item in found:
        if item.assigned_to != person:
            continue
        colleagues = [one for one in people.values() if one.name != person and _may_receive(one, item, deciders, now)]
        chosen = least_loaded(colleagues, load)
        if chosen is not None:
            work.assign(connection, item.id, chosen.name)
            load[chosen.name] = load.get(chosen.name, 0) + 1
    return len(found)


def _may_receive(person: Person, item: WorkItem, deciders: Mapping[int, Collection[str]], now: datetime) -> bool:
    fits = person.may_take(item.kind, now) and person.knows(item.category, hidden=item.suggestion_hidden)
    return fits and not person.is_away(now) and person.name not in deciders.get(item.case_id, ())


def _refuse_receiver(connection: Connection, item: WorkItem, to: str, now: datetime) -> None:
    """Raise where `to` cannot be given this work."""
    person = staff.active(connection).get(to)
    if person is None:
        raise NotFound(f"Nobody active is called {to}. Choose a colleague from the list.")
    if to == item.assigned_to or item.is_held(to, real_time(connection)):
        raise Conflict(f"Case {item.case_id} is with {to} already. Choose somebody else.")
    kind = shown_kind(item.kind, item.queue)
    if kind == "gold" or not person.may_take(kind, now):
        raise Refused(f"{to} may not take this kind of work. Choose a colleague with the role or training for it.")
    if person.is_away(now):
        raise Refused(f"{to} is on leave. Choose somebody who is at work.")
    known = to in decisions.deciders(connection, [item.case_id]).get(item.case_id, ())
    if item.kind == "gold":
        known = item.case_id not in set(reviewer_quality.unseen_gold(connection, to)["case_id"])
    if known:
        raise Refused(f"{to} has decided case {item.case_id} before. Choose somebody who sees it for the first time.")


def _open(connection: Connection, item_id: int) -> WorkOnCase:
    item = work.items(connection, [item_id]).get(item_id)
    if item is None:
        raise NotFound(f"Work item {item_id} does not exist. Take the next one.")
    if not item.is_open:
        raise Conflict(f"Case {item.case_id} is decided already. Take the next one.")
    return item


def _held(connection: Connection, item_id: int, actor: str) -> WorkOnCase:
    item = _open(connection, item_id)
    if item.holder != actor:
        raise Conflict(f"Case {item.case_id} is no longer yours: its lease ended. Take the next one.")
    return item


def _event(kind: str, item: WorkItem, **data: object) -> Event:
    return Event(kind, item.case_id, {"item": item.id, **data})
