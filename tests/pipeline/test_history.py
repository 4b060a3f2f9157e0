import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

import handrail.acts
from handrail.store import dossier, schema
from handrail.store.dossier import Dossier
from handrail.store.engine import Store
from handrail.store.visibility import Onlooker
from tasks.views import history, narration
from tests.scenes import FOUNDER, MANAGER, NOW, POLICY, Scene

OWNER = Onlooker(FOUNDER, {"product_owner", "model_steward"}, NOW)
KIND = re.compile(r"[a-z]+\.[a-z_]+")
ACTS = sorted(Path(handrail.acts.__file__).parent.glob("*.py"))


@pytest.fixture
def scene(sqlite_store: Store) -> Scene:
    return Scene(sqlite_store)


def opened(scene: Scene, case: int, onlooker: Onlooker = OWNER) -> Dossier:
    with scene.store.read() as connection:
        return dossier.opened(connection, case, onlooker)


def told(scene: Scene, case: int) -> list[str]:
    return [moment.what for moment in history.story(opened(scene, case), POLICY)]


def test_an_automatic_case_tells_how_it_was_read_sent_and_approved(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    assert told(scene, case) == [
        "The customer sent it",
        "Taken in from shop",
        "Read as refund: very sure (99.0\u202f%)",
        "Sent to queue A",
        "Approved as refund, by itself",
        "The action “pay_back” is about to be sent".replace("_", " "),
    ]
    assert history.headline(opened(scene, case)).startswith("Approved as refund automatically. The action “pay back”")
    assert history.route_reasons(opened(scene, case)) == ["Confident, low consequence, and nothing stands against it."]


def test_an_escalated_case_tells_who_denied_it_who_escalated_and_who_settled_it(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case, "deny", reason_code="legal")
    file = opened(scene, case)
    assert history.headline(file) == "Denied by rita. It waits for the escalation manager."
    scene.decide(case, "deny", MANAGER, NOW + timedelta(minutes=5), reason_code="out_of_scope")
    story = history.story(opened(scene, case), POLICY)
    assert [(m.what, m.who) for m in story[-4:]] == [
        ("Denied, in review", "rita"),
        ("Went to the escalation manager", None),
        ("Denied, as an escalation", MANAGER),
        ("The escalation was resolved", MANAGER),
    ]
    assert story[-3].detail == "Because it has legal weight."


def test_what_people_write_beside_a_case_is_told_without_personal_data(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case, note="wrote to ann@example.org")
    (moment,) = [m for m in history.story(opened(scene, case), POLICY) if m.who == "rita"]
    assert moment.detail == "Note: wrote to [EMAIL]"


@pytest.mark.parametrize(
    ("confidence", "label", "words"),
    [
        (0.951, "refund", "very sure"),
        (0.95, "refund", "fairly sure"),
        (0.70, "refund", "fairly sure"),
        (0.699, "refund", "unsure"),
        (0.951, "unheard_of", "very sure"),
    ],
)
def test_a_confidence_is_said_by_the_bounds_of_the_policy(confidence: float, label: str, words: str) -> None:
    assert history.certainty(confidence, label, POLICY) == words


def test_a_kept_case_tells_only_that_it_came(scene: Scene) -> None:
    (case,) = scene.waiting(1, suggestion_hidden=True)
    file = opened(scene, case, Onlooker("ruth", {"reviewer"}, NOW))
    assert file.kept
    assert [moment.what for moment in history.story(file, POLICY)] == ["The customer sent it"]
    assert "kept from you" in history.headline(file)


def test_every_state_has_its_headline(scene: Scene) -> None:
    (waiting,), (early,) = scene.waiting(1), scene.scored(1)
    assert history.headline(opened(scene, waiting)) == "It waits for a review."
    assert "nobody has decided it" in history.headline(opened(scene, early))
    with scene.store.write() as connection:
        connection.execute(update(schema.Case).where(schema.Case.id == early).values(state="quarantined"))
    assert "put aside" in history.headline(opened(scene, early))


def test_other_cases_of_a_customer_are_of_the_same_source_newest_first(scene: Scene) -> None:
    first, second = *scene.accepted(1, received_at=NOW), *scene.accepted(1, received_at=NOW - timedelta(days=1))
    (stranger,) = scene.accepted(1, customer_id="c-2")
    (nameless,) = scene.accepted(1, customer_id=None)
    with scene.store.read() as connection:
        assert dossier.others_of_customer(connection, second, limit=5) == ([first], 1)
        assert dossier.others_of_customer(connection, first, limit=0) == ([], 1)
        assert dossier.others_of_customer(connection, stranger, limit=5) == ([], 0)
        assert dossier.others_of_customer(connection, nameless, limit=5) == ([], 0)


def test_every_kind_of_event_that_the_acts_write_has_a_sentence() -> None:
    named = [kind for path in ACTS for kind in _kinds(ast.parse(path.read_text(encoding="utf-8")))]
    assert len(named) > 40
    assert sorted({kind for kind in named if kind not in narration.KINDS}) == []


def _kinds(module: ast.Module) -> list[str]:
    """The kinds of the events that a module makes, written there or by the name of one of its constants."""
    constants = {
        target.id: one.value
        for one in module.body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    return [
        constant.value
        for call in ast.walk(module)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Event" and call.args
        for part in ast.walk(call.args[0])
        for constant in [constants.get(part.id) if isinstance(part, ast.Name) else part]
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and KIND.fullmatch(constant.value)
    ]


def test_events_are_told_with_their_values_in_words_and_unknown_ones_by_their_code(scene: Scene) -> None:
    own = {"seq": 1, "at": "2026-03-02T09:00:00.000000Z", "actor": "flow:triage"}
    sentences = {
        "Sent to queue B as delivery status. The confidence does not pass the auto threshold.": {
            "kind": "case.assigned",
            "queue": "B",
            "reason": "below_threshold",
            "category": "delivery_status",
        },
        "Drawn for a second look (by random; its chance was 5.0\u202f%).": {
            "kind": "audit.drawn",
            "stratum": "random",
            "probability_ppm": 50_000,
        },
        "Automation was paused for everything.": {"kind": "automation.paused", "category": None},
        "Refund went from stage partial to auto.": {
            "kind": "stage.changed",
            "category": "refund",
            "from": "partial",
            "to": "auto",
        },
        "A list of 2 cases was taken away as a file.": {"kind": "cases.exported", "cases": [4, 5]},
        "The raw text was shown to the machine (triage).": {"kind": "input.viewed"},
        "Moon: rose early.": {"kind": "moon.rose_early"},
        "Stage: changed.": {"kind": "stage.changed"},
    }
    assert [narration.told({**own, **event}) for event in sentences.values()] == list(sentences)


def test_no_event_of_the_shop_is_told_by_its_code(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case, "deny", reason_code="policy")
    scene.audit(scene.automatic(1))
    assert scene.count(schema.TrailEvent) == len(scene.events())
    for event in scene.events():
        assert not narration.told(event).startswith(event["kind"].split(".")[0].capitalize() + ":"), event
