"""Labels of a person that count no longer: withdraw, reinstate, label again."""

from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table

if TYPE_CHECKING:
    from handrail.withdrawal import Extent
    from tasks.views.reviewers import Seen

Number = Annotated[int, typer.Argument(help="Number of the withdrawal.")]


def register(labels: typer.Typer) -> None:
    """Add this topic's commands to those about labels."""
    for name, command in (
        ("withdraw", labels_withdraw),
        ("reinstate", labels_reinstate),
        ("withdrawals", labels_withdrawals),
        ("ask-again", labels_ask_again),
    ):
        labels.command(name)(command)


def labels_withdraw(
    reviewer: Annotated[str, typer.Option(help="Whose labels.", metavar="NAME")],
    since: Annotated[str, typer.Option(help="Day or moment from which on they were given (ISO 8601).", metavar="DATE")],
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Withdraw them; without it only what it would touch is shown.")] = (
        False
    ),
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Let a person's labels train, certify and judge no longer; what was decided on them stands."""
    from handrail.acts import withdrawing
    from tasks.occasion import moment

    occasion = enter(actor, as_of)
    store, person, now, begin = occasion.store, occasion.actor, occasion.now, moment(since)
    policy = occasion.policy
    if yes:
        extent = withdrawing.withdraw(store, reviewer, begin, reason=reason, policy=policy, actor=person, now=now)
    else:
        extent = withdrawing.preview(store, reviewer, begin, actor=person, now=now)
    value = {**_plain(extent), "withdrawn": yes}
    answer(value, as_json=as_json, text=lambda: _sentences(extent, done=yes))


def _plain(extent: "Extent") -> dict[str, object]:
    return {
        "reviewer": extent.reviewer,
        "since": extent.since,
        "labels": extent.labels,
        "decisions": extent.decisions,
        "cases": extent.cases,
        "versions": extent.versions,
        "certificates": [
            {"id": one.id, "category": one.category, "withdrawn": one.withdrawn, "stands": one.stands}
            for one in extent.certificates
        ],
        "withdrawal": extent.withdrawal,
    }


def _sentences(extent: "Extent", *, done: bool) -> str:
    fate = "count no longer" if done else "would count no longer"
    counted = f"{extent.labels} labels and {extent.decisions} rulings of {extent.reviewer} on {extent.cases} cases"
    lines = [f"{counted} {fate}; what was decided on them stands."]
    lines += [f"Version {version} may have learnt from {count} of them." for version, count in extent.versions.items()]
    for one in extent.certificates:
        about = one.category or "all categories"
        fate = "stands without them" if one.stands else ("is void" if done else "would be void")
        lines.append(f"The certificate of {about} rests on {one.withdrawn} of them and {fate}.")
    if not done:
        lines.append("Nothing is written yet. Repeat the command with --yes to withdraw them.")
    elif extent.withdrawal is None:
        lines.append("There was nothing to withdraw.")
    else:
        lines.append(
            f"Withdrawal {extent.withdrawal}. Have the cases labelled again with `handrail labels ask-again"
            f" {extent.withdrawal}`; take it back with `handrail labels reinstate {extent.withdrawal}`."
        )
    return "\n".join(lines)


def labels_reinstate(
    number: Number, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Let withdrawn labels count again as they did."""
    from handrail.acts import withdrawing

    occasion = enter(actor, as_of)
    given = withdrawing.reinstate(
        occasion.store, number, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )
    text = f"{given} labels count again. Certificates that were voided stay void until the next look at the labels."
    answer({"withdrawal": number, "labels": given}, as_json=as_json, text=text)


def labels_withdrawals(actor: Actor = None, as_json: AsJson = False) -> None:
    """Withdrawals, newest first."""
    from dataclasses import asdict

    from handrail.acts import withdrawing

    occasion = enter(actor)
    rows = [asdict(one) for one in withdrawing.listed(occasion.store, actor=occasion.actor)]
    columns = ["id", "reviewer", "since", "until", "withdrawn_by", "reinstated_at"]
    answer(rows, as_json=as_json, text=table(rows, columns, empty="No labels were withdrawn."))


def labels_ask_again(
    number: Number,
    most: Annotated[int, typer.Option(min=1, help="At most so many cases.")] = 50,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Have somebody else label the cases of a withdrawal blindly; nothing is decided or sent again."""
    from handrail.acts import withdrawing

    occasion = enter(actor, as_of)
    asked = withdrawing.label_again(
        occasion.store, number, most=most, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )
    answer({"withdrawal": number, "cases": asked}, as_json=as_json, text=f"{asked} cases wait to be labelled again.")


def people_quality(actor: Actor = None, as_json: AsJson = False) -> None:
    """Who is named by random rechecks and gold cases, as the last look of the agreement watch has it."""
    from tasks.views import reviewers

    occasion = enter(actor)
    seen = reviewers.signals(occasion)
    rows = [
        {
            "person": one.person,
            "verdict": str(one.verdict),
            "named": list(one.named),
            "signals": [signal.to_json() for signal in one.signals],
        }
        for one in seen
    ]
    answer(rows, as_json=as_json, text=lambda: _told(seen))


def _told(seen: "list[Seen]") -> str:
    lines = []
    for one in seen:
        figures = "; ".join(signal.in_words for signal in one.signals if signal.in_words is not None)
        if one.named:
            withdraw = f"handrail labels withdraw --reviewer {one.person} --since {one.window[0]:%Y-%m-%d}"
            lines.append(f"named: {one.person}, {'; '.join(one.named)}.")
            lines.append(f"  Test them again: `handrail people test {one.person}`. Withdraw labels: `{withdraw}`.")
        elif one.person != "everybody":
            word = {"quiet": "fine", "underpowered": "too little to say"}.get(str(one.verdict), "nothing measured")
            lines.append(f"{one.person}: {word}" + (f" ({figures})" if figures else ""))
    return "\n".join(lines) or "No look yet. Run `handrail watch`."
