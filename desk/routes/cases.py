"""Cases: found by filters, explained on a page of their own, their raw text shown to whom it is needed by."""

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk import filters
from desk.context import Desk
from desk.filters import Filters
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.wording import at_desk
from handrail.acts import purging, viewing
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput
from handrail.store import changes, dossier, retention, search, trail
from handrail.store.dossier import Dossier
from handrail.store.search import Criteria, Place
from handrail.store.trail import Sought
from handrail.store.visibility import Onlooker
from tasks.views import history, narration
from tasks.views.explain import explain_prediction

router = APIRouter(prefix="/cases")

Reason = Annotated[str, Form(max_length=2000)]
PAGE = 25
COUNTED = 1000
OTHERS = 10
EVENTS = 200
CSV_COLUMNS = (
    "id",
    "source",
    "external_id",
    "received_at",
    "state",
    "queue",
    "category",
    "outcome",
    "label",
    "amount",
    "flags",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate instead of show."""


@router.get("")
def find(request: Request, desk: TheDesk, visitor: Visitor = permit("read_cases")) -> Response:
    """Search; an address with empty filters leads to the one without."""
    asked = _filters(request, desk)
    if len(asked.typed) < len(request.query_params):
        return RedirectResponse(asked.address("/cases"), 303)
    onlooker = _onlooker(desk, visitor)
    rows: list[search.ListedCase] = []
    total, older, sentence = 0, None, None
    try:
        wanted, after = _wanted(asked, desk, visitor)
    except BadInput as refusal:
        sentence = at_desk(refusal)
    else:
        with desk.store.read() as connection:
            rows, older = search.find(connection, wanted, onlooker, after=after, limit=PAGE)
            total = search.count(connection, wanted, onlooker, at_most=COUNTED + 1)
    return page(
        request,
        "cases.html",
        status=200 if sentence is None else 400,
        rows=rows,
        total=total,
        counted=COUNTED,
        sentence=sentence,
        asked=asked,
        older=filters.written(older),
        policy=desk.policy(),
        choices=filters,
        some_are_kept=onlooker.may("decide") or onlooker.may("adjudicate"),
        excerpt=_excerpt,
        who=narration.who,
    )


@router.post("/export")
def export(request: Request, desk: TheDesk, visitor: Visitor = permit("read_cases")) -> Response:
    """The rows of one page as a file, without any text; first its event, then the file."""
    wanted, after = _wanted(_filters(request, desk), desk, visitor)
    with desk.store.read() as connection:
        rows, _ = search.find(connection, wanted, _onlooker(desk, visitor), after=after, limit=PAGE)
    ids = [row.id for row in rows]
    desk.act(lambda store: viewing.record_export(store, ids, actor=visitor.name, now=desk.clock()))
    headers = {"Content-Disposition": 'attachment; filename="cases.csv"'}
    return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/{case_id}")
def show(case_id: int, request: Request, desk: TheDesk, visitor: Visitor = permit("read_cases")) -> HTMLResponse:
    """Explain one case."""
    onlooker = _onlooker(desk, visitor)
    with desk.store.read() as connection:
        file = dossier.opened(connection, case_id, onlooker)
        ids, others_in_all = dossier.others_of_customer(connection, case_id, limit=OTHERS)
        events = trail.newest(connection, Sought(case=case_id), onlooker=onlooker, limit=EVENTS)
        loose = trail.loose(connection, [event.seq for event in events])
        others = search.rows_of(connection, ids, onlooker)
        hold = retention.hold_of(connection, case_id)
        changed = [] if file.kept else changes.shown(connection, case_id)
        earlier_case, later_case = (None, None) if file.kept else changes.links(connection, case_id)
    policy = desk.policy()
    return page(
        request,
        "case.html",
        file=file,
        policy=policy,
        moments=history.story(file, policy),
        history=history,
        narration=narration,
        because=_because(desk, visitor, file),
        may=onlooker.may,
        reasons=viewing.REASONS,
        others=others,
        others_in_all=others_in_all,
        events=events[::-1],
        loose=loose,
        hold=hold,
        changed=changed,
        earlier_case=earlier_case,
        later_case=later_case,
    )


@router.post("/{case_id}/hold")
def hold(case_id: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("hold_text")) -> RedirectResponse:
    """Keep a case's texts, whatever the retention says."""
    now = desk.clock()
    desk.act(lambda store: purging.hold(store, case_id, reason=reason, actor=visitor.name, now=now))
    return RedirectResponse(f"/cases/{case_id}", 303)


@router.post("/{case_id}/release")
def release(
    case_id: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("hold_text")
) -> RedirectResponse:
    """Let the retention count for a case again."""
    now = desk.clock()
    desk.act(lambda store: purging.release(store, case_id, reason=reason, actor=visitor.name, now=now))
    return RedirectResponse(f"/cases/{case_id}", 303)


@router.post("/{case_id}/raw")
def show_raw(
    case_id: int,
    request: Request,
    desk: TheDesk,
    reason: Annotated[str, Form()] = "",
    sentence: Annotated[str, Form()] = "",
    visitor: Visitor = permit("read_raw"),
) -> HTMLResponse:
    """Show what the customer wrote, after the trail has it in writing who saw it and why."""
    policy, now = desk.policy(), desk.clock()
    found = desk.act(
        lambda store: viewing.view(
            store, case_id, sentence.strip() or reason, policy=policy, actor=visitor.name, now=now
        )
    )
    return page(request, "case_raw.html", raw=found, pieces=_marked(found.text, found.findings))


def as_csv(rows: Sequence[search.ListedCase]) -> str:
    """Rows as a file for a spreadsheet; a cell that it would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        written = {"received_at": row.received_at.isoformat(), "flags": " ".join(row.flags)}
        writer.writerow([_cell(written.get(name, getattr(row, name))) for name in CSV_COLUMNS])
    return "\ufeff" + out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _filters(request: Request, desk: Desk) -> Filters:
    return Filters(request.query_params, ZoneInfo(desk.policy().sla.calendar.timezone))


def _wanted(asked: Filters, desk: Desk, visitor: Visitor) -> tuple[Criteria, Place | None]:
    return filters.criteria(asked, visitor.name, desk.policy()), filters.place(asked)


def _onlooker(desk: Desk, visitor: Visitor) -> Onlooker:
    return Onlooker(visitor.name, visitor.roles, desk.clock())


def _because(desk: Desk, visitor: Visitor, file: Dossier) -> Any:  # noqa: ANN401 - the models' own value, or None
    """What carried the suggestion; None where nothing may or can be told."""
    if file.route is None or file.route.model_version is None or file.purged:
        return None
    return explain_prediction(desk.occasion(visitor.name), file.route.model_version, file.id)


def _excerpt(text: str | None, words: str, length: int = 160) -> str:
    """A line of the text around the first word that was looked for."""
    line = " ".join((text or "").split())
    at = min((place for word in words.split() if (place := line.casefold().find(word.casefold())) >= 0), default=0)
    start = max(0, at - length // 3)
    return ("…" if start else "") + line[start : start + length] + ("…" if len(line) > start + length else "")


def _marked(text: str, findings: tuple[tuple[str, int, int], ...]) -> list[tuple[str, str | None]]:
    """The text in pieces, each with the type of personal data that it is, if any."""
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for kind, start, end in sorted(findings, key=lambda finding: finding[1]):
        pieces += [(text[at:start], None), (text[start:end], kind)]
        at = end
    return [piece for piece in (*pieces, (text[at:], None)) if piece[0]]
