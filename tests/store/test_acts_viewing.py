from datetime import timedelta

import pytest

from handrail.acts import viewing
from handrail.errors import BadInput, NotFound, NotPermitted, Refused
from handrail.policy import Policy
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOW, POLICY, Scene

TWO = POLICY.model_copy(update={"desk": POLICY.desk.model_copy(update={"raw_views": 2})})


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def view(
    scene: Scene,
    case: int,
    reason: str = "I suspect fraud",
    *,
    actor: str = "rita",
    after: timedelta = timedelta(),
    policy: Policy = POLICY,
) -> viewing.Raw:
    return viewing.view(scene.store, case, reason, policy=policy, actor=actor, now=NOW + after)


def test_a_raw_text_is_shown_with_an_event_and_the_reason_beside_it(scene: Scene) -> None:
    (case,) = scene.accepted(1, text="I am Ann, ann@example.org", customer_id="c-7")
    found = view(scene, case, "  the customer\n called  ")
    assert (found.text, found.customer_id) == ("I am Ann, ann@example.org", "c-7")
    (event,) = scene.events("input.viewed")
    assert (event["case"], event["actor"], event["because"]) == (case, "rita", "the customer called")
    assert scene.trail_is_whole()


@pytest.mark.parametrize("reason", ["", "  \n", "a\0b", "x" * 301])
def test_without_a_usable_reason_nothing_is_shown_and_nothing_written(scene: Scene, reason: str) -> None:
    (case,) = scene.accepted(1)
    with pytest.raises(BadInput, match=r"reason"):
        view(scene, case, reason)
    assert scene.events("input.viewed") == []
    assert view(scene, case, "x" * 300).case_id == case


def test_who_may_not_read_raw_texts_sees_none(scene: Scene) -> None:
    (case,) = scene.accepted(1)
    scene.add_person("olga", "product_owner")
    with pytest.raises(NotPermitted):
        view(scene, case, actor="olga")
    assert scene.events("input.viewed") == []


def test_nobody_sees_more_raw_texts_within_the_hour_than_the_policy_allows(scene: Scene) -> None:
    first, second, third = scene.accepted(3)
    view(scene, first, policy=TWO)
    view(scene, second, policy=TWO, after=timedelta(minutes=1))
    with pytest.raises(Refused, match="2 raw texts within the hour"):
        view(scene, third, policy=TWO, after=timedelta(hours=1))
    assert view(scene, third, policy=TWO, actor="ruth").case_id == third
    assert view(scene, third, policy=TWO, after=timedelta(hours=1, microseconds=1)).case_id == third
    assert len(scene.events("input.viewed")) == 4


def test_a_deleted_text_says_so_and_an_unknown_case_too(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    with scene.store.write() as connection:
        from handrail.store import cases

        cases.delete_inputs(connection, [case])
    with pytest.raises(NotFound, match="has been deleted"):
        view(scene, case)
    for unknown in (case + 1, 0, -1, 2**63):
        with pytest.raises(NotFound, match="no case with this number"):
            view(scene, unknown)
    assert scene.events("input.viewed") == []


def test_a_view_that_cannot_be_written_down_does_not_happen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = scene.accepted(1)

    def broken(*_: object, **__: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(viewing.trail, "append", broken)
    with pytest.raises(OSError, match=r"^disk full$"):
        view(scene, case)


def test_a_list_that_is_taken_away_is_an_event_of_whoever_took_it(scene: Scene) -> None:
    viewing.record_export(scene.store, [3, 4], actor=FOUNDER, now=NOW)
    (event,) = scene.events("cases.exported")
    assert (event["cases"], event["actor"]) == ([3, 4], FOUNDER)
    with pytest.raises(NotPermitted):
        viewing.record_export(scene.store, [3], actor="nobody", now=NOW)
