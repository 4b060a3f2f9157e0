"""Fallbacks and rollout: pause, resume, stage, model reviews."""

from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table

Category = Annotated[str | None, typer.Argument(help="Category; or --all.")]
Everything = Annotated[bool, typer.Option("--all", help="Everything.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    app.command()(pause)
    app.command()(resume)
    app.command()(stage)
    review = typer.Typer(help="Model reviews that the breaker opened.", no_args_is_help=True)
    review.command("list")(review_list)
    review.command("close")(review_close)
    app.add_typer(review, name="review")


def _scope(category: str | None, everything: bool) -> str | None:
    from handrail.errors import BadInput

    if (category is None) == (not everything):
        raise BadInput("Name one category, or give --all.")
    return category


def pause(
    reason: Reason,
    category: Category = None,
    everything: Everything = False,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Withhold automation from the next case on; automatic actions not yet sent return to queue B."""
    from handrail.acts import pausing
    from handrail.store import outbox

    scope = _scope(category, everything)
    occasion = enter(actor, as_of)
    returned = pausing.pause(
        occasion.store, scope, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )
    with occasion.store.read() as connection:
        unknown = outbox.counts(connection).get("unknown", 0)
    actions = f"{returned} unsent action{'' if returned == 1 else 's'}"
    text = f"{scope or 'Everything'} is paused; {actions} returned to queue B."
    if unknown:
        text += f" {unknown} may have been carried out or not: see `handrail outbox list`."
    answer({"paused": scope or "all", "returned": returned, "unknown": unknown}, as_json=as_json, text=text)


def resume(
    reason: Reason,
    category: Category = None,
    everything: Everything = False,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Give automation back; after the breaker only once its model review is closed. Proposes where it takes two."""
    from console.proposals import propose
    from handrail.acts import pausing
    from tasks.learning import proposals

    scope = _scope(category, everything)
    occasion = enter(actor, as_of)
    if proposals.is_asked(occasion, "resume"):
        propose(occasion, "resume", {"category": scope}, reason, as_json=as_json)
        return
    pausing.resume(occasion.store, scope, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now)
    answer({"resumed": scope or "all"}, as_json=as_json, text=f"{scope or 'Everything'} runs again.")


def stage(
    category: Annotated[str, typer.Argument(help="Category.")],
    stage: Annotated[
        str | None, typer.Argument(help="manual, shadow, suggest, partial or auto; none: where it stands.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="One sentence; needed where the checks say *not ready*.")
    ] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Move a category to another stage, or say where it stands and what is missing. Proposes where it takes two."""
    from console import stages
    from console.proposals import propose
    from handrail.acts import pausing
    from handrail.errors import BadInput, Refused
    from handrail.policy import Stage
    from tasks.learning import proposals, readiness

    if stage is not None and stage not in list(Stage):
        raise BadInput(f"{stage!r} is not a stage. Use one of: {', '.join(Stage)}.")
    occasion = enter(actor, as_of)
    if stage is None:
        row = readiness.category(occasion, category)
        answer(row.to_json(), as_json=as_json, text=stages.page(row))
        return
    checks = readiness.step(occasion, category, Stage(stage))
    if reason is None and not checks.ready:
        raise Refused(f'{category} is {checks.sentence}. Say why it goes there all the same: `--reason "…"`.')
    words = reason or "set by hand"
    if proposals.is_asked(occasion, "set_stage"):
        propose(occasion, "set_stage", {"category": category, "stage": stage}, words, as_json=as_json)
        return
    before = pausing.set_stage(
        occasion.store,
        category,
        Stage(stage),
        reason=words,
        policy=occasion.policy,
        actor=occasion.actor,
        now=occasion.now,
        checks=checks,
    )
    said = f"{category}: {before} → {stage}."
    answer(
        {"category": category, "from": before, "to": stage, "ready": checks.ready, "checks": checks.sentence},
        as_json=as_json,
        text=f"{said} The checks say: {checks.sentence}." if checks.requirements else said,
    )


def review_list(as_json: AsJson = False) -> None:
    """Open model reviews with their evidence."""
    from handrail.store import pauses
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        rows = records(pauses.reviews(connection))
    shown = [
        {**row, "rejected": row["evidence"].get("rejected"), "reviewed": row["evidence"].get("reviewed")}
        for row in rows
    ]
    columns = ["id", "category", "opened_at", "rejected", "reviewed"]
    answer(rows, as_json=as_json, text=table(shown, columns, empty="No model review is open."))


def review_close(
    number: Annotated[int, typer.Argument(help="Number of the review.")],
    conclusion: Annotated[str, typer.Option(help="What was found and done.")],
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Close a model review; then the category may resume."""
    from handrail.acts import pausing

    occasion = enter(actor, as_of)
    pausing.close_review(occasion.store, number, conclusion=conclusion, actor=occasion.actor, now=occasion.now)
    answer({"closed": number}, as_json=as_json, text=f"Model review {number} is closed.")
