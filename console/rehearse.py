"""`handrail rehearse`: a past is played in a workspace of its own, and what came of it is told."""

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.anew import anew, finish
from console.answer import AsJson, Encoding, answer
from handrail import drafts
from handrail.errors import BadInput, Refused
from handrail.workspace import Workspace

if TYPE_CHECKING:
    from flows.rehearsal import WeekTold
    from handrail.rehearsed import Rehearsed, ThresholdRule
    from tasks.rehearsal.people import SimulatedReviewer
    from tasks.rehearsal.played import Played
    from tasks.rehearsal.year import Year

LEGEND = (
    "A line comes after each week. A: handled without a person; B: a person checks what the model suggests; "
    "C: a person decides alone; waiting: work that nobody has done by the week's end.\n"
)
APART = ("HANDRAIL_DATABASE_URL", "HANDRAIL_SECRET", "HANDRAIL_ALERTS", "HANDRAIL_HOME", "PREFECT_API_URL")
"""What would lead a rehearsal to live data, or live people to a rehearsal's alarms."""


def register(app: typer.Typer) -> None:
    """Add this topic's command."""
    app.command()(rehearse)


def rehearse(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet: cases of the past with their category.")],
    text: Annotated[str, typer.Option(help="Column with the text.", metavar="COL")],
    label: Annotated[str, typer.Option(help="Column with the right category.", metavar="COL")],
    time: Annotated[str, typer.Option(help="Column with the time of arrival.", metavar="COL")],
    began: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First day played; earlier rows are history. A verdict needs enough of them (300, or the policy's "
            "model.min_labels) and 28 days from here on. Default: the file's middle or its last twelve weeks, moved "
            "so that both fit where they can.",
            metavar="DATE",
        ),
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="policy.yaml; else one is made from the categories.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="mapping.yaml; else one is made from the columns.")] = None,
    people: Annotated[
        Path | None, typer.Option(help="YAML list of name, accuracy, seconds, follows, a_day; else r1 to r4.")
    ] = None,
    launch: Annotated[
        str | None, typer.Option(help="Category that the owner adds when the product has named it.", metavar="CATEGORY")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Days played; default to the end of the file.")] = None,
    seed: Annotated[int, typer.Option(help="Of arrivals within a day, days of absence and people's answers.")] = 7,
    home: Annotated[Path | None, typer.Option(help="Workspace folder; default .handrail-rehearsal.")] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help="CSV, a row a live case; decided: what was done first, or why it was denied.", metavar="OUT"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Report for the owner, one HTML page.", metavar="REPORT.html")
    ] = None,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Play your own past day by day through the real flows: what would have been automated, and how well?

    Nothing live is touched: people and world are simulated, in a workspace of their own.
    """
    from console.places import require_places
    from tasks.rehearsal import people as simulated
    from tasks.rehearsal import year as past
    from tasks.rehearsal.columns import Named

    require_places(cases, out, inputs=[file])
    folder = (home or Path(".handrail-rehearsal")).expanduser().resolve()
    for given in (file, policy, mapping, people):
        if given is not None and given.resolve().is_relative_to(folder):
            raise Refused(f"{given} lies in {folder}, which is made anew. Copy it to another folder first.")
    asked = past.Asked(
        file.resolve(), Named(text, label, time), _day(began), days, launch, policy, mapping, encoding, seed
    )
    year = past.read(asked)
    staff = simulated.read(people) if people else simulated.DEFAULT
    for sentence in year.sentences:
        tell(sentence)
    from flows.local_server import QUIET

    with apart(QUIET), anew(folder, seed, "rehearse") as workspace:
        played = _play(workspace, year, staff, seed)
        finish(workspace, "rehearse")
        if out is not None:
            _report(played, staff, workspace, out)
    _answer(played, cases, out, workspace, as_json=as_json)


def _report(played: "Played", staff: "tuple[SimulatedReviewer, ...]", workspace: Workspace, out: Path) -> None:
    from console.places import written
    from tasks.occasion import enter
    from tasks.rehearsal import owner_report, telling
    from tasks.rehearsal.people import STEWARD

    year = played.year
    evening = year.moment(year.began + timedelta(days=year.days), timedelta(hours=13))
    told = telling.gather(enter(workspace, STEWARD, evening), played, staff)
    with written(out) as place:
        owner_report.write(told, place)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--from {text!r} is no day. Write it as 2026-05-25.") from error


def tell(line: str) -> None:
    """Progress goes to stderr, so that --json stays one document on stdout; as wide as the terminal."""
    typer.echo(wrapped(line), file=sys.stderr)


def wrapped(line: str, indent: str = "  ") -> str:
    """A line in the terminal's width; no word is broken, so that a path in it can be copied."""
    width = max(40, shutil.get_terminal_size().columns)
    return "\n".join(
        textwrap.fill(
            one, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )
        for one in line.split("\n")
    )


@contextmanager
def apart(settings: Mapping[str, str]) -> Iterator[None]:
    """With these settings, and without what names another workspace, its key, its server or its people."""
    inside = {"PREFECT_LOGGING_LEVEL": "CRITICAL", **settings}
    before = {name: os.environ[name] for name in {*APART, *inside} & set(os.environ)}
    for name in APART:
        os.environ.pop(name, None)
    os.environ.update(inside)
    try:
        yield
    finally:
        # Not all of the environment: what a library was told when it was loaded here holds for as long as it is.
        for name in {*APART, *inside}:
            os.environ.pop(name, None)
        os.environ.update(before)


def _play(workspace: Workspace, year: "Year", staff: "tuple[SimulatedReviewer, ...]", seed: int) -> "Played":
    from flows.rehearsal import Rehearsal
    from handrail.acts import keying, publishing
    from handrail.founding import Kind
    from handrail.store.engine import Store, practising
    from tasks.rehearsal.people import STEWARD

    with practising():
        store, start = Store(workspace.database_url), year.moment(year.began)
        store.upgrade()
        publishing.found(store, year.policy, founder=STEWARD, now=start, workspace=Kind.REHEARSAL)
        keying.bind(store, workspace.secret(), actor=STEWARD, now=start)
        rehearsal = Rehearsal(
            workspace, year, staff, seed=seed, tell=lambda week: typer.echo(week_line(week), file=sys.stderr)
        )
        drafts.write_text(rehearsal.mapping_file, year.mapping.model_dump_json(exclude_none=True, indent=1))
        drafts.write_text(workspace.home / "policy.yaml", year.policy.model_dump_json(indent=1))
        tell(
            f"{len(year.live):,} cases in {year.days} days from {year.began}, {len(year.history):,} earlier ones as "
            f"history, {len(year.policy.categories)} categories. People are simulated, everything else is real.\n"
        )
        tell(LEGEND)
        tell("week  cases     A     B     C  waiting  what was said")
        return rehearsal.run()


def week_line(week: "WeekTold") -> str:
    """One week's figures, and what was said beside them, in as many lines as the terminal's width needs."""
    counts = " ".join(f"{week.queues[name]:>5}" for name in ("A", "B", "C"))
    figures = f"{week.week:>4} {week.cases:>6} {counts} {week.waiting:>8}  "
    said = " ".join(sentence if sentence.endswith((".", "!", "?")) else f"{sentence}." for sentence in week.said)
    return wrapped(figures.replace(" ", "\0") + said, " " * len(figures)).replace("\0", " ").rstrip()


def _answer(played: "Played", cases: Path | None, out: Path | None, workspace: Workspace, *, as_json: bool) -> None:
    from console.places import is_stdout, written

    if cases is not None:
        with written(cases) as place:
            played.cases.to_csv(place, index=False)
    from tasks.rehearsal.worth import document

    found = played.measured()
    aside = cases is not None and is_stdout(cases)
    answer(
        document(found, played.year.policy, policy_given=played.year.policy_given),
        as_json=as_json,
        text=lambda: "\n".join([*summary(found, played, workspace), *places(played.year, workspace, cases, out)]),
        aside=aside,
    )


def summary(found: "Rehearsed", played: "Played", workspace: Workspace) -> list[str]:
    """What came of it, a line a finding."""
    from handrail.proportions import in_percent

    year, notes = played.year, played.notes
    lines = ["", f"{found.cases:,} cases in {found.days} days from {year.began}; people are simulated"]
    share = f"{in_percent(found.automated_share)} {_between(found.share_interval)}"
    begun = "never" if found.automated_from_day is None else f"from day {found.automated_from_day} on"
    lines.append(f"  automated: {share}, {begun}")
    if found.true_error is not None and found.error_interval is not None:
        lines.append(f"  of it wrong: {in_percent(found.true_error, 2)} {_between(found.error_interval)}")
    lines.append(f"  naive rule (confidence above 0.95 of the first model, weeks 4 on): {_rule(found.naive)}")
    lines.append(f"  best threshold in hindsight (weeks 4 to 7): {_rule(found.oracle)}")
    certified = "none" if found.first_certificate_day is None else f"day {found.first_certificate_day}"
    lines.append(f"  first certificate: {certified}")
    if found.launch is not None:
        named = "never named" if found.launch.named_day is None else f"named on day {found.launch.named_day}"
        lines.append(f"  {year.launch}: {named}; {found.launch.automated_wrong} of its cases automated wrongly")
    named_people = [f"{name} on day {one.named_day}" for name, one in found.people.items() if one.named_day is not None]
    lines.append(f"  people named by the watch: {', '.join(named_people) or 'none'}")
    lines.append(
        "  promotions: " + (", ".join(f"version {one.version} on day {one.day}" for one in found.promotions) or "none")
    )
    lines.append(
        f"  audits, second looks and rechecks: {found.minutes_a_day:.1f} minutes a day; test cases: "
        f"{found.test_minutes_a_day:.1f}"
    )
    left = ", ".join(f"{count} {kind}" for kind, count in sorted(notes.waiting.items())) or "nothing"
    lines.append(f"  waiting at the end: {left} (at most {notes.most_waiting:,} on one day)")
    return [*lines, "", f"Workspace     {workspace.home}"]


def places(year: "Year", workspace: Workspace, cases: Path | None, out: Path | None) -> list[str]:
    """Where the files were written, and the command that opens the desk at the rehearsal's end."""
    from console.places import is_stdout

    evening = year.moment(year.began + timedelta(days=year.days), timedelta(hours=13))
    named = (("Report", out), ("Cases", cases))
    written = [f"{name:<13} {path.resolve()}" for name, path in named if path is not None and not is_stdout(path)]
    desk = f"{sys.argv[0]} desk --home {shlex.quote(str(workspace.home))} --as-of {evening:%Y-%m-%dT%H:%MZ}"
    return [*written, f"Desk          {desk}"]


def _between(interval: tuple[float, float]) -> str:
    return f"[{interval[0]:.1%}–{interval[1]:.1%}]"


def _rule(rule: "ThresholdRule") -> str:
    from handrail.proportions import in_percent

    if rule.share is None:
        return "not measured: too few weeks"
    wrong = "" if rule.error is None else f", {in_percent(rule.error, 2)} of it wrong"
    return f"{in_percent(rule.share)}{wrong}"
