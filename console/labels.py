"""Labels: gold cases, tests of reviewers, adjudication, consensus."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from console import withdrawing
from console.answer import Actor, AsJson, AsOf, Encoding, Reason, answer, enter, table

Case = Annotated[int, typer.Argument(help="Case id.")]
Label = Annotated[str, typer.Argument(help="The right category.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    gold = typer.Typer(help="Cases whose category a data curator vouches for.", no_args_is_help=True)
    for name, command in (
        ("attest", gold_attest),
        ("write", gold_write),
        ("import", gold_import),
        ("list", gold_list),
        ("retire", gold_retire),
    ):
        gold.command(name)(command)
    app.add_typer(gold, name="gold")
    labels = typer.Typer(help="What people taught, and whether it counts.", no_args_is_help=True)
    labels.command("list")(labels_list)
    labels.command("adjudicate")(labels_adjudicate)
    withdrawing.register(labels)
    app.add_typer(labels, name="labels")
    app.command()(consensus)


def gold_attest(case: Case, label: Label, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Vouch for the category of a finished case; it tests people from now on and never trains."""
    from handrail.acts import labelling

    occasion = enter(actor, as_of)
    labelling.attest(occasion.store, case, label, policy=occasion.policy, actor=occasion.actor, now=occasion.now)
    answer({"case": case, "label": label}, as_json=as_json, text=f"Case {case} is gold.")


def gold_write(
    text: Annotated[str, typer.Option(help="What the customer writes.")],
    label: Annotated[str, typer.Option(help="Its category.")],
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Write one gold case by hand."""
    from tasks.learning.label import write_gold

    written = write_gold(enter(actor, as_of), [text], [label])
    answer(written, as_json=as_json, text=_written(written))


def gold_import(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")],
    text: Annotated[str, typer.Option(help="Column with the text.", metavar="COL")],
    label: Annotated[str, typer.Option(help="Column with the category.", metavar="COL")],
    encoding: Encoding = "utf-8",
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Take gold cases from a file; one bad row, and none is stored."""
    from tasks.learning.label import write_gold

    rows = _columns(file, {"--text": text, "--label": label}, encoding)
    written = write_gold(enter(actor, as_of), rows[text].tolist(), rows[label].tolist())
    answer(written, as_json=as_json, text=_written(written))


def _columns(file: Path, wanted: dict[str, str], encoding: str) -> Any:  # noqa: ANN401 - a frame; pandas loads inside
    """The named columns of a file, what is missing as an empty text.

    Raises:
        BadInput: the file lacks one; names the option to correct.
    """
    import pandas as pd

    from handrail.errors import BadInput
    from tasks.intake import read

    rows = pd.concat(list(read.read(file, batch_rows=100_000, encoding=encoding)), ignore_index=True)
    for option, name in wanted.items():
        if name not in rows.columns:
            raise BadInput(f"{file} has no column {name!r}; it has {', '.join(rows.columns)}. Correct {option}.")
    return rows[list(wanted.values())].fillna("").astype(str)


def _written(written: dict[str, int]) -> str:
    return f"{written['written']} gold cases written, {written['duplicates']} were known."


def gold_list(actor: Actor = None, as_json: AsJson = False) -> None:
    """Gold cases with their answers; for data curators only."""
    from handrail.acts import labelling
    from handrail.store.frames import records

    occasion = enter(actor)
    rows = records(labelling.gold(occasion.store, actor=occasion.actor))
    columns = ["case_id", "label", "origin", "attested_by", "attested_at", "tested", "retired_at"]
    answer(rows, as_json=as_json, text=table(rows, columns, empty="No gold cases yet. Attest some."))


def gold_retire(case: Case, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Use a gold case no longer."""
    from handrail.acts import labelling

    occasion = enter(actor, as_of)
    labelling.retire(
        occasion.store, case, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )
    answer({"case": case, "retired": True}, as_json=as_json, text=f"Case {case} tests nobody any more.")


def people_test(
    name: Annotated[str, typer.Argument(help="Who is tested.")],
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Hand a person gold cases to label blind; enough right ones make their labels count."""
    from tasks.learning.label import give_test

    occasion = enter(actor, as_of)
    handed = give_test(occasion, name)
    right = occasion.policy.labels.gold_right
    text = f"{name} has {handed} gold cases to label (`handrail queue next --as {name}`); {right:.0%} right pass."
    answer({"person": name, "cases": handed, "pass_from": right}, as_json=as_json, text=text)


def people_cancel_test(
    name: Annotated[str, typer.Argument(help="Whose test.")],
    reason: Reason,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """End an unfinished test without a result; another can be handed out then."""
    from handrail.acts import labelling

    occasion = enter(actor, as_of)
    labelling.cancel_test(occasion.store, name, reason=reason, actor=occasion.actor, now=occasion.now)
    answer({"person": name, "cancelled": True}, as_json=as_json, text=f"The test of {name} is cancelled.")


def labels_list(
    status: Annotated[
        Literal["imported", "accepted", "provisional", "adjudicated", "withdrawn"] | None,
        typer.Option(help="Only these."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 20,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Labels, newest first, beside the category whose action went out."""
    from handrail.acts import labelling
    from handrail.store.frames import records

    occasion = enter(actor)
    rows = records(labelling.listed(occasion.store, status=status, limit=limit, actor=occasion.actor))
    columns = ["case_id", "label", "executed", "status", "provenance", "reviewer", "blind", "labelled_at"]
    answer(rows, as_json=as_json, text=table(rows, columns, empty="No such labels."))


def labels_adjudicate(
    case: Case, label: Label, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Settle the provisional labels of a case; only then it trains."""
    from handrail.acts import labelling

    occasion = enter(actor, as_of)
    labelling.adjudicate(occasion.store, case, label, policy=occasion.policy, actor=occasion.actor, now=occasion.now)
    answer({"case": case, "label": label}, as_json=as_json, text=f"Case {case} counts as {label}.")


def consensus(
    file: Annotated[Path, typer.Argument(help="One rating a row: CSV, JSONL or Parquet.")],
    item: Annotated[str, typer.Option(help="Column with the item.", metavar="COL")] = "item",
    reviewer: Annotated[str, typer.Option(help="Column with the reviewer.", metavar="COL")] = "reviewer",
    label: Annotated[str, typer.Option(help="Column with the label.", metavar="COL")] = "label",
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """What several reviewers' labels say together (Dawid–Skene), and how far each of them is to be believed."""
    from handrail import agreement
    from handrail import dawid_skene as consensus_of

    rows = _columns(file, {"--item": item, "--reviewer": reviewer, "--label": label}, encoding)
    ratings = agreement.collect(rows.set_axis(["item", "rater", "label"], axis=1).replace("", None))
    found = consensus_of.estimate(ratings)
    accuracy = found.accuracy()
    best = [found.of(name) for name in found.items]
    value = {
        "items": len(found.items),
        "labels": list(found.labels),
        "rounds": len(found.objective),
        "converged": found.converged,
        "reviewers": [
            {
                "reviewer": name,
                "ratings": int((ratings.rater == at).sum()),
                "accuracy": accuracy[name],
                "confusion": found.confusion[at].tolist(),
            }
            for at, name in enumerate(found.reviewers)
        ],
        "consensus": [
            {"item": name, "label": chosen, "probability": probability}
            for name, (chosen, probability) in zip(found.items, best, strict=True)
        ],
    }
    answer(value, as_json=as_json, text=lambda: _shown(value))


def _shown(value: dict[str, Any]) -> str:
    doubtful = [row for row in value["consensus"] if row["probability"] < 0.9]  # noqa: PLR2004 - for the eye alone
    lines = [table(value["reviewers"], ["reviewer", "ratings", "accuracy"], empty="No ratings.")]
    lines.append(f"\n{value['items']} items; {len(doubtful)} of them below 90 %:")
    lines.append(table(doubtful[:20], ["item", "label", "probability"], empty="none"))
    return "\n".join(lines)
