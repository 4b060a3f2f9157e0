"""Who comes in has proven who they are; a session ends for good; a link works once."""

from datetime import timedelta

import pytest

from handrail import passwords
from handrail.acts import employing, inviting, signing_in
from handrail.acts.signing_in import Attempt, Visitor
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from handrail.passwords import TRIES
from handrail.store import accounts, schema, staff
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOW, POLICY, Scene

KEPT = "a hash"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def give_password(scene: Scene, name: str, kept: str = KEPT) -> None:
    secret = inviting.invite(scene.store, name, actor=FOUNDER, now=NOW)
    inviting.accept(scene.store, secret, kept, policy=POLICY, now=NOW)


def attempt(scene: Scene, name: str = "rita", at: timedelta = timedelta()) -> Attempt:
    return signing_in.begin_attempt(scene.store, name, now=NOW + at)


def visitor(scene: Scene, secret: str, at: timedelta = timedelta()) -> Visitor | None:
    return signing_in.visitor(scene.store, secret, policy=POLICY, now=NOW + at)


def opened(scene: Scene, name: str = "rita") -> Visitor:
    found = visitor(scene, signing_in.open_session(scene.store, name, policy=POLICY, now=NOW))
    assert found is not None
    return found


def test_nobody_unknown_deactivated_or_never_invited_can_be_proven(scene: Scene) -> None:
    give_password(scene, "rita")
    with scene.store.write() as connection:
        staff.save_person(connection, name="rita", active=False)
    for name in ("eve", "rita", "ruth", ""):
        assert attempt(scene, name) == Attempt(name, None)


def test_the_fifth_try_is_looked_at_and_the_sixth_has_to_wait(scene: Scene) -> None:
    give_password(scene, "rita")
    assert [attempt(scene).kept for _ in range(TRIES + 1)] == [KEPT] * TRIES + [None]
    assert attempt(scene, at=MINUTE - timedelta(seconds=1)).kept is None
    again = attempt(scene, at=MINUTE)
    assert (again.kept, again.failures, again.locks) == (KEPT, TRIES + 1, True)
    assert attempt(scene, at=3 * MINUTE - timedelta(seconds=1)).kept is None
    assert attempt(scene, at=3 * MINUTE).kept == KEPT


def test_who_is_made_to_wait_is_not_made_to_wait_longer_by_trying(scene: Scene) -> None:
    give_password(scene, "rita")
    for _ in range(TRIES + 20):
        attempt(scene)
    assert scene.row(schema.Account, person="rita")["failures"] == TRIES
    assert attempt(scene, at=MINUTE).kept == KEPT


def test_one_persons_wrong_passwords_are_not_anothers(scene: Scene) -> None:
    give_password(scene, "rita")
    give_password(scene, "ruth")
    for _ in range(TRIES + 1):
        attempt(scene)
    assert attempt(scene, "ruth").kept == KEPT


def test_the_right_password_forgives_the_wrong_ones(scene: Scene) -> None:
    give_password(scene, "rita")
    for _ in range(TRIES - 1):
        attempt(scene)
    signing_in.come_in(scene.store, attempt(scene), policy=POLICY, now=NOW)
    account = scene.row(schema.Account, person="rita")
    assert (account["failures"], account["locked_until"]) == (0, None)
    assert attempt(scene).failures == 1


def test_a_lock_stands_in_the_trail_and_a_single_wrong_password_does_not(scene: Scene) -> None:
    give_password(scene, "rita")
    for _ in range(TRIES):
        signing_in.fail(scene.store, attempt(scene), now=NOW)
    (event,) = scene.events("person.locked")
    assert (event["person"], event["failures"]) == ("rita", TRIES)
    assert event["actor"].startswith("flow:"), "nobody knows whether it was the person"


def test_coming_in_ends_the_session_that_the_browser_brought(scene: Scene) -> None:
    give_password(scene, "rita")
    old = signing_in.open_session(scene.store, "ruth", policy=POLICY, now=NOW)
    new = signing_in.come_in(scene.store, attempt(scene), policy=POLICY, now=NOW, instead_of=old)
    assert visitor(scene, old) is None
    found = visitor(scene, new)
    assert found is not None
    assert found.name == "rita"
    assert new != old


def test_no_secret_stands_in_the_database(scene: Scene) -> None:
    secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    session = inviting.accept(scene.store, secret, KEPT, policy=POLICY, now=NOW)
    kept = str(scene.rows(schema.Invitation)) + str(scene.rows(schema.Session)) + str(scene.events())
    assert secret not in kept
    assert session not in kept


def test_a_session_ends_after_its_longest_time_however_busy(scene: Scene) -> None:
    secret = signing_in.open_session(scene.store, "rita", policy=POLICY, now=NOW)
    step, at = POLICY.desk.idle / 2, timedelta()
    while at + step < POLICY.desk.session:
        at += step
        found = visitor(scene, secret, at)
        assert found is not None
        signing_in.note_seen(scene.store, found, now=NOW + at)
    assert visitor(scene, secret, POLICY.desk.session - timedelta(seconds=1)) is not None
    assert visitor(scene, secret, POLICY.desk.session) is None


def test_a_session_ends_when_nobody_clicks(scene: Scene) -> None:
    secret = signing_in.open_session(scene.store, "rita", policy=POLICY, now=NOW)
    assert visitor(scene, secret, POLICY.desk.idle - timedelta(seconds=1)) is not None
    assert visitor(scene, secret, POLICY.desk.idle) is None


def test_a_click_is_noted_once_a_minute(scene: Scene) -> None:
    found = opened(scene)
    assert not signing_in.is_due_to_be_noted(found, NOW + MINUTE - timedelta(seconds=1))
    assert signing_in.is_due_to_be_noted(found, NOW + MINUTE)


def test_whoever_is_deactivated_or_loses_a_role_knows_at_the_next_click(scene: Scene) -> None:
    secret = signing_in.open_session(scene.store, "rita", policy=POLICY, now=NOW)
    scene.add_person("rita", "data_curator")
    found = visitor(scene, secret)
    assert found is not None
    assert found.roles == {"data_curator"}
    with scene.store.write() as connection:
        staff.save_person(connection, name="rita", active=False)
    assert visitor(scene, secret) is None


def test_one_sees_and_ends_ones_own_sessions_only(scene: Scene) -> None:
    here, there, foreign = opened(scene), opened(scene), opened(scene, "ruth")
    shown = signing_in.sessions(scene.store, here, policy=POLICY, now=NOW)
    assert sorted(session.here for session in shown) == [False, True]
    with pytest.raises(NotFound):
        signing_in.revoke(scene.store, here, foreign.digest[: signing_in.REFERENCE], now=NOW)
    assert signing_in.revoke(scene.store, here, there.digest[: signing_in.REFERENCE], now=NOW) == 1
    with pytest.raises(NotFound, match="ended already"):
        signing_in.revoke(scene.store, here, there.digest[: signing_in.REFERENCE], now=NOW)
    live = {row["digest"] for row in scene.rows(schema.Session) if row["ended_at"] is None}
    assert live == {here.digest, foreign.digest}


def test_signing_out_everywhere_else_keeps_this_session(scene: Scene) -> None:
    here, *_ = opened(scene), opened(scene), opened(scene)
    assert signing_in.revoke(scene.store, here, None, now=NOW) == 2
    (left,) = [row for row in scene.rows(schema.Session) if row["ended_at"] is None]
    assert left["digest"] == here.digest


def test_a_session_that_has_run_out_is_not_shown(scene: Scene) -> None:
    here = opened(scene)
    assert signing_in.sessions(scene.store, here, policy=POLICY, now=NOW + POLICY.desk.idle) == []


def test_a_new_password_ends_every_other_session(scene: Scene) -> None:
    give_password(scene, "rita")
    here, there, foreign = opened(scene), opened(scene), opened(scene, "ruth")
    signing_in.change_password(scene.store, here, "another hash", now=NOW)
    live = {row["digest"] for row in scene.rows(schema.Session) if row["ended_at"] is None}
    assert here.digest in live
    assert foreign.digest in live
    assert there.digest not in live
    assert attempt(scene).kept == "another hash"


def test_a_link_works_once(scene: Scene) -> None:
    secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    assert inviting.invited(scene.store, secret, now=NOW) == "rita"
    assert inviting.invited(scene.store, secret, now=NOW) == "rita", "looking does not use it up"
    session = inviting.accept(scene.store, secret, KEPT, policy=POLICY, now=NOW)
    assert visitor(scene, session) is not None
    with pytest.raises(NotFound, match="used or has run out"):
        inviting.accept(scene.store, secret, "a thief's hash", policy=POLICY, now=NOW)
    assert attempt(scene).kept == KEPT


def test_of_two_who_use_a_link_at_once_one_comes_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    monkeypatch.setattr(accounts, "use_invitation", lambda *_: False)
    with pytest.raises(Conflict, match="just been used"):
        inviting.accept(scene.store, secret, KEPT, policy=POLICY, now=NOW)
    assert scene.count(schema.Session) == 0


def test_a_link_runs_out(scene: Scene) -> None:
    secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    last = NOW + inviting.LASTS - timedelta(seconds=1)
    assert inviting.invited(scene.store, secret, now=last) == "rita"
    with pytest.raises(NotFound):
        inviting.invited(scene.store, secret, now=NOW + inviting.LASTS)


def test_a_new_link_makes_the_earlier_one_useless(scene: Scene) -> None:
    first = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    other = inviting.invite(scene.store, "ruth", actor=FOUNDER, now=NOW)
    second = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    with pytest.raises(NotFound):
        inviting.invited(scene.store, first, now=NOW)
    assert [inviting.invited(scene.store, secret, now=NOW) for secret in (second, other)] == ["rita", "ruth"]


def test_a_link_of_somebody_deactivated_is_of_no_use(scene: Scene) -> None:
    secret = inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)
    with scene.store.write() as connection:
        staff.save_person(connection, name="rita", active=False)
    with pytest.raises(NotFound):
        inviting.accept(scene.store, secret, KEPT, policy=POLICY, now=NOW)
    with pytest.raises(NotFound):
        inviting.invite(scene.store, "rita", actor=FOUNDER, now=NOW)


def test_a_link_for_a_forgotten_password_unlocks_and_ends_all_sessions(scene: Scene) -> None:
    give_password(scene, "rita")
    thief = opened(scene)
    for _ in range(TRIES + 1):
        attempt(scene)
    give_password(scene, "rita", "a new hash")
    assert attempt(scene).kept == "a new hash"
    assert thief.digest not in {row["digest"] for row in scene.rows(schema.Session) if row["ended_at"] is None}


def test_only_a_product_owner_invites(scene: Scene) -> None:
    with pytest.raises(NotPermitted):
        inviting.invite(scene.store, "rita", actor="ruth", now=NOW)


def test_the_first_start_invites_whoever_began_the_workspace(scene: Scene) -> None:
    scene.add_person("anna", "product_owner")
    found = inviting.first_invitation(scene.store, now=NOW)
    assert found is not None
    name, first = found
    assert name == FOUNDER
    again = inviting.first_invitation(scene.store, now=NOW)
    assert again is not None
    with pytest.raises(NotFound):
        inviting.invited(scene.store, first, now=NOW)
    inviting.accept(scene.store, again[1], KEPT, policy=POLICY, now=NOW)
    assert inviting.first_invitation(scene.store, now=NOW) is None


def test_the_first_start_takes_another_owner_where_the_founder_is_none_any_more(scene: Scene) -> None:
    scene.add_person("anna", "product_owner")
    scene.add_person(FOUNDER, "reviewer")
    found = inviting.first_invitation(scene.store, now=NOW)
    assert found is not None
    assert found[0] == "anna"


def test_who_has_said_nothing_decides_with_single_keys(scene: Scene) -> None:
    assert signing_in.preferences(scene.store, "rita").shortcuts
    signing_in.set_shortcuts(scene.store, "rita", on=False, now=NOW)
    assert not signing_in.preferences(scene.store, "rita").shortcuts
    assert attempt(scene).kept is None, "a preference is no password"
    assert inviting.first_invitation(scene.store, now=NOW) is not None
    give_password(scene, "rita")
    assert not signing_in.preferences(scene.store, "rita").shortcuts


def test_an_account_that_only_prefers_has_no_password_that_fits() -> None:
    assert not passwords.is_right(accounts.NO_PASSWORD, None)


def test_roles_and_categories_change_together_and_training_stays(scene: Scene) -> None:
    before = scene.row(schema.Person, name="rita")["trained_until"]
    employing.change(
        scene.store,
        "rita",
        roles=["reviewer", "data_curator"],
        skills=["tracking", "refund"],
        policy=POLICY,
        actor=FOUNDER,
        now=NOW,
    )
    found = scene.row(schema.Person, name="rita")
    assert (found["roles"], found["skills"]) == (["reviewer", "data_curator"], ["refund", "tracking"])
    assert found["trained_until"] == before
    employing.change(scene.store, "rita", roles=["reviewer"], skills=None, policy=POLICY, actor=FOUNDER, now=NOW)
    assert scene.row(schema.Person, name="rita")["skills"] is None


@pytest.mark.parametrize(
    ("roles", "skills"), [([], None), (["flow"], None), (["reviewer"], []), (["reviewer"], ["gardening"])]
)
def test_a_role_or_category_that_does_not_exist_is_refused(
    scene: Scene, roles: list[str], skills: list[str] | None
) -> None:
    with pytest.raises(BadInput, match="Choose one or more"):
        employing.change(scene.store, "rita", roles=roles, skills=skills, policy=POLICY, actor=FOUNDER, now=NOW)


def test_the_last_product_owner_keeps_the_role(scene: Scene) -> None:
    with pytest.raises(Refused, match="only product owner"):
        employing.change(scene.store, FOUNDER, roles=["reviewer"], skills=None, policy=POLICY, actor=FOUNDER, now=NOW)
    scene.add_person("anna", "product_owner")
    employing.change(scene.store, FOUNDER, roles=["reviewer"], skills=None, policy=POLICY, actor=FOUNDER, now=NOW)
    with scene.store.write() as connection, pytest.raises(Refused):
        employing.require_another_owner(connection, "anna")


def test_only_a_product_owner_changes_roles(scene: Scene) -> None:
    with pytest.raises(NotPermitted):
        employing.change(
            scene.store, "rita", roles=["product_owner"], skills=None, policy=POLICY, actor="rita", now=NOW
        )
