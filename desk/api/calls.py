"""One call: its body as strict JSON, and its Idempotency-Key, with which it happens once."""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from fastapi import params as kinds
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from desk.context import Desk
from desk.permit import TheDesk
from handrail.acts import tokens
from handrail.acts.signing_in import Visitor
from handrail.store.engine import Store

Answer = TypeVar("Answer", bound=BaseModel)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="A random name of this call. The same key with the same request is answered as before for 24 "
        "hours and does nothing again; with another request it is refused with 409.",
        examples=["7f9c24e5-2b1d-4a59-9d27-3f5c1b8e6a10"],
    ),
]

MOST_FIELDS = 200
"""Of one JSON object: of each that it does not know, a route would say so."""


class _StrictRequest(Request):
    """Reads no JSON that could mean two things."""

    async def json(self) -> Any:  # noqa: ANN401 - any JSON value
        if not hasattr(self, "_json"):
            self._json = _read(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route whose body is strict JSON under its own name, and whose query holds nothing that it does not know."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle a request."""
        handle = super().get_route_handler()
        asked = get_flat_params(self.dependant)
        known = {field.alias for field in asked if isinstance(field.field_info, kinds.Query)}

        async def handle_strictly(request: Request) -> Response:
            if unknown := sorted(set(request.query_params) - known):
                raise HTTPException(422, f"The query has no {unknown[0][:40]!r}. Leave it out, or correct the name.")
            strict = _StrictRequest(request.scope, request.receive)
            kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != "application/json" and await strict.body():
                raise HTTPException(415, "The body is no JSON. Send it with `Content-Type: application/json`.")
            return await handle(strict)

        return handle_strictly


def _read(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"The body is no JSON: {error.msg} at character {error.pos}. Correct it.") from None
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is not UTF-8. Send it in UTF-8.") from None
    except RecursionError:
        raise HTTPException(400, "The body is nested too deeply. Send what the document describes.") from None
    except ValueError as error:
        raise HTTPException(400, f"The body cannot be used: {error}. Correct it.") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_FIELDS:
        raise ValueError(f"an object has more than {MOST_FIELDS} fields")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same field twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that asks for an act."""

    desk: Desk
    response: Response
    key: str | None
    request: str

    def act(self, visitor: Visitor, kind: type[Answer], act: Callable[[Store], Answer], *, status: int = 200) -> Answer:
        """Let `act` write, once for the call's key; what it answers holds ids and codes only, for it is kept."""
        if self.key is None:
            return self.desk.act(act)
        key = self.key

        def answer(store: Store) -> tuple[int, dict[str, Any]]:
            return status, act(store).model_dump(mode="json")

        _, body, again = self.desk.act(
            lambda store: tokens.once(store, answer, person=visitor.name, key=key, request=self.request)
        )
        if again:
            self.response.headers["Idempotency-Replayed"] = "true"
        return kind.model_validate(body)


async def _call(request: Request, response: Response, desk: TheDesk, key: Key = None) -> Call:
    """The call with the digest of what it asks for."""
    asked = sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    asked.update(await request.body())
    return Call(desk, response, key, asked.hexdigest())


TheCall = Annotated[Call, Depends(_call)]
