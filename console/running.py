"""Work in bulk: run, train, predict, outcomes."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.answer import Actor, AsJson, AsOf, Encoding, answer, connect, perform, table, warn
from console.places import is_stdout, require_places, written

if TYPE_CHECKING:
    from flows.retraining import NotTrained, Retrained
    from flows.triage import Triaged

UNDELIVERED = {
    "waiting": "{count} not delivered yet, to be sent by the next run or while `handrail up` runs; see "
    "`handrail outbox list --state new --state retry --state leased`.",
    "dead": "{count} failed for good. See why with `handrail outbox list`, then send each again with "
    "`handrail outbox retry` or give it up with `handrail outbox abandon`.",
    "unknown": "{count} may have been carried out or not. Ask the receiver, then say so with "
    "`handrail outbox confirm` or `handrail outbox retry`.",
}
"""What a run leaves behind besides its own cases, by `Triaged.actions`, each with the remedy."""


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    app.command()(run)
    app.command()(train)
    app.command()(predict)
    outcome = typer.Typer(help="What happened after the decisions.", no_args_is_help=True)
    outcome.command("import")(outcome_import)
    app.add_typer(outcome, name="outcome")


def run(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="mapping.yaml of the source.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Whose ids the file holds; default the mapping's source.", metavar="NAME")
    ] = None,
    encoding: Encoding = "utf-8",
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Triage a file: every row becomes a case in queue A, B or C with its reason; history enters as labels."""
    connect()
    from flows.triage import rows_of, triage

    rules = str(mapping.resolve()) if mapping else None
    result: Triaged = perform(
        triage, file=str(file.resolve()), mapping=rules, encoding=encoding, source=source, as_of=as_of
    )
    if result.quarantined:
        warn(
            f"{result.quarantined} rows were put aside. See why with `handrail quarantine list "
            f"--batch {result.batch}`, correct them and run the file again."
        )
    if result.elsewhere:
        warn(f"{result.elsewhere} rows came from another source before, word for word; they are the same cases.")
    if result.unpredicted:
        warn(
            f"{sum(result.unpredicted.values())} rows came without a usable prediction; people decide them. "
            "Correct the mapping's `fields.prediction`, or ask the model's owner."
        )
    if result.remaining:
        warn(
            f"{result.remaining} cases are in no queue yet: models or policies changed all the while. "
            "Run the same file again; nothing is taken in twice."
        )

    undelivered = {
        state: UNDELIVERED[state].format(count=f"{count} action{'' if count == 1 else 's'}")
        for state, count in result.actions.items()
        if count
    }
    waits = undelivered.pop("waiting", None)  # no trouble: another run may be sending them
    for sentence in undelivered.values():
        warn(sentence)

    def text() -> str:
        queues = "  ".join(f"{name} {count}" for name, count in result.queues.items())
        head = (
            f"{result.received} rows: {result.accepted} accepted ({result.imported} as history), "
            f"{result.quarantined} quarantined, {result.duplicates} known before, {result.changed} changed"
            f"{f', {result.reopened} reopened' if result.reopened else ''}\nqueues  {queues}\n"
        )
        head += f"{waits}\n" if waits else ""
        return head + table(rows_of(result), ["cases", "reason", "means"], empty="No new case was queued.")

    answer(asdict(result), as_json=as_json, text=text)


def train(
    file: Annotated[Path | None, typer.Argument(help="Labelled file; without it: the accepted labels.")] = None,
    text: Annotated[str | None, typer.Option(help="Column with the text.", metavar="COL")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the category.", metavar="COL")] = None,
    time: Annotated[
        str | None, typer.Option(help="Column with the time; the newest rows measure the model.", metavar="COL")
    ] = None,
    encoding: Encoding = "utf-8",
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Train, calibrate and register a model.

    The first version serves if it is better than the commonest category; a later one becomes challenger. In an empty
    workspace a labelled file makes the policy: one category a label, all in stage shadow.
    """
    connect()
    from handrail.errors import BadInput, Conflict

    if file is None:
        from flows.retraining import retraining

        ended: Retrained | NotTrained = perform(retraining, cause="by_hand", as_of=as_of)
        if not ended.trained:
            raise Conflict(ended.reason)
        result = _trained(ended)
    else:
        if text is None or label is None:
            raise BadInput("A labelled file needs --text COL and --label COL.")
        from console.answer import who
        from tasks.learning.train_file import train_file
        from tasks.occasion import set_to

        trained = train_file(
            file, text=text, label=label, time=time, encoding=encoding, founder=who(None), as_of=set_to(as_of)
        )
        result = trained.to_json()

    def shown() -> str:
        lead = "serves" if result["serves"] else "is the challenger"
        return (
            f"Version {result['version']} {lead}: accuracy {result['accuracy']:.3f}, ECE {result['ece']:.3f} on "
            f"{result['n_test']} cases never trained on; {result['labels']} labels. Certificates: "
            f"{', '.join(result['certificates']) or 'none, blind labels are needed'}."
            + "".join(f"\n{note}" for note in result["notes"])
        )

    answer(result, as_json=as_json, text=shown)


def _trained(ended: "Retrained") -> dict[str, Any]:
    facts = {name: value for name, value in asdict(ended).items() if name != "metrics"}
    return {
        "trained": True,
        **facts,
        "metrics": ended.metrics,
        **ended.metrics,
        "n_test": int(ended.metrics.get("n_test", 0)),
        "certificates": {},
    }


def predict(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")],
    text: Annotated[str, typer.Option(help="Column with the text.", metavar="COL")],
    model: Annotated[str | None, typer.Option(help="Model version; default the champion.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a CSV: label, confidence, novelty, queue, reason.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="mapping.yaml: consent, fields and prediction count.")] = None,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Score a file without storing it: one row a row, by policy, model and certificate alone, as at stage auto."""
    connect()
    from handrail.store.frames import records
    from tasks.routing.predict_file import predict_file

    require_places(out, inputs=[file, mapping])
    predicted = predict_file(file, text=text, version=model, mapping_file=mapping, encoding=encoding)
    for warning in predicted.warnings:
        warn(warning)
    scored = predicted.rows
    if out is not None:
        with written(out) as place:
            scored.to_csv(place, index=False)
    counts = {name: int((scored["queue"] == name).sum()) for name in ("A", "B", "C")}
    value = {"rows": len(scored), "queues": counts, "out": str(out) if out else None}
    rows = records(scored.head(20))
    shown = table(rows, list(scored.columns), empty="The file has no rows.")
    told = value if out else {**value, "predictions": records(scored)}
    answer(told, as_json=as_json, text=shown, aside=is_stdout(out))


def outcome_import(
    file: Annotated[Path, typer.Argument(help="Columns external_id, kind, at and, for csat, value.")],
    source: Annotated[str | None, typer.Option(help="Source of the cases; default any.")] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Import reversals, complaints, CSAT and closing times, joined to their cases."""
    from console.answer import enter
    from tasks.intake.outcomes import import_outcomes

    counts = import_outcomes(enter(actor, as_of), file, source)
    text = (
        f"{counts['imported']} outcomes imported, {counts['duplicates']} known before, "
        f"{counts['unknown']} of unknown cases."
    )
    answer(counts, as_json=as_json, text=text)
