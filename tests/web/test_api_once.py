"""Every call that writes happens once for its Idempotency-Key, whatever has become of it since."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from desk.api.document import ROUTERS
from handrail.acts import escalating, intake
from handrail.store import schema
from handrail.store.schema import Base
from tests.programs import Program, refused
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene

KEY = {"Idempotency-Key": "once-7"}
WRITTEN_BESIDE = {"idempotent_answers", "tokens", "sessions"}


@dataclass(frozen=True)
class Example:
    """A call that succeeds, another body for the same address, and what undoes or overtakes it."""

    client: TestClient
    path: str
    body: dict[str, Any]
    other: dict[str, Any]
    then: Callable[[], object] = lambda: None


Make = Callable[[Scene, Program], Example]


def _item(client: TestClient, case: int) -> int:
    return int(client.post(f"/queue/cases/{case}/claim").json()["item"])


def _send(scene: Scene, program: Program, path: str, wrap: Callable[[dict[str, str]], dict[str, Any]]) -> Example:
    scene.add_person("dora", "data_curator")
    first, other = ({"external_id": name, "text": "where is it"} for name in ("T-1", "T-2"))
    return Example(program("dora"), path, {"source": "web", **wrap(first)}, {"source": "web", **wrap(other)})


def _outcomes(scene: Scene, program: Program) -> Example:
    scene.add_person("dora", "data_curator")
    scene.automatic(1)
    told = {"external_id": "e-1", "at": NOW.isoformat()}
    return Example(
        program("dora"),
        "/outcomes",
        {"outcomes": [{**told, "kind": "complaint"}]},
        {"outcomes": [{**told, "kind": "closed"}]},
    )


def _next(scene: Scene, program: Program) -> Example:
    scene.waiting(2)
    rita = program("rita")

    def then() -> None:
        (held,) = rita.get("/queue/held").json()["claims"]
        rita.post(f"/queue/{held['item']}/decision", json={"fence": held["fence"], "outcome": "approve"})

    return Example(rita, "/queue/next", {"besides_held": True}, {}, then)


def _claim(scene: Scene, program: Program) -> Example:
    (case,) = scene.waiting(1)
    rita = program("rita")
    item = scene.row(schema.WorkItem)["id"]
    return Example(
        rita,
        f"/queue/cases/{case}/claim",
        {},
        {"unlike": "the first"},
        lambda: rita.post("/queue/release", json={"items": [item]}),
    )


def _renew(scene: Scene, program: Program) -> Example:
    (case,) = scene.waiting(1)
    rita = program("rita")
    item = _item(rita, case)
    return Example(rita, "/queue/renew", {"items": [item]}, {"items": [99]}, lambda: rita.post(f"/queue/{item}/skip"))


def _decision(scene: Scene, program: Program) -> Example:
    (case,) = scene.waiting(1)
    rita = program("rita")
    item = _item(rita, case)

    def then() -> None:
        (number,) = [row["id"] for row in scene.rows(schema.Decision)]
        assert rita.post("/queue/undo", json={"decisions": [number]}).status_code == 200

    body = {"fence": 1, "outcome": "approve"}
    return Example(rita, f"/queue/{item}/decision", body, {**body, "note": "another"}, then)


def _undo(scene: Scene, program: Program) -> Example:
    first, second = scene.waiting(2)
    rita = program("rita")
    body = {"fence": 1, "outcome": "approve"}
    number = rita.post(f"/queue/{_item(rita, first)}/decision", json=body).json()["decision"]
    item = _item(rita, second)
    return Example(
        rita,
        "/queue/undo",
        {"decisions": [number]},
        {"decisions": [number, number + 1]},
        lambda: rita.post(f"/queue/{item}/decision", json=body),
    )


def _of_held(path: str, body: dict[str, Any], other: dict[str, Any]) -> Make:
    def make(scene: Scene, program: Program) -> Example:
        (case,) = scene.waiting(1)
        rita = program("rita")
        item = _item(rita, case)

        def then() -> None:
            scene.claim(case, "ruth")

        then_ = then if path.endswith("release") else lambda: None
        return Example(rita, path.format(item=item), _filled(body, item), _filled(other, item), then_)

    return make


def _filled(body: dict[str, Any], item: int) -> dict[str, Any]:
    return {name: [item] if value == "ITEM" else value for name, value in body.items()}


def _approved(scene: Scene, program: Program) -> Example:
    first, second = scene.waiting(2)
    rita = program("rita")

    def then() -> None:
        numbers = [row["id"] for row in scene.rows(schema.Decision)]
        assert rita.post("/queue/undo", json={"decisions": numbers}).status_code == 200

    body = {"category": "refund", "cases": [first]}
    return Example(rita, "/queue/approve", body, {**body, "cases": [first, second]}, then)


def _recalled(scene: Scene, program: Program) -> Example:
    (case,) = scene.waiting(1)
    rita = program("rita")

    def skip() -> None:
        assert rita.post(f"/queue/{_item(rita, case)}/skip").status_code == 200

    skip()
    return Example(rita, "/queue/recall", {}, {"unlike": "the first"}, skip)


def _stopped(scene: Scene, program: Program, way: str, then: Callable[[int], object]) -> Example:
    """A delivery with two good rows and two bad ones that was stopped."""
    scene.add_person("dora", "data_curator")
    taken = scene.take_in(*GOOD, bad=["b-1", "b-2"])
    batch = taken.delivery.batch_id
    assert batch is not None
    intake.close_batch(scene.store, batch, "stopped", actor=FLOW, now=NOW)
    body = {"reason": "looked at"}
    return Example(program("dora"), f"/batches/{batch}/{way}", body, {"reason": "other"}, lambda: then(batch))


def _released(scene: Scene, program: Program) -> Example:
    def travel(batch: int) -> None:
        intake.accept(scene.store, [row["id"] for row in scene.rows(schema.Case)], [], actor=FLOW, now=NOW)
        intake.close_batch(scene.store, batch, "done", actor=FLOW, now=NOW)

    return _stopped(scene, program, "release", travel)


def _rejected(scene: Scene, program: Program) -> Example:
    return _stopped(scene, program, "reject", lambda _: scene.take_in(*GOOD, file="corrected"))


def _paused(scene: Scene, program: Program) -> Example:
    scene.automatic(2)
    stella = program(FOUNDER)
    body = {"category": "refund", "reason": "odd"}
    return Example(
        stella,
        "/automation/pause",
        body,
        {**body, "reason": "other"},
        lambda: stella.post("/automation/resume", json=body),
    )


def _resumed(scene: Scene, program: Program) -> Example:
    stella = program(FOUNDER)
    body = {"category": "refund", "reason": "odd"}
    stella.post("/automation/pause", json=body)
    return Example(
        stella,
        "/automation/resume",
        body,
        {**body, "reason": "other"},
        lambda: stella.post("/automation/pause", json=body),
    )


def _staged(_: Scene, program: Program) -> Example:
    body = {"category": "refund", "stage": "suggest", "reason": "careful"}
    stella = program(FOUNDER)
    back = {**body, "stage": "auto"}
    return Example(stella, "/automation/stage", body, back, lambda: stella.post("/automation/stage", json=back))


def _settled(scene: Scene, program: Program) -> Example:
    desk = scene.policy.desk.model_copy(update={"second_person": ("set_stage",)})
    scene.publish(scene.policy.model_copy(update={"desk": desk}))
    scene.add_person("paula", "product_owner")
    body = {"category": "refund", "stage": "suggest", "reason": "careful"}
    stella = program(FOUNDER)
    number = stella.post("/automation/stage", json=body).json()["proposal"]
    assert number
    return Example(
        program("paula"),
        f"/proposals/{number}",
        {"outcome": "confirmed"},
        {"outcome": "refused", "reason": "no"},
        lambda: stella.post("/automation/stage", json={**body, "stage": "auto"}),
    )


def _acknowledged(scene: Scene, program: Program) -> Example:
    (case,) = scene.waiting(1)
    escalating.escalate_breaches(scene.store, policy=scene.policy, actor=FLOW, now=NOW + timedelta(days=3))
    body = {"case": case, "reason": "known"}
    return Example(program(MANAGER), "/escalations/acknowledge", body, {**body, "reason": "other"})


def _disputed(scene: Scene, program: Program) -> Example:
    (case,) = scene.automatic(1)
    body = {"case": case, "text": "I did not want that"}
    return Example(program("rita"), "/disputes", body, {**body, "text": "other"})


GOOD = ({"external_id": "e-1"}, {"external_id": "e-2"})
EXAMPLES: dict[str, Make] = {
    "/batches/{batch}/reject": _rejected,
    "/batches/{batch}/release": _released,
    "/cases": lambda scene, program: _send(scene, program, "/cases", lambda one: {"case": one}),
    "/cases/batch": lambda scene, program: _send(scene, program, "/cases/batch", lambda one: {"cases": [one]}),
    "/outcomes": _outcomes,
    "/queue/next": _next,
    "/queue/cases/{case}/claim": _claim,
    "/queue/approve": _approved,
    "/queue/recall": _recalled,
    "/queue/renew": _renew,
    "/queue/{item}/decision": _decision,
    "/queue/undo": _undo,
    "/queue/release": _of_held("/queue/release", {"items": "ITEM"}, {"items": [99]}),
    "/queue/{item}/skip": _of_held("/queue/{item}/skip", {}, {"unlike": "the first"}),
    "/queue/{item}/snooze": _of_held(
        "/queue/{item}/snooze",
        {"until": (NOW + timedelta(hours=1)).isoformat()},
        {"until": (NOW + timedelta(hours=2)).isoformat()},
    ),
    "/queue/{item}/hand-over": _of_held(
        "/queue/{item}/hand-over", {"to": "ruth", "reason": "hers"}, {"to": "ron", "reason": "his"}
    ),
    "/automation/pause": _paused,
    "/automation/resume": _resumed,
    "/automation/stage": _staged,
    "/proposals/{proposal}": _settled,
    "/escalations/acknowledge": _acknowledged,
    "/disputes": _disputed,
}


def writing_calls() -> list[str]:
    """The address of every call that writes, as the routes themselves name them."""
    return sorted(
        route.path
        for router in ROUTERS
        for route in router.routes
        if {"POST", "PUT", "PATCH", "DELETE"} & route.methods
    )


def test_every_call_that_writes_has_an_example() -> None:
    assert sorted(EXAMPLES) == writing_calls()


@pytest.mark.parametrize("path", writing_calls())
class TestOnce:
    @pytest.fixture
    def example(self, path: str, scene: Scene, program: Program, app: Any) -> Example:  # noqa: ANN401
        # The cases that come in wait: what brings them to their queues writes as well, and has its own tests.
        app.state.intake.wake = lambda: None
        return EXAMPLES[path](scene, program)

    def test_again_it_answers_as_before_and_touches_nothing(self, example: Example, scene: Scene) -> None:
        first = sent(example)
        assert first.status_code < 300, first.text
        before = everything(scene)
        again = sent(example)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["Idempotency-Replayed"] == "true"
        assert everything(scene) == before

    def test_also_after_it_was_undone_or_overtaken(self, example: Example, scene: Scene) -> None:
        first = sent(example)
        example.then()
        before = everything(scene)
        again = sent(example)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert everything(scene) == before

    def test_with_another_body_it_is_refused(self, example: Example, scene: Scene) -> None:
        assert sent(example).status_code < 300
        before = everything(scene)
        answer = example.client.post(example.path, json=example.other, headers=KEY)
        assert "key" in refused(answer, 409)
        assert everything(scene) == before

    def test_two_at_the_same_moment_are_one(self, example: Example, scene: Scene) -> None:
        before = len(scene.events())
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: sent(example), range(2)))
        assert {answer.status_code < 300 for answer in answers} == {True}
        assert answers[0].json() == answers[1].json()
        assert sorted("Idempotency-Replayed" in answer.headers for answer in answers) == [False, True]
        happened = [(event["kind"], event.get("case")) for event in scene.events()[before:]]
        assert len(happened) == len(set(happened))


def sent(example: Example) -> Any:  # noqa: ANN401 - a response
    """The call with its key."""
    return example.client.post(example.path, json=example.body, headers=KEY)


def everything(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Every row that the business knows of."""
    tables: list[type[Base]] = [mapper.class_ for mapper in Base.registry.mappers]
    return {one.__tablename__: scene.rows(one) for one in tables if one.__tablename__ not in WRITTEN_BESIDE}
