"""A past that is played anew: its rows by the product's own reader, split into history and days."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from handrail import drafts
from handrail import mapping as mappings
from handrail import policy as policies
from handrail import rows as row_rules
from handrail.errors import BadInput
from handrail.mapping import Mapping
from handrail.policy import CategoryRules, Policy
from tasks.intake import read as reader
from tasks.rehearsal import columns
from tasks.rehearsal.columns import ROW_NUMBER, Named
from tasks.rehearsal.rules import for_categories, with_category, without

WEEKS = 12
"""So many weeks are played where nobody says from when."""
VERDICT_DAYS = 28
"""So many days are played at least before a verdict: an ordinary month begins with week 4."""
DAY = timedelta(days=1)
AT_ONCE = 20_000
MOST_CATEGORIES = 500
REASONS = ("wrong_category", "out_of_scope")
"""Why simulated people reject."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to have played; dates are days of the file's own offset."""

    file: Path
    named: Named
    began: date | None = None
    days: int | None = None
    launch: str | None = None
    policy: Path | None = None
    mapping: Path | None = None
    encoding: str = "utf-8"
    seed: int = 7


@dataclass(frozen=True)
class Year:
    """What is played: the policy to begin with, the history, and the live rows with the day on which each came.

    `history` and `live` have external_id, received_at, day, text, truth, consent, in the order of time; `cells` has
    their cells as delivered, with the same index. `launched` are the rules of the category that comes later.
    `sentences` say what was taken for what, and what was left out.
    """

    mapping: Mapping
    policy: Policy
    launch: str | None
    launched: CategoryRules | None
    history: pd.DataFrame
    live: pd.DataFrame
    cells: pd.DataFrame
    began: date
    days: int
    offsets: dict[date, tzinfo]
    sentences: tuple[str, ...]
    policy_given: bool = True

    def moment(self, day: date, at: timedelta = timedelta(0)) -> datetime:
        """A time of a day in the file's offset, in UTC."""
        known = [one for one in self.offsets if one <= day] or sorted(self.offsets)[:1]
        offset = self.offsets[max(known)]
        return (datetime.combine(day, time(), tzinfo=offset) + at).astimezone(UTC)

    def day_of(self, moment: datetime) -> int:
        """The number of the day on which a moment lies; the first is 1."""
        last = max(self.offsets)
        offset = self.offsets.get(moment.date(), self.offsets[last])
        return (moment.astimezone(offset).date() - self.began).days + 1

    def deliver(self, rows: pd.DataFrame, path: Path, *, with_labels: bool = False) -> Path:
        """Write rows as the business's systems would deliver them; of the live ones without their category."""
        table = self.cells.loc[rows.index, list(self.mapping.columns)]
        table = table if with_labels else table.assign(**{str(self.mapping.fields.label): ""})
        path.parent.mkdir(parents=True, exist_ok=True)
        with drafts.draft(path) as place:
            table.to_json(place, orient="records", lines=True, force_ascii=False)
        return path


def read(asked: Asked) -> Year:
    """Read the file and say which of it is history.

    Raises:
        BadInput: it cannot be played; the sentence says why and what to do.
    """
    named = asked.named
    if asked.days is not None and asked.days < 1:
        raise BadInput(f"--days {asked.days} plays nothing. Give 1 or more, or leave it out to play to the file's end.")
    found = reader.check(asked.file, encoding=asked.encoding)
    for option, column in (("--text", named.text), ("--label", named.label), ("--time", named.time)):
        if column not in found:
            raise BadInput(f"{asked.file} has no column {column!r}; it has {', '.join(found)}. Correct {option}.")
    if len({named.text, named.label, named.time}) < 3:  # noqa: PLR2004 - the three that are named
        raise BadInput("--text, --label and --time name the same column. Give each its own.")
    frames = list(reader.frames(asked.file, found, batch_rows=AT_ONCE, encoding=asked.encoding))
    rows = pd.concat(frames, ignore_index=True)
    mapping, sentences = _mapping(asked, rows)
    if mapping.fields.external_id == ROW_NUMBER and ROW_NUMBER not in rows:
        rows = rows.assign(**{ROW_NUMBER: [f"row-{at:06d}" for at in range(1, len(rows) + 1)]})
    labelled = rows[rows[named.label].str.strip() != ""]
    if len(labelled) < len(rows):
        sentences.append(f"{len(rows) - len(labelled):,} rows without a category are left out.")
    policy = _policy(asked, mapping, labelled[named.label])
    table, facts, left_out = _parse(labelled.reset_index(drop=True), mapping, policy, asked)
    year = _split(asked, mapping, policy, table, facts)
    given = asked.policy is not None
    return replace(year, sentences=(*sentences, *left_out, *year.sentences), policy_given=given)


def _mapping(asked: Asked, rows: pd.DataFrame) -> tuple[Mapping, list[str]]:
    if asked.mapping is None:
        taken = columns.propose(rows, asked.named)
        return taken.mapping, list(taken.sentences)
    details = columns.details(asked.mapping)
    if details is not None:
        taken = columns.propose(rows, asked.named)
        sentences = [one.replace("No mapping was given.", "The mapping names no columns.") for one in taken.sentences]
        return taken.mapping.model_copy(update=details.model_dump(exclude_unset=True)), sentences
    mapping = columns.complete(mappings.read(asked.mapping), asked.named)
    mapping.check([*rows.columns])
    return mapping, []


def _policy(asked: Asked, mapping: Mapping, labels: "pd.Series[str]") -> Policy:
    names = sorted(labels.unique())
    if not names:
        raise BadInput(f"No row has a category in {asked.named.label!r}. Name the column that holds it with --label.")
    if len(names) > MOST_CATEGORIES or len(names) > len(labels) / 2 > 1:
        raise BadInput(
            f"{asked.named.label!r} holds {len(names):,} different values in {len(labels):,} rows: these are no "
            "categories. Name the column that holds the category with --label."
        )
    if len(names) == 1:
        raise BadInput(
            f"Every row has the category {names[0]!r}: there is nothing to tell apart. Choose another with --label."
        )
    if asked.launch is not None and asked.launch not in names:
        raise BadInput(
            f"No row has the category {asked.launch!r}; the file has {', '.join(names[:30])}. Correct --launch."
        )
    if asked.policy is None:
        return for_categories(names, groups=list(mapping.fields.extra))
    policy = policies.read(asked.policy)
    if asked.launch is not None and asked.launch not in policy.categories:
        policy = with_category(policy, asked.launch)
    unknown = [name for name in names if name not in policy.names_now({})]
    if unknown:
        raise BadInput(
            f"The policy has no category {', '.join(map(repr, unknown[:5]))}, which the file has. Add it to "
            f"{asked.policy}, or leave --policy out to have one made from the categories."
        )
    lacking = [code for code in REASONS if code not in policy.desk.reasons]
    if lacking:
        raise BadInput(
            f"`desk.reasons` of {asked.policy} has no {' and no '.join(lacking)}, by which people deny or correct a "
            "suggestion. Add it there."
        )
    return policy


def _parse(
    rows: pd.DataFrame, mapping: Mapping, policy: Policy, asked: Asked
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The cells of the rows that the product would take in, what it reads in them, and what it would not take."""
    seen: row_rules.Seen = {}
    good, put_aside, repeats = [], [], 0
    for start in range(0, len(rows), AT_ONCE):
        chunk = rows.iloc[start : start + AT_ONCE].reset_index(drop=True)
        parsed = row_rules.parse(
            chunk, mapping, policy, default_received_at=datetime.now(UTC), first_row=start + 1, seen=seen
        )
        good.append(parsed.good[["row_number", "external_id", "received_at", "text", "label", "consent"]])
        put_aside.append(parsed.bad)
        repeats += parsed.repeats
    facts, bad = pd.concat(good, ignore_index=True), pd.concat(put_aside, ignore_index=True)
    if facts.empty:
        raise BadInput(f"No row of {asked.file} can be played. The first: {bad['reason'].iloc[0]}")
    sentences = [f"{repeats:,} rows that stand twice, word for word, are left out."] if repeats else []
    if len(bad):
        sentences.append(f"{len(bad):,} rows cannot be read and are left out. The first: {bad['reason'].iloc[0]}")
    table = rows.iloc[facts["row_number"].to_numpy() - 1].reset_index(drop=True)
    return table, facts.drop(columns="row_number").rename(columns={"label": "truth"}), sentences


def _offset(cell: str, moment: datetime, mapping: Mapping) -> tzinfo:
    """The offset that a time is written in; where it has none, that of the mapping's zone at that moment."""
    try:
        written = (
            datetime.fromisoformat(cell.strip())
            if mapping.date_format is None
            else datetime.strptime(cell.strip(), mapping.date_format)  # noqa: DTZ007 - its zone is what is asked
        )
    except ValueError:
        written = moment.replace(tzinfo=None)
    shift = written.utcoffset()
    if shift is None:
        shift = moment.astimezone(ZoneInfo(mapping.timezone)).utcoffset()
    return timezone(shift or timedelta(0))


def _with_days(table: pd.DataFrame, facts: pd.DataFrame, mapping: Mapping) -> tuple[pd.DataFrame, dict[date, tzinfo]]:
    """The facts with the day of each in its own offset, and the offset of each day."""
    column = str(mapping.fields.received_at)
    moments = [moment.to_pydatetime() for moment in facts["received_at"]]
    shifts = [_offset(cell, moment, mapping) for cell, moment in zip(table[column], moments, strict=True)]
    days = [moment.astimezone(shift).date() for moment, shift in zip(moments, shifts, strict=True)]
    offsets: dict[date, tzinfo] = {}
    for day, shift in zip(days, shifts, strict=True):
        offsets.setdefault(day, shift)
    return facts.assign(day=pd.Series(days, index=facts.index, dtype=object)), offsets


def _reorder(
    table: pd.DataFrame, facts: pd.DataFrame, time_column: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same cases of each day at each other's times: what is written when is chance, within the day."""
    place = np.arange(len(facts))
    for rows in facts.groupby("day", sort=True).indices.values():
        place[rows] = rng.permutation(rows)
    table = table.assign(**{time_column: table[time_column].to_numpy()[place]})
    facts = facts.assign(received_at=facts["received_at"].iloc[place].to_numpy())
    order = facts["received_at"].argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True), facts.iloc[order].reset_index(drop=True)


def _split(asked: Asked, mapping: Mapping, policy: Policy, table: pd.DataFrame, facts: pd.DataFrame) -> Year:
    facts, offsets = _with_days(table, facts, mapping)
    table, facts = _reorder(table, facts, asked.named.time, np.random.default_rng([asked.seed, 1]))
    first, last = facts["day"].min(), facts["day"].max()
    known = facts.loc[facts["truth"] != asked.launch, "day"]
    fits = _fits(known, last, policy.model.min_labels)
    began, sentences = _began(asked, first, last, fits)
    days = (last - began).days + 1
    if asked.days is not None and asked.days > days:
        sentences.append(f"The file ends on {last}: {days} days are played.")
    days = min(days, asked.days or days)
    live = facts[(facts["day"] >= began) & (facts["day"] < began + days * DAY)]
    history = facts[facts["day"] < began]
    launched = policy.categories.get(asked.launch) if asked.launch else None
    if asked.launch is not None:
        policy = without(policy, asked.launch)
        kept = history[history["truth"] != asked.launch]
        sentences.append(_of_launch(asked.launch, len(history) - len(kept), live))
        history = kept
    _require_history(history, began)
    later = sorted(set(live["truth"]) - set(history["truth"]) - {asked.launch})
    if later:
        sentences.append(
            f"{', '.join(later)} first {'come' if len(later) > 1 else 'comes'} after {began}, and the policy has the "
            f"category from the beginning; `--launch {later[0]}` would let the owner add it when it is noticed."
        )
    sentences += _short_of_a_verdict(len(history), policy.model.min_labels, days, began, last, fits)
    return Year(mapping, policy, asked.launch, launched, history, live, table, began, days, offsets, tuple(sentences))


@dataclass(frozen=True, slots=True)
class _Fits:
    """First days of play that give a first model (`earliest`, None: none does) and a verdict (up to `latest`)."""

    earliest: date | None
    latest: date

    @property
    def both(self) -> bool:
        """Is there a day that gives both?"""
        return self.earliest is not None and self.earliest <= self.latest


def _fits(days: "pd.Series[Any]", last: date, needed: int) -> _Fits:
    before = sorted(days)
    learnt = before[needed - 1] + DAY if len(before) >= needed else None
    return _Fits(learnt if learnt is not None and learnt <= last else None, last - (VERDICT_DAYS - 1) * DAY)


def _short_of_a_verdict(rows: int, needed: int, days: int, began: date, last: date, fits: _Fits) -> list[str]:
    """What a verdict needs, what there is, and the --from that gives it; empty where nothing is short."""
    if rows >= needed and days >= VERDICT_DAYS:
        return []
    need = (
        f"A verdict needs {needed:,} labelled rows before --from (`model.min_labels`) and {VERDICT_DAYS} days from it "
        f"on; with --from {began} there are {rows:,} and {days}"
    )
    if rows >= needed and (last - began).days + 1 >= VERDICT_DAYS:
        return [f"{need}: give --days {VERDICT_DAYS} or more, or leave it out."]
    if fits.both:
        least = "" if days >= VERDICT_DAYS or (last - began).days + 1 < VERDICT_DAYS else ", without --days,"
        return [f"{need}: --from {fits.earliest}{least} gives both."]
    small = f"{need}: the file is too small for a verdict, whatever --from says."
    if rows >= needed:
        return [small]
    if fits.earliest is None:
        return [f"{small} It is played without a first model; people decide everything until there are enough labels."]
    return [
        f"{small} People decide everything until there are enough labels; --from {fits.earliest} has a first model."
    ]


def _began(asked: Asked, first: date, last: date, fits: _Fits) -> tuple[date, list[str]]:
    """The first day that is played, and what to say of it."""
    span = f"The file runs from {first} to {last}"
    if asked.began is None:
        began = max(last - WEEKS * 7 * DAY + DAY, first + (last - first) // 2 + DAY)
        if began > last:
            raise BadInput(f"{span}: one day cannot be both history and played. Give a longer past.")
        if fits.both and fits.earliest is not None:
            began = min(max(began, fits.earliest), fits.latest)
        return began, [f"{span}. Played from {began} on, what lies before is history; --from chooses another day."]
    if asked.began <= first:
        raise BadInput(
            f"{span}: no row lies before {asked.began}, so there is no history. Choose a later day with --from."
        )
    if asked.began > last:
        raise BadInput(f"{span}: no row lies on or after {asked.began}. Choose an earlier day with --from.")
    return asked.began, []


def _require_history(history: pd.DataFrame, began: date) -> None:
    names = sorted(set(history["truth"]))
    if len(names) > 1:
        return
    only = f"only the category {names[0]!r}" if names else "no row with a category of the policy"
    raise BadInput(
        f"Before {began} there is {only}: a model has nothing to tell apart. Choose a later day with --from, or give "
        "more of the past."
    )


def _of_launch(name: str, removed: int, live: pd.DataFrame) -> str:
    came = int((live["truth"] == name).sum())
    if not came:
        return f"No case of {name} comes in the days that are played: its launch cannot be seen. See --from and --days."
    first = live.loc[live["truth"] == name, "day"].min()
    return f"{name} is kept out of policy and history ({removed:,} rows) and comes on {first}, {came:,} cases in all."
