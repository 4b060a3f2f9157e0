"""Deciding without a desk: queue list, queue next, decide."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, table

if TYPE_CHECKING:
    from handrail.work import PutAside
    from tasks.views.review import Because, ShownCase

ON_THE_WAY = "Cases have arrived that are not in a queue yet: `handrail watch` brings them there."
WORTH_TELLING = 0.1
"""Log-odds below which a word or field is not worth a reviewer's time."""


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    queue = typer.Typer(help="Work that waits for people.", no_args_is_help=True)
    queue.command("list")(queue_list)
    queue.command("next")(queue_next)
    queue.command("recall")(queue_recall)
    app.add_typer(queue, name="queue")
    app.command()(decide)


def queue_list(
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 20, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """What waits, earliest due first; a hidden suggestion is not shown."""
    from handrail.store import inbox, work
    from handrail.store.frames import records

    occasion = enter(None, as_of)
    with occasion.store.read() as connection:
        found = work.open_work(connection, limit=limit)
        nothing = "Nothing waits." + (f" {ON_THE_WAY}" if inbox.has_arrived(connection) else "")
    rows = [_visible(row) for row in records(found)]
    columns = ["case_id", "kind", "queue", "category", "reason", "due_at", "holder"]
    answer(rows, as_json=as_json, text=table(rows, columns, empty=nothing))


def _visible(row: dict[str, Any]) -> dict[str, Any]:
    from handrail.gold import shown_kind

    hidden = {"category": None, "confidence": None}
    if row["kind"] == "gold":  # nobody is to tell a case with a known answer from the others
        return {**row, **hidden, "kind": shown_kind(row["kind"], row["queue"]), "assigned_to": None}
    return {**row, **hidden, "kind": shown_kind(row["kind"], row["queue"])} if row["suggestion_hidden"] else row


def queue_next(actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Claim the work that is due next and show it; the claim lasts for the policy's lease."""
    from handrail.acts import claiming, training
    from handrail.store import inbox
    from tasks.views.review import shown_case

    occasion = enter(actor, as_of)
    training.slip_in(occasion.store, occasion.actor, policy=occasion.policy, secret=occasion.secret, now=occasion.now)
    claims = claiming.claim(occasion.store, occasion.actor, policy=occasion.policy, now=occasion.now)
    if not claims:
        with occasion.store.read() as connection:
            on_the_way = inbox.has_arrived(connection)
        aside = claiming.put_aside(occasion.store, occasion.actor, now=occasion.now)
        answer(None, as_json=as_json, text=" ".join([*_why_nothing(aside), *([ON_THE_WAY] if on_the_way else [])]))
        return
    shown = shown_case(occasion, claims[0])
    answer(asdict(shown), as_json=as_json, text=lambda: _card(shown))


def _why_nothing(aside: "PutAside") -> list[str]:
    """Why nothing is offered, a sentence each."""
    told = []
    if aside.is_away:
        told.append("You are on leave, so nothing is offered to you. End your leave on your page of the desk.")
    if aside.skipped:
        cases = "1 case that still waits" if aside.skipped == 1 else f"{aside.skipped} cases that still wait"
        told.append(f"You skipped {cases}. Bring back what you skipped with `handrail queue recall`.")
    if aside.snoozed:
        told.append(f"{aside.snoozed} {'case is' if aside.snoozed == 1 else 'cases are'} put off.")
    if aside.back_at:
        told.append(f"The first comes back by itself at {aside.back_at:%Y-%m-%d %H:%M} UTC.")
    return ["Nothing else waits for you now.", *told] if told else ["You're all caught up."]


def queue_recall(actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Be offered again at once what you skipped."""
    from handrail.acts import handing

    occasion = enter(actor, as_of)
    recalled = handing.recall(occasion.store, occasion.actor, now=occasion.now)
    text = "You have skipped nothing that still waits."
    if recalled:
        text = f"{recalled} skipped {'case is' if recalled == 1 else 'cases are'} offered to you again."
    answer({"recalled": recalled}, as_json=as_json, text=text)


def _card(shown: "ShownCase") -> str:
    lines = [
        f"case {shown.case_id}  ({shown.kind}, queue {shown.queue}, fence {shown.fence})",
        f"due {shown.due_at:%Y-%m-%d %H:%M} UTC, yours until {shown.lease_until:%H:%M}",
        f"reason: {shown.why}",
        f"suggestion: {shown.suggestion or 'hidden or none: choose with override --label'}",
        *_because(shown.because),
        *_said(shown.labels),
        *_changed(shown),
        "",
        shown.text or "(no text)",
    ]
    return "\n".join(lines)


def _said(labels: list[str | None]) -> list[str]:
    """What others called the case, for whoever settles it."""
    return [f"labels given so far: {', '.join(label or 'none fits' for label in labels)}"] if labels else []


def _changed(shown: "ShownCase") -> list[str]:
    """That the request was decided before, or said something else."""
    lines = [f"goes on from case {shown.goes_on_from}, which was decided"] if shown.goes_on_from else []
    lines += [
        f"changed {one.at:%Y-%m-%d %H:%M} UTC; before: {one.earlier or '(nobody had read it)'}"
        for one in shown.changes[:1]
    ]
    return lines


def _because(found: "Because | None") -> list[str]:
    """The strongest words and fields, those that speak against the suggestion with a minus."""
    if found is None:
        return []
    strong = [part for part in (*found.words, *found.fields) if abs(part.weight) >= WORTH_TELLING]
    told = ", ".join(f"{part.term} {part.weight:+.1f}" for part in strong)
    return [f"because: {told or 'of many small signs'}; second choice: {found.second_choice}"]


def decide(
    case: Annotated[int, typer.Argument(help="Case id.")],
    outcome: Annotated[Literal["approve", "deny", "override"], typer.Argument(help="What to do with the suggestion.")],
    label: Annotated[str | None, typer.Option(help="Right category, for override.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Reason code: policy, legal, wrong_category, out_of_scope …")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Free text; erasable.")] = None,
    fence: Annotated[int | None, typer.Option(help="From `queue next`; without it the case is claimed now.")] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Decide a case: approve executes the suggestion, override another category's action, deny none."""
    from handrail import ruling as ruling_acts
    from handrail.acts import claiming, deciding
    from handrail.case import Outcome
    from tasks.routing.deliver import deliver

    occasion = enter(actor, as_of)
    if fence is None:
        claim = claiming.claim_case(occasion.store, case, occasion.actor, policy=occasion.policy, now=occasion.now)
        item, fence = claim.item_id, claim.fence
    else:
        item = claiming.held_item(occasion.store, case, occasion.actor)
    ruling = ruling_acts.Ruling(item, fence, Outcome(outcome), label=label, reason_code=reason, note=note)
    deciding.decide(
        occasion.store, [ruling], occasion.actor, policy=occasion.policy, now=occasion.now, secret=occasion.secret
    )
    sent = deliver(occasion)
    value = {"case": case, "outcome": outcome, "label": label, "delivered": sent}
    answer(
        value,
        as_json=as_json,
        text=f"Case {case}: {outcome} recorded; {sent} action{'' if sent == 1 else 's'} delivered.",
    )
