"""`handrail demo`: the sample business rehearsed in a fresh workspace, with its summary and its report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from console.anew import anew, finish
from console.rehearse import apart
from handrail.proportions import in_percent
from handrail.workspace import Workspace

if TYPE_CHECKING:
    from tasks.rehearsal.story import Story, Week

LEGEND = (
    "A, B, C: the cases by queue; auto: queue A's share. Audited error: of the audits decided in the week, with its\n"
    "counts, each weighted for how it was drawn. True: the share of the week's auto-approvals that really was wrong."
)


def run_demo(*, weeks: int, seed: int, home: Path, per_week: int, as_json: bool) -> None:
    """Run the rehearsal in `home`, which is made anew.

    Raises:
        Refused: `home` holds something that the demo did not make.
    """
    from flows.local_server import LocalServer
    from handrail.store.engine import practising

    with anew(home.expanduser().resolve(), seed, "demo") as workspace:
        server = LocalServer(workspace)
        tell(f"Starting a Prefect server in {workspace.home} …")
        with apart(server.environment()), practising(), server:
            story, report = _rehearse(workspace, weeks=weeks, seed=seed, per_week=per_week)
        workspace.password_file.unlink()  # nobody was told it: `handrail up` makes one, and tells it
        finish(workspace, "demo")
    _finish(story, report, workspace, as_json=as_json)


def tell(line: str) -> None:
    """Progress on stderr, as it is: weeks are lines of a table."""
    typer.echo(line, file=sys.stderr)


def _rehearse(workspace: Workspace, *, weeks: int, seed: int, per_week: int) -> "tuple[Story, Path]":
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.sample_rehearsal import SampleRehearsal
    from handrail import policy as policies
    from handrail.acts import keying, publishing
    from handrail.founding import Kind
    from handrail.sample import generate
    from handrail.store.engine import Store
    from tasks.rehearsal.report import write
    from tasks.rehearsal.simulate import STEWARD

    business = generate(weeks, seed, per_week=per_week)
    store = Store(workspace.database_url)
    store.upgrade()
    sample = policies.BUSINESSES / "sample"
    rules = policies.read(sample / "policy.yaml")
    publishing.found(
        store,
        rules,
        founder=STEWARD,
        now=business.start,
        made=publishing.Made("business", rules.business),
        workspace=Kind.REHEARSAL,
    )
    keying.bind(store, workspace.secret(), actor=STEWARD, now=business.start)
    tell(
        f"{len(business.cases)} cases in {weeks} weeks, {len(business.history)} earlier ones as history. "
        "People and outcomes are simulated, everything else is real.\n"
    )
    tell(LEGEND)
    tell("week  cases     A     B     C  auto  audited error (95 %)    true  notes")
    # The heartbeat thread sleeps for a second at the end of every flow run; a rehearsal has no use for it.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        rehearsal = SampleRehearsal(
            workspace, business, str(sample / "mapping.yaml"), tell=lambda week: tell(week_line(week))
        )
        story = rehearsal.run()
    page = workspace.reports / "rehearsal.html"
    return story, write(story, page, breaker_limit=rules.breaker.limit)


def week_line(week: "Week") -> str:
    """One week on one line."""
    audited = week.audited
    shown = "not measured"
    if audited is not None and audited.n:
        between = f"[{audited.low:.1%}–{audited.high:.1%}]"
        shown = f"{in_percent(audited.rate)} {between} {audited.errors}/{audited.n}"
    true = "–" if week.true_error is None else in_percent(week.true_error)
    counts = " ".join(f"{week.queues.get(name, 0):>5}" for name in ("A", "B", "C"))
    notes = "; ".join(week.notes())
    return f"{week.number:>4} {week.cases:>6} {counts} {week.automation_share:>5.0%}  {shown:<22} {true:>5}  {notes}"


def _finish(story: "Story", report: Path, workspace: Workspace, *, as_json: bool) -> None:
    from console.answer import answer
    from tasks.rehearsal.story import summary

    lines = summary(story)
    value = {
        "report": str(report),
        "home": str(workspace.home),
        "flow_runs": story.flow_runs,
        "seconds": round(story.seconds, 1),
        "trail_valid": story.trail_valid,
        "trail_events": story.trail_events,
        "promoted": story.promoted(),
        "refused": story.refused(),
        "events": [event.__dict__ for event in story.planted],
        "summary": lines,
    }
    closing = [
        "",
        *lines,
        "",
        f"Report        {report}",
        f"Data Docs     {workspace.data_docs}",
        f"Run history   HANDRAIL_HOME={workspace.home} {sys.argv[0]} up",
        f"Desk          {sys.argv[0]} desk --home {workspace.home} --as-of {story.morning:%Y-%m-%dT%H:%MZ}",
    ]
    answer(value, as_json=as_json, text="\n".join(closing))
