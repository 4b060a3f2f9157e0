"""What a refusal looks like: one sentence, on a page or as JSON, with the status that belongs to it."""

from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from desk.pages import page
from desk.permit import SAFE, SignedOut
from handrail.errors import (
    BadInput,
    Conflict,
    GateFailed,
    HandrailError,
    NotFound,
    NotPermitted,
    Refused,
    RetryableError,
)

STATUSES: tuple[tuple[type[HandrailError], int], ...] = (
    (SignedOut, 401), (NotPermitted, 403), (NotFound, 404), (Conflict, 409), (Refused, 409), (GateFailed, 409),
    (BadInput, 400), (RetryableError, 503), (HandrailError, 400),
)  # fmt: skip
TITLES = {
    400: "That did not work", 401: "Please sign in", 403: "Not yours to do", 404: "Not found", 405: "Not found",
    409: "Somebody was first", 413: "Too large", 422: "That did not work", 503: "Please try again",
}  # fmt: skip


def add_to(app: FastAPI) -> None:
    """Let `app` answer refusals in sentences."""
    app.add_exception_handler(HandrailError, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]


def status_of(refusal: HandrailError) -> int:
    """The HTTP status of a refusal."""
    return next(status for kind, status in STATUSES if isinstance(refusal, kind))


def wants_json(request: Request) -> bool:
    """Whether the page's script or a program asks, and not a person."""
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get("Accept", "")


def problem(request: Request, status: int, sentence: str) -> Response:
    """The answer that says what went wrong."""
    headers = {"Retry-After": "5"} if status == 503 else None  # noqa: PLR2004 - service unavailable
    if wants_json(request):
        return JSONResponse({"status": status, "problem": sentence}, status, headers)
    found = page(
        request, "problem.html", status=status, title=TITLES.get(status, "That did not work"), sentence=sentence
    )
    if headers:
        found.headers.update(headers)
    return found


async def _refused(request: Request, refusal: HandrailError) -> Response:
    if isinstance(refusal, SignedOut) and not wants_json(request):
        back = request.url.path if request.method in SAFE else "/"
        return RedirectResponse(f"/sign-in?then={quote(back)}", 303)
    return problem(request, status_of(refusal), str(refusal))


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    where = ", ".join(sorted({".".join(str(part) for part in one["loc"][1:]) or "body" for one in error.errors()}))
    return problem(
        request, 422, f"The request has missing or unusable values: {where}. Correct them and send it again."
    )


async def _http(request: Request, error: HTTPException) -> Response:
    sentence = {404: "There is no such page. Go back to the start.", 405: "This address cannot be used that way."}
    return problem(request, error.status_code, sentence.get(error.status_code, str(error.detail)))
