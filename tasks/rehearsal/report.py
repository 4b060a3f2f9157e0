"""The sample business's rehearsal as one self-contained HTML page."""

from functools import lru_cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from handrail import drafts
from tasks.rehearsal import findings, shortfalls
from tasks.rehearsal.plots import groups, weekly
from tasks.rehearsal.plots.certificates import certificate_table
from tasks.rehearsal.story import Story


def write(story: Story, file: Path, *, breaker_limit: float | None = None) -> Path:
    """Write the report and return its path.

    The page asks nothing of the network and runs no script. `breaker_limit` is the policy's share of rejections
    at which automation pauses, drawn beside the errors; a story without weeks gives a page that says so.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    drafts.write_text(file, page(story, breaker_limit))
    return file


def page(story: Story, breaker_limit: float | None = None) -> str:
    """The report as HTML; every text of the story is escaped."""
    return _template().render(
        story=story,
        cards=findings.cards(story),
        shortfalls=shortfalls.shortfalls(story, breaker_limit),
        planted=findings.planted_table(story),
        weeks=findings.week_table(story),
        reasons=findings.reason_table(story),
        versions=findings.version_table(story),
        certificates=certificate_table(story),
        pauses=findings.pause_table(story),
        reviews=findings.review_table(story),
        queues=weekly.plot_queues(story),
        errors=weekly.plot_errors(story, breaker_limit),
        agreement=weekly.plot_agreement(story),
        trends=weekly.plot_trends(story),
        kpis=weekly.kpi_table(story),
        before_after=weekly.before_after(story),
        regions=groups.plot_groups(story),
        gaps=groups.plot_gaps(story),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("tasks.rehearsal"), PackageLoader("tasks.views")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("sample.html.j2")
