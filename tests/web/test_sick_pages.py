"""What is wrong with one part of a page takes neither the page nor the buttons that pause with it."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from handrail.acts import breaking, pausing, reading
from handrail.reading import Reading, Verdict, unreadable
from handrail.store import schema
from tasks.views import operations
from tests.desks import Client
from tests.scenes import FLOW, FOUNDER, NOW, Scene

WINDOW = (NOW, NOW)


@pytest.fixture
def steward(scene: Scene, signed_in: Client) -> TestClient:
    return signed_in(FOUNDER)


def opened(client: TestClient, page: str) -> str:
    answer = client.get(page)
    assert answer.status_code == 200
    return answer.text


def pauses(client: TestClient, scene: Scene, category: str) -> None:
    """Whatever the page looks like, its button works."""
    answer = client.post("/operations/pause", data={"category": category, "reason": "it looks odd"})
    assert answer.status_code == 303
    assert [row["category"] for row in scene.rows(schema.Pause)] == [category]


class TestOperations:
    def test_a_breaker_that_cannot_be_read_is_said_beside_the_others(self, scene: Scene, steward: TestClient) -> None:
        for category in ("refund", "tracking"):
            scene.audit(ids := scene.automatic(2, category), category=category)
            for case in ids:
                scene.decide(case, "override", label=category)
            known = {"policy": scene.policy, "actor": "flow:quality_watch", "now": NOW.replace(hour=12)}
            breaking.count(scene.store, category, **known)
        with scene.store.write() as connection:
            sick = update(schema.BreakerState).where(schema.BreakerState.category == "refund")
            connection.execute(sick.values(log_evidence=7))
        page = opened(steward, "/operations")
        assert "could not be read: nothing of it is carried out without a person" in page
        assert page.count("Could not be read, so nobody watches this category") == 1
        assert page.count("Sequential rule (pauses)") == 1
        assert "Nothing is paused, held or under review" not in page
        for name in scene.policy.categories:
            assert f"Pause {name} now" in page
        pauses(steward, scene, "refund")

    def test_what_the_watch_could_not_read_is_held_on_the_page(self, scene: Scene, steward: TestClient) -> None:
        reading.record(scene.store, [unreadable("breaker", "refund", WINDOW, "KeyError")], actor=FLOW, now=NOW)
        page = opened(steward, "/operations")
        assert page.count('<span class="tag warn">held</span>') == 1

    @pytest.mark.parametrize("evidence", [{"path": [{"at": "no moment"}]}, {"rule": "esr", "rejected": 3}])
    def test_evidence_that_cannot_be_drawn_leaves_the_rest(
        self, scene: Scene, steward: TestClient, evidence: dict[str, object]
    ) -> None:
        pausing.pause(
            scene.store,
            "refund",
            reason="rejected",
            kind="breaker",
            evidence=evidence,
            actor="flow:quality_watch",
            **scene.known,
        )
        page = opened(steward, "/operations")
        assert "cannot be shown" in page
        assert "Pause tracking now" in page
        assert "Close model review" in page

    def test_whatever_else_is_sick_everything_can_be_paused(
        self, scene: Scene, steward: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(operations, "standing_now", None)
        page = opened(steward, "/operations")
        assert "cannot be shown (TypeError)" in page
        assert "Pause everything now" in page
        for name in scene.policy.categories:
            assert f"Pause {name} now" in page
        pauses(steward, scene, "tracking")


class TestMonitoring:
    def test_a_section_that_cannot_be_drawn_leaves_the_others(self, scene: Scene, steward: TestClient) -> None:
        odd = [Reading("drift", "all", WINDOW, Verdict.QUIET, {"nothing": "of what is drawn"})]
        reading.record(scene.store, odd, actor=FLOW, now=NOW)
        page = opened(steward, "/monitoring")
        assert page.count("This part cannot be shown (KeyError)") == 1
        assert "Groups have not been compared yet" in page

    @pytest.mark.parametrize(
        ("watch", "subject"),
        [
            ("breaker", "refund"),
            ("blind_share", "refund"),
            ("audits", "all"),
            ("fairness", "sales_channel"),
            ("drift", "amount"),
            ("agreement", "all"),
            ("kpi", "escalation_rate"),
        ],
    )
    def test_what_a_look_could_not_read_is_said_and_never_quiet(
        self, scene: Scene, steward: TestClient, watch: str, subject: str
    ) -> None:
        reading.record(scene.store, [unreadable(watch, subject, WINDOW, "KeyError")], actor=FLOW, now=NOW)
        page = opened(steward, "/monitoring")
        assert f"The last look could not read: {subject.replace('_', ' ')}." in page
        assert page.count("could not be read</span>") == 2, "the tile and the title"

    def test_a_reviewer_is_named_to_those_alone_who_may_know(self, scene: Scene, signed_in: Client) -> None:
        scene.add_person("olga", "product_owner")
        sick = [unreadable("reviewers", "rita", WINDOW, "KeyError", signals=[])]
        reading.record(scene.store, sick, actor=FLOW, now=NOW)
        assert "could not read: rita." in opened(signed_in(FOUNDER), "/monitoring")
        page = opened(signed_in("olga"), "/monitoring")
        assert "could not read: 1 of the reviewers." in page
        assert "rita" not in page
        assert "could not be read" in opened(signed_in(FOUNDER), "/reviewers")
        assert "could not be read" in opened(signed_in("rita"), "/quality")


def test_the_api_tells_which_categories_nobody_watches(scene: Scene, program: Client) -> None:
    reading.record(scene.store, [unreadable("breaker", "refund", WINDOW, "KeyError")], actor=FLOW, now=NOW)
    assert program(FOUNDER).get("/status").json()["unwatched"] == ["refund"]
