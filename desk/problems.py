"""What a refusal looks like: one sentence, on a page or as JSON, with the status that belongs to it."""

import logging
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from desk.pages import page
from desk.permit import COOKIE, SAFE, SignedOut, desk_of
from desk.unusable import unusable
from desk.wording import API, DESK, worded
from handrail.errors import (
    BadInput,
    Conflict,
    GateFailed,
    HandrailError,
    NotFound,
    NotPermitted,
    Refused,
    RetryableError,
    WrongKey,
)

STATUSES: tuple[tuple[type[HandrailError], int], ...] = (
    (SignedOut, 401),
    (NotPermitted, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 409),
    (GateFailed, 409),
    (BadInput, 400),
    (WrongKey, 503),
    (RetryableError, 503),
    (HandrailError, 400),
)
TITLES = {
    400: "That did not work",
    401: "Please sign in",
    403: "Not yours to do",
    404: "Not found",
    405: "Not found",
    409: "Somebody was first",
    413: "Too large",
    414: "Too large",
    422: "That did not work",
    431: "Too large",
    500: "Something went wrong",
    503: "Please try again",
}
_NO_SUCH_PAGE = {404: "There is no such page. Go back to the start.", 405: "This address cannot be used that way."}
_NO_SUCH_CALL = {
    404: "There is no such call. Look it up in `GET /api/openapi.json`.",
    405: "This call has another method. Look it up in `GET /api/openapi.json`.",
}
NOT_NOW = "Not possible now"
"""The title where a rule forbids it; where somebody else was faster, the status has its own."""
UNKNOWN, UNAVAILABLE = 401, 503
_NAMED = 10
"""How many values a refusal names: a request may hold thousands that are wrong."""

_log = logging.getLogger("handrail")


def add_to(app: FastAPI) -> None:
    """Let `app` answer refusals in sentences.

    The handlers are no coroutines: they draw pages, which must not hold up everybody else's.
    """
    app.add_exception_handler(HandrailError, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(OverflowError, _too_large)


def status_of(refusal: HandrailError) -> int:
    """The HTTP status of a refusal."""
    return next(status for kind, status in STATUSES if isinstance(refusal, kind))


def wants_json(request: Request) -> bool:
    """Whether the page's script or a program asks, and not a person."""
    return _is_api(request) or "application/json" in request.headers.get("Accept", "")


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def problem(request: Request, status: int, sentence: str, title: str | None = None) -> Response:
    """The answer that says what went wrong; it asks nothing of the database, which may be what went wrong."""
    headers = {"Retry-After": "5"} if status == UNAVAILABLE else None
    if wants_json(request):
        if status == UNKNOWN:
            headers = {"WWW-Authenticate": "Bearer"}
        return JSONResponse({"status": status, "problem": sentence}, status, headers)
    if not hasattr(request.state, "policy"):
        request.state.policy = None
    title = title or TITLES.get(status, "That did not work")
    found = page(request, "problem.html", status=status, title=title, sentence=sentence)
    if headers:
        found.headers.update(headers)
    return found


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    """Send such an answer from a layer outside the routes; the page is drawn where it holds up nobody."""
    answer = await run_in_threadpool(problem, Request(scope), status, sentence)
    await answer(scope, receive, send)


def _refused(request: Request, refusal: HandrailError) -> Response:
    if isinstance(refusal, SignedOut) and not wants_json(request):
        return _to_the_door(request)
    status, sentence = status_of(refusal), worded(str(refusal), API if _is_api(request) else DESK)
    if status == UNAVAILABLE:
        _log.warning("%s %s: %s", request.method, request.url.path, sentence)
        desk = desk_of(request)
        sentence = sentence.replace(desk.store.name, "the database").replace(f"{desk.workspace.home}/", "")
        sentence = sentence[:1].upper() + sentence[1:]
    return problem(request, status, sentence, NOT_NOW if isinstance(refusal, (Refused, GateFailed)) else None)


def _to_the_door(request: Request) -> Response:
    """Ask for the password, and lead back afterwards.

    A link in a mail comes from another site, and the cookie is not for those: the same address is opened once more,
    from our own page, before anybody is taken to be signed out.
    """
    if request.method not in SAFE:
        return RedirectResponse(f"/sign-in?again=1&then={quote(_page_of(request))}", 303)
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and COOKIE not in request.cookies:
        request.state.policy = None
        return page(request, "sign_in_arriving.html")
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/sign-in?then={quote(request.url.path + query)}", 303)


def _page_of(request: Request) -> str:
    """The page of ours on which a form stood."""
    page = urlsplit(request.headers.get("Referer", ""))
    return page.path if page.netloc == request.headers.get("Host") and page.path else "/"


def _invalid(request: Request, error: RequestValidationError) -> Response:
    wrong = sorted({*map(unusable, error.errors())})
    more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return problem(request, 422, f"{'; '.join(wrong[:_NAMED])}{more}. Correct this and send it again.")


def _too_large(request: Request, _: Exception) -> Response:
    """A number of 20 digits, typed into an address: SQLite holds none, and no moment lies so far away."""
    return problem(request, 422, "A number in the request is larger than any that is known here. Correct it.")


def _http(request: Request, error: HTTPException) -> Response:
    sentence = _NO_SUCH_CALL if _is_api(request) else _NO_SUCH_PAGE
    found = problem(request, error.status_code, sentence.get(error.status_code, str(error.detail)))
    found.headers.update(error.headers or {})
    return found
