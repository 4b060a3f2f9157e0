"""`handrail agreement FILE`: how far raters agree beyond chance, who errs how, and what they say together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.answer import AsJson, Encoding, answer, table

if TYPE_CHECKING:
    from handrail.agreement import Agreement, Ratings
    from handrail.agreement.resampling import Interval
    from handrail.dawid_skene import Consensus

_MOST_CELLS = 20_000_000  # numbers that the consensus may hold at a time
_SHOWN = 12  # rows of a table for people


Ends = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class PairReport:
    """How far two raters agree on the items that both rated."""

    raters: tuple[str, str]
    items: int
    agreement: float | None
    kappa: float | None
    kappa_interval: Ends


@dataclass(frozen=True, slots=True)
class RaterReport:
    """How many ratings somebody gave; where nobody is another's witness there is no more to say."""

    ratings: int


@dataclass(frozen=True, slots=True)
class JudgedRater(RaterReport):
    """How often somebody is right as the consensus believes, and which label they give for which truth."""

    accuracy: float | None
    confusion: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """The share of items with a known truth on which the majority, and the consensus, have it; None: not estimated."""

    items: int
    majority: float | None = None
    dawid_skene: float | None = None


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """What the command answers; its JSON has these names in this order."""

    level: str
    rows: int
    ratings: int
    without_label: int
    items: int
    items_compared: int
    labels: Sequence[str]
    percent_agreement: float | None
    alpha: float | None
    alpha_interval: Ends
    fleiss: float | None
    fleiss_interval: Ends
    pairs: Sequence[PairReport]
    raters: Mapping[str, RaterReport]
    accuracy: AccuracyReport | None
    notes: Sequence[str]


def register(app: typer.Typer) -> None:
    """Add this topic's command."""
    app.command()(agreement)


def agreement(
    file: Annotated[Path, typer.Argument(help="Columns item, rater, label; one rating a row.")],
    level: Annotated[
        Literal["nominal", "ordinal", "interval"], typer.Option(help="What a difference of labels means.")
    ] = "nominal",
    truth: Annotated[Path | None, typer.Option(help="File with columns item, truth.")] = None,
    order: Annotated[
        str | None, typer.Option(help="Ordinal labels from low to high; else by size or alphabet.", metavar="A,B,C")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the resamples behind the intervals.", min=0)] = 0,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Krippendorff's alpha, Fleiss' and Cohen's kappa with 95 % intervals; each rater's confusion (Dawid–Skene)."""
    import numpy as np

    from handrail.agreement import collect, measure
    from tasks.intake.tables import table as read

    rows = read(file, ["item", "rater", "label"], encoding=encoding)
    ratings = collect(rows, order=None if order is None else [name.strip() for name in order.split(",")])
    found = measure(ratings, np.random.default_rng(seed), of=level)
    known = None if truth is None else _known(truth, encoding)
    believed = _consensus(ratings)
    report = AgreementReport(
        level=level,
        rows=len(rows),
        ratings=len(ratings.item),
        without_label=int(rows[["item", "rater", "label"]].isna().any(axis=1).sum()),
        items=found.items,
        items_compared=int((np.bincount(ratings.item) > 1).sum()) if found.items else 0,
        labels=list(ratings.labels[:100]),
        percent_agreement=found.agreement,
        alpha=found.alpha,
        alpha_interval=_ends(found.alpha_interval),
        fleiss=found.fleiss,
        fleiss_interval=_ends(found.fleiss_interval),
        pairs=[
            PairReport((one.rater_a, one.rater_b), one.items, one.agreement, one.kappa, _ends(one.kappa_interval))
            for one in found.pairs
        ],
        raters=_raters(ratings, believed),
        accuracy=None if known is None else _accuracy(ratings, believed, known, truth),
        notes=_notes(ratings, found, believed, level, order),
    )
    answer(report, as_json=as_json, text=lambda: _text(report))


def _ends(interval: "Interval") -> Ends:
    return interval.low, interval.high


def _known(truth: Path, encoding: str) -> dict[str, str]:
    """The true label of each item of the truth file."""
    from handrail.agreement import collect
    from handrail.errors import BadInput
    from tasks.intake.tables import table as read

    rows = read(truth, ["item", "truth"], encoding=encoding)[["item", "truth"]].dropna().drop_duplicates()
    twice = rows["item"].duplicated()
    if twice.any():
        raise BadInput(f"{truth} names two truths for item {rows.loc[twice, 'item'].iloc[0]}. Keep one of them.")
    told = collect(rows.rename(columns={"truth": "label"}).assign(rater="truth"))
    if not told.items:
        raise BadInput(f"{truth} names no truth. Write one row for each item: item, truth.")
    return {told.items[at]: told.labels[label] for at, label in zip(told.item, told.label, strict=True)}


def _consensus(ratings: "Ratings") -> "Consensus | None":
    """What all say together; None where labels are too many to be categories."""
    from handrail import dawid_skene

    labels = len(ratings.labels)
    cells = labels * max(len(ratings.items), len(ratings.raters) * labels)
    return dawid_skene.estimate(ratings) if cells <= _MOST_CELLS else None


def _raters(ratings: "Ratings", believed: "Consensus | None") -> Mapping[str, RaterReport]:
    """How many ratings, how often right as the consensus believes, and which label for which truth."""
    import numpy as np

    given = np.bincount(ratings.rater, minlength=len(ratings.raters))
    if believed is None or not np.any(np.bincount(ratings.item) > 1):  # nobody is another's witness
        return {name: RaterReport(int(given[at])) for at, name in enumerate(ratings.raters)}
    accuracy = believed.accuracy()
    return {
        name: JudgedRater(
            int(given[at]),
            accuracy[name],
            {
                true: dict(zip(believed.labels, row, strict=True))
                for true, row in zip(believed.labels, believed.confusion[at].tolist(), strict=True)
            },
        )
        for at, name in enumerate(ratings.raters)
    }


def _accuracy(
    ratings: "Ratings", believed: "Consensus | None", known: dict[str, str], truth: Path | None
) -> AccuracyReport:
    """How often the majority, and the consensus, are right where the truth is known.

    Where labels have equally many votes the majority is right in proportion.
    """
    import numpy as np

    from handrail import dawid_skene
    from handrail.errors import BadInput

    places = [at for at, name in enumerate(ratings.items) if name in known]
    if not places:
        raise BadInput(f"{truth} names none of the items that were rated. Use the same names in both files.")
    label = {name: at for at, name in enumerate(ratings.labels)}
    right = np.array([label.get(known[ratings.items[at]], -1) for at in places])
    if believed is None:
        return AccuracyReport(len(places))
    votes = dawid_skene.majority(ratings)[places]
    first = votes >= votes.max(axis=1, keepdims=True) - 1e-12
    hit = (right >= 0) & first[np.arange(len(places)), right]
    return AccuracyReport(
        len(places),
        float((hit / first.sum(axis=1)).mean()),
        float((believed.posterior[places].argmax(axis=1) == right).mean()),
    )


def _notes(
    ratings: "Ratings", found: "Agreement", believed: "Consensus | None", level: str, order: str | None
) -> list[str]:
    """What a reader must know of the figures, or why one is missing."""
    notes = []
    if found.agreement is None:
        notes.append("No item has two ratings: nothing can be compared.")
    elif found.alpha is None:
        notes.append("All compared ratings are one label: chance alone would agree fully, so nothing is corrected.")
    if level == "ordinal" and order is None:
        told = ", ".join(ratings.labels[:8]) + (", …" if len(ratings.labels) > 8 else "")  # noqa: PLR2004
        notes.append(f"Labels in this order, low to high: {told}. Another one: --order.")
    if level != "nominal":
        notes.append("Kappas and confusions count labels as alike or not, whatever the level.")
    if believed is None:
        notes.append("So many different labels are no categories: no confusions and no consensus.")
    if found.pairs_left_out:
        notes.append(f"{found.pairs_left_out} pairs with fewer common items are left out.")
    return notes


def _text(report: AgreementReport) -> str:
    rows = [
        {
            "measure": f"Krippendorff's alpha, {report.level}",
            "value": report.alpha,
            "95 % interval": _between(report.alpha_interval),
        },
        {"measure": "Fleiss' kappa", "value": report.fleiss, "95 % interval": _between(report.fleiss_interval)},
        {"measure": "agreeing pairs of ratings", "value": report.percent_agreement, "95 % interval": ""},
    ]
    by = f"{report.ratings} ratings of {report.items} items by {len(report.raters)} raters"
    lines = [
        f"{by}; {report.items_compared} items have two or more.",
        "",
        table(rows, ["measure", "value", "95 % interval"], empty=""),
    ]
    pairs = [
        {
            "rater": _cut(one.raters[0]),
            "and": _cut(one.raters[1]),
            "items": one.items,
            "agree": one.agreement,
            "kappa": one.kappa,
            "95 % interval": _between(one.kappa_interval),
        }
        for one in report.pairs
    ]
    lines += ["", "Pairs (Cohen's kappa)", _first(pairs, ["rater", "and", "items", "agree", "kappa", "95 % interval"])]
    raters = [
        {
            "rater": _cut(name),
            "ratings": one.ratings,
            "accuracy": one.accuracy if isinstance(one, JudgedRater) else None,
            "most often wrong": _worst(one.confusion) if isinstance(one, JudgedRater) else "",
        }
        for name, one in report.raters.items()
    ]
    lines += ["", "Raters, as the consensus sees them", _first(raters, list(raters[0]) if raters else [])]
    if report.accuracy is not None:
        found = report.accuracy
        told = f"majority {_share(found.majority)}, Dawid–Skene {_share(found.dawid_skene)}"
        lines += ["", f"Right on {found.items} items with a known truth: {told}."]
    return "\n".join([*lines, *([""] if report.notes else []), *report.notes])


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _between(ends: Ends) -> str:
    return "–" if ends[0] is None or ends[1] is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _cut(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"  # noqa: PLR2004 - so that a row fits eighty characters


def _first(rows: Sequence[Mapping[str, object]], columns: list[str]) -> str:
    more = f"\n… and {len(rows) - _SHOWN} more; --json has them." if len(rows) > _SHOWN else ""
    return table(rows[:_SHOWN], columns, empty="none") + more


def _worst(confusion: Mapping[str, Mapping[str, float]]) -> str:
    """The commonest mistake of a rater."""
    wrong = [(share, true, said) for true, row in confusion.items() for said, share in row.items() if said != true]
    if not wrong:
        return ""
    share, true, said = max(wrong)
    return f"{_cut(true)} as {_cut(said)} {share:.0%}"
