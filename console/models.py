"""The registry: model list, show, promote, rollback, shadow, rebuild."""

from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table

Version = Annotated[str, typer.Argument(help="Version.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    model = typer.Typer(help="Model versions and which one serves.", no_args_is_help=True)
    model.command("list")(model_list)
    model.command("show")(model_show)
    model.command("promote")(model_promote)
    model.command("rollback")(model_rollback)
    model.command("shadow")(model_shadow)
    model.command("rebuild")(model_rebuild)
    app.add_typer(model, name="model")


def model_list(as_json: AsJson = False) -> None:
    """All versions with status, figures, and what their promotion rested on."""
    from console.version import promotions
    from handrail.store import models, withdrawals
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        rows = records(models.versions(connection))
        evidence = promotions(connection)
        withdrawn = withdrawals.learnt_from_withdrawn(connection)
    rows = [
        {**row, "evidence": evidence.get(row["version"]), "withdrawn": withdrawn.get(row["version"], 0)} for row in rows
    ]
    shown = [
        {
            **row,
            "evidence": {"none": "NONE"}.get(row["evidence"], row["evidence"]),
            "accuracy": row["metrics"].get("accuracy"),
            "ece": row["metrics"].get("ece"),
            "registered": f"{row['registered_at']:%Y-%m-%d}",
        }
        for row in rows
    ]
    columns = ["version", "status", "evidence", "cause", "labels", "accuracy", "ece", "registered"]
    lines = [table(shown, columns, empty="No model yet. Train one with `handrail train`.")]
    lines += [
        f"Version {row['version']} learnt from labels withdrawn since: {row['withdrawn']} of {row['labels']}."
        for row in rows
        if row["withdrawn"]
    ]
    answer(rows, as_json=as_json, text="\n".join(lines))


def model_show(
    version: Annotated[str | None, typer.Argument(help="Version; default the champion.")] = None,
    as_json: AsJson = False,
) -> None:
    """One version: what it learnt from, figures, all one needs to rebuild it, judgement, history, certificates."""
    from dataclasses import asdict

    from console.certificates import shown
    from console.version import history, page, promotions
    from handrail.errors import NotFound
    from handrail.store import certificates as certificate_rows
    from handrail.store import models
    from handrail.store.frames import records
    from tasks.learning.certificate_accounts import certified, certified_in_shadow

    occasion = enter(None)
    with occasion.store.read() as connection:
        name = version or models.serving(connection).model_version
        row = models.version(connection, name) if name else None
        if row is None:
            raise NotFound(f"Model version {version or '(champion)'} does not exist. See `handrail model list`.")
        certificates = records(certificate_rows.certificates(connection, row.version, occasion.now))
        events = history(connection, row.version)
        evidence = promotions(connection).get(row.version)
    every = [*certified(occasion), *certified_in_shadow(occasion)]
    standing = [status for status in every if status.version == row.version]
    value = {
        **asdict(row),
        "evidence": evidence,
        "history": [one.document for one in events],
        "certificates": certificates,
        "certification": [asdict(status) for status in standing],
    }

    def text() -> str:
        return f"{page(row, evidence, events)}\n\ncertificates\n{shown(standing)}"

    answer(value, as_json=as_json, text=text)


def model_promote(
    version: Version, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Let a version serve from the next batch on, on the evidence that there is; without any the policy decides."""
    from dataclasses import asdict

    from console.proposals import propose
    from console.version import EVIDENCE
    from tasks.learning import deploy, proposals

    occasion = enter(actor, as_of)
    if proposals.is_asked(occasion, "promote"):
        propose(occasion, "promote", {"version": version}, reason, as_json=as_json)
        return
    done = deploy.promote(occasion, version, reason)
    missing = f" ({done.missing})" if done.missing else ""
    answer(asdict(done), as_json=as_json, text=f"Version {version} serves; {EVIDENCE[done.evidence]}{missing}.")


def model_rollback(
    reason: Reason,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Only rehearsed: the present version is not barred.")
    ] = False,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Return to the previous version from the next batch on; the present one serves again only if judged anew."""
    from console.proposals import propose
    from handrail.acts.proposing import REHEARSAL
    from handrail.store import models
    from tasks.learning import proposals
    from tasks.learning.roll_back import roll_back

    occasion = enter(actor, as_of)
    if proposals.is_asked(occasion, "roll_back"):
        propose(occasion, "roll_back", REHEARSAL if rehearsal else {}, reason, as_json=as_json)
        return
    with occasion.store.read() as connection:
        left = models.serving(connection).model_version
    version = roll_back(occasion, reason, of=left, rehearsal=rehearsal)
    text = f"Version {version} serves again."
    if rehearsal:
        text += f" Version {left} is not barred: `handrail model promote {left} --reason …` lets it serve again."
    answer({"serves": version, "left": left, "rehearsal": rehearsal}, as_json=as_json, text=text)


def model_shadow(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """The challenger beside the champion on the live cases of four weeks: where they agree, and who was right."""
    from dataclasses import asdict

    from console.version import side_by_side
    from tasks.learning import shadow

    found = shadow.compare(enter(None, as_of))
    answer({**asdict(found), "agreement": found.agreement}, as_json=as_json, text=lambda: side_by_side(found))


def model_rebuild(version: Version, as_json: AsJson = False) -> None:
    """Train a version once more from the same labels, rules and seed; exit 1 when its predictions are not the same."""
    from dataclasses import asdict

    from tasks.learning import rebuild

    found = rebuild.rebuild_version(enter(None), version)
    said = "the same predictions" if found.same else "NOT the same predictions"
    lines = [f"Version {version}, rebuilt from {found.labels} labels: {said}."]
    if found.digest is None:
        lines = [f"Version {version} cannot be rebuilt: its labels are not here as they were."]
    lines += [f"registered     {found.registered}", f"rebuilt        {found.digest or '–'}"]
    lines += [f"differs        {each}" for each in found.differs]
    answer(asdict(found), as_json=as_json, text="\n".join(lines))
    if not found.same:
        raise typer.Exit(1)
