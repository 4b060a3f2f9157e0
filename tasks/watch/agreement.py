"""The watch over people: how far they agree, category by category, and what shows in how each one works."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from handrail import agreement, bulkhead, labels, rechecks, reviewers
from handrail.acts import reading
from handrail.agreement import Ratings
from handrail.figures.agreement import AgreementFigures
from handrail.figures.reviewers import ReviewerFigures, SignalFigures
from handrail.own_quality import PLACES
from handrail.reading import ALL, Reading, Verdict, unreadable
from handrail.reviewers import DECEIVED, EVERYBODY, GOLD, NAMING, RECHECKS, ReviewerRecords, Signal, SignalBounds
from handrail.store import labels as label_rows
from handrail.store import rechecks as recheck_rows
from handrail.store import reviewer_decisions, reviewer_quality, staff
from handrail.store.engine import Connection
from handrail.store.frames import records
from handrail.window import Window
from tasks.occasion import Occasion, log
from tasks.step import step

_CHANCE = 0.05
"""Of a false alarm over all categories of a look."""
FEWEST = 10
"""Cases on which somebody named a category; with fewer one difference of opinion makes all of its agreement."""


@step
def compare_people(occasion: Occasion, window: timedelta) -> list[AgreementFigures]:
    """Krippendorff's alpha over the blind opinions of the last `window`; keeps the readings.

    An alarm where the whole interval lies below the agreement that a training set must have. The intervals hold for
    all categories at once.
    """
    since = occasion.now - window
    with occasion.store.read() as connection:
        said = _opinions(occasion, connection, since)
    ratings = agreement.collect(said.rename(columns={"reviewer": "rater"}))
    names = list(ratings.labels) if len(ratings.labels) > 2 else []  # noqa: PLR2004 - of two, each says what both say
    rng = occasion.rng("agreement")
    level = 1 - _CHANCE / (len(names) + 1)

    def agreed(name: str) -> AgreementFigures:
        return _agreed(occasion, name, ratings if name == ALL else _against_rest(ratings, name), level, rng)

    measured = bulkhead.each([ALL, *names], agreed, what="measuring agreement")
    span = since, occasion.now
    seen = [Reading("agreement", name, span, one.verdict, one.to_json()) for name, one in measured.results.items()]
    seen += [unreadable("agreement", name, span, fault) for name, fault in measured.failed.items()]
    reading.record(occasion.store, seen, actor=occasion.actor, now=occasion.now)
    failed = [AgreementFigures(name, 0, 0, None, None, None, None, Verdict.UNREADABLE) for name in measured.failed]
    return [*measured.results.values(), *failed]


def _agreed(
    occasion: Occasion, subject: str, ratings: Ratings, level: float, rng: np.random.Generator
) -> AgreementFigures:
    rules = occasion.policy.gates.training_set
    found = agreement.measure(ratings, rng, pairs=False, level=level)
    low, high = found.alpha_interval.low, found.alpha_interval.high
    named = len(np.unique(ratings.item[ratings.label == 1])) if subject != ALL else found.items
    if found.alpha is None:
        verdict = Verdict.NOT_MEASURED
    elif named < FEWEST or found.items < rules.agreement_cases:
        verdict = Verdict.UNDERPOWERED
    else:
        verdict = Verdict.ALARM if high is not None and high < rules.agreement_at_least else Verdict.QUIET
    return AgreementFigures(subject, found.items, len(ratings.item), found.agreement, found.alpha, low, high, verdict)


def _against_rest(ratings: Ratings, label: str) -> Ratings:
    said = (ratings.label == ratings.labels.index(label)).astype(np.int64)
    return Ratings(ratings.items, ratings.raters, ("another", label), ratings.item, ratings.rater, said)


@step
def look_at_reviewers(occasion: Occasion, window: timedelta) -> list[Signal]:
    """Judge everybody by random rechecks and gold cases; keeps a reading of each reviewer, and one of all together.

    Their record goes back as far as a training counts; habits and biases are those of the last `window`. Names stand in
    the readings alone: the log and the artifacts count.
    """
    since = occasion.now - window
    with occasion.store.read() as connection:
        evidence = _evidence(occasion, connection, since)
    bounds = SignalBounds(wrong=occasion.policy.labels.wrong_at_most)
    # Everybody is judged together, by the others; first alone, so that it shows whose own cases cannot be judged.
    alone = bulkhead.each(
        evidence.reviewers, lambda name: reviewers.look(evidence.of([name]), bounds), what="looking at a reviewer"
    )
    signals = reviewers.look(evidence.of(list(alone.results)), bounds)
    by_name: dict[str, list[Signal]] = {}
    for one in signals:
        by_name.setdefault(one.reviewer, []).append(one)
    seen = [
        Reading("reviewers", name, (since, occasion.now), overall(found), figures(found).to_json())
        for name, found in by_name.items()
    ]
    seen += [
        unreadable("reviewers", name, (since, occasion.now), fault, signals=[]) for name, fault in alone.failed.items()
    ]
    reading.record(occasion.store, seen, actor=occasion.actor, now=occasion.now)
    alarmed = sum(one.verdict is Verdict.ALARM for one in seen)
    (log.warning if alarmed else log.info)("reviewers: %d looked at, %d named", len(seen), alarmed)
    return signals


def overall(signals: Sequence[Signal]) -> Verdict:
    """One verdict of a person: an alarm where a signal names them, quiet only where something could have been seen.

    Random rechecks and gold cases name; what all share is judged by its bias.
    """
    verdicts = {one.verdict for one in signals if one.name in NAMING or one.reviewer == EVERYBODY}
    return next(
        (one for one in (Verdict.ALARM, Verdict.QUIET, Verdict.UNDERPOWERED) if one in verdicts), Verdict.NOT_MEASURED
    )


def figures(signals: Sequence[Signal]) -> ReviewerFigures:
    """The signals of one reviewer as a reading keeps them."""
    return ReviewerFigures(signals=tuple(SignalFigures.of(one) for one in signals))


def _evidence(occasion: Occasion, connection: Connection, since: datetime) -> ReviewerRecords:
    known = reviewer_decisions.decisions(connection, Window.up_to(occasion.now, since=since))
    suggested = known[known["proposed"].notna()]
    blind = known["blind"].to_numpy(dtype=bool)
    timed = known[~blind & known["seconds"].notna().to_numpy()]
    quick = suggested[(suggested["kind"] == "review") & (suggested["queue"] == "B")]
    return ReviewerRecords(
        trials=trials(occasion, connection),
        timed=timed.assign(place=_places(timed)),
        mixed=quick.assign(visible=~quick["blind"].astype(bool), approved=quick["label"] == quick["proposed"]),
        turns=_turns(occasion, suggested),
    )


def _opinions(occasion: Occasion, connection: Connection, since: datetime) -> pd.DataFrame:
    """Blind opinions on cases that chance chose to be repeated: item, reviewer, label; of each the last."""
    said = label_rows.opinions(connection, since=since, at_random=True)
    escalating = occasion.policy.escalation.reasons
    opinions = [labels.opinion(row["outcome"], row["label"], row["reason_code"], escalating) for row in records(said)]
    told = said.assign(label=pd.Series(opinions, index=said.index, dtype=object)).dropna(subset="label")
    last = told.drop_duplicates(["case_id", "reviewer"], keep="last")
    return last.assign(item=last["case_id"].astype(str))[["item", "reviewer", "label"]]


def trials(occasion: Occasion, connection: Connection) -> pd.DataFrame:
    """Everybody's answers to cases that chance chose: person, kind, at, wrong (None: not settled), chance.

    They go back as far as a training counts, and no further than the last test that somebody else handed them and that
    they passed: with it a record begins anew.
    """
    since = occasion.now - occasion.policy.labels.training_valid_for
    repeated = rechecks.trials(
        recheck_rows.draws(connection, since=since),
        recheck_rows.opinions(connection, since=since),
        occasion.policy.escalation.reasons,
    )
    rows = pd.concat([repeated.assign(kind=RECHECKS), _gold(occasion, connection, since)], ignore_index=True)
    anew = reviewer_quality.begun_anew(connection)
    current = [at >= anew.get(person, since) for person, at in zip(rows["person"], rows["at"], strict=True)]
    return rows[np.array(current, dtype=bool)].reset_index(drop=True)


def _gold(occasion: Occasion, connection: Connection, since: datetime) -> pd.DataFrame:
    """Answers to gold cases slipped in that can no longer be undone, as `trials` has them."""
    stands = occasion.now - occasion.policy.desk.undo_within
    rows = [
        (person["name"], answer.decided_at, not answer.right, 1.0, GOLD)
        if answer.seeded is None
        else (person["name"], answer.decided_at, answer.answer == answer.seeded, 1.0, DECEIVED)
        for person in records(staff.people(connection))
        for answer in reviewer_quality.answers(connection, person["name"], since=since, until=stands)
    ]
    return pd.DataFrame(rows, columns=["person", "at", "wrong", "chance", "kind"], dtype=object)


def _places(decisions: pd.DataFrame) -> list[str]:
    return [PLACES.get(key, "other") for key in zip(decisions["kind"], decisions["queue"], strict=True)]


def _turns(occasion: Occasion, suggested: pd.DataFrame) -> pd.DataFrame:
    """What became of each suggestion, once for each of the policy's groupings."""
    said = suggested[suggested["label"].notna()]
    parts = [
        pd.DataFrame(
            {
                "reviewer": said["reviewer"],
                "grouping": grouping,
                "group": [values.get(grouping) for values in said["fields"]],
                "reference": said["proposed"],
                "said": said["label"],
            }
        )
        for grouping in occasion.policy.fairness.groups
    ]
    empty = ReviewerRecords().turns.assign(grouping=pd.Series(dtype=object))
    return pd.concat(parts, ignore_index=True) if parts else empty
