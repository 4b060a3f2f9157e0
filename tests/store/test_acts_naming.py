"""Every door by which a name enters keeps people apart; who has a name keeps it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from handrail.acts import employing, inviting, publishing
from handrail.acts import tokens as token_acts
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted
from handrail.store import accounts, staff
from handrail.store.engine import Store
from tests.scenes import FOUNDER, NOW, POLICY, Scene

TWINS = ["cleo ", "Cleo", "сleo", "c\u200bleo", "\uff43leo"]


@pytest.fixture
def scene(store: Store) -> Scene:
    scene = Scene(store)
    scene.add_person("cleo", "reviewer")
    return scene


def names(scene: Scene) -> list[str]:
    with scene.store.read() as connection:
        return accounts.names(connection)


@pytest.mark.parametrize("twin", TWINS)
def test_nobody_is_added_who_could_be_taken_for_a_colleague(scene: Scene, twin: str) -> None:
    before, events = names(scene), len(scene.events("person.saved"))
    with pytest.raises((BadInput, Conflict), match="cleo"):
        scene.add_person(twin, "escalation_manager")
    assert (names(scene), len(scene.events("person.saved"))) == (before, events)


@pytest.mark.parametrize("twin", TWINS)
def test_who_acts_under_a_name_that_looks_alike_is_told_whose_it_is(scene: Scene, twin: str) -> None:
    with pytest.raises(NotPermitted, match="but 'cleo' is"):
        token_acts.create(scene.store, name="shop", scopes=["decide"], actor=twin, now=NOW)
    with pytest.raises(NotFound, match="but 'cleo' is"):
        inviting.invite(scene.store, twin, actor=FOUNDER, now=NOW)
    with pytest.raises(NotFound, match="but 'cleo' is"):
        employing.change(scene.store, twin, roles=["reviewer"], skills=None, policy=POLICY, actor=FOUNDER, now=NOW)


def test_two_who_are_added_at_once_under_names_that_look_alike_are_never_both_let_in(scene: Scene) -> None:
    def add(name: str) -> bool:
        try:
            scene.add_person(name, "reviewer")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for at in range(5):
            assert sorted(pool.map(add, [f"nina {at}x", f"Nina {at}X"])) == [False, True]


def test_names_from_before_the_rule_keep_working(scene: Scene) -> None:
    with scene.store.write() as connection:
        staff.save_person(connection, name="Cleo ", roles=["reviewer"], trained_until=None, active=True)
    scene.add_person("Cleo ", "reviewer", "data_curator")
    assert inviting.invite(scene.store, "Cleo ", actor=FOUNDER, now=NOW)
    with scene.store.read() as connection:
        person = staff.person(connection, "Cleo ")
    assert person is not None
    assert person.roles == {"reviewer", "data_curator"}


@pytest.mark.parametrize("founder", ["flow:x", "olga ", "\uff4flga"])
def test_a_workspace_begins_with_a_name_that_keeps_people_apart(store: Store, founder: str) -> None:
    with pytest.raises(BadInput, match="cannot be a person's name"):
        publishing.found(store, POLICY, founder=founder, now=NOW)
    assert publishing.found(store, POLICY, founder="olga", now=NOW)
