"""Tokens act in a person's name as far as scope and role go; a call with a key happens once."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from handrail.acts import tokens
from handrail.acts.signing_in import digest_of
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from handrail.store import schema, staff
from handrail.store.engine import Store
from handrail.store.writer import Writer
from tests.scenes import FOUNDER, MANAGER, NOW, Scene

DAY = timedelta(days=1)
Answer = tuple[int, Mapping[str, Any], bool]


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def create(scene: Scene, *scopes: str, actor: str = "rita", days: int = 90) -> tokens.Issued:
    return tokens.create(scene.store, name="the shop", scopes=scopes or ("decide",), days=days, actor=actor, now=NOW)


def test_a_token_acts_in_its_persons_name_with_its_scopes_and_their_roles(scene: Scene) -> None:
    issued = create(scene, "read_cases", "decide", "decide")
    found = tokens.visitor(scene.store, issued.secret, now=NOW)
    assert found is not None
    assert (found.name, found.roles, found.scopes) == ("rita", {"reviewer"}, {"decide", "read_cases"})


def test_only_the_digest_of_a_token_is_stored_and_the_trail_tells_no_name(scene: Scene) -> None:
    issued = create(scene)
    assert issued.secret.startswith("handrail_")
    assert scene.row(schema.Token)["digest"] == digest_of(issued.secret)
    (event,) = scene.events("token.created")
    assert {name: event[name] for name in ("actor", "token", "person", "scopes", "days")} == {
        "actor": "rita",
        "token": issued.number,
        "person": "rita",
        "scopes": ["decide"],
        "days": 90,
    }
    assert "the shop" not in str(event)
    assert issued.secret not in str(scene.rows(schema.Token))


def test_a_token_ends_at_its_time_and_not_before(scene: Scene) -> None:
    issued = create(scene, days=1)
    assert tokens.visitor(scene.store, issued.secret, now=NOW + DAY - timedelta(seconds=1)) is not None
    assert tokens.visitor(scene.store, issued.secret, now=NOW + DAY) is None


def test_a_revoked_token_is_out_at_once_and_the_trail_says_so_once(scene: Scene) -> None:
    issued, other = create(scene), create(scene)
    for _ in range(2):
        tokens.revoke(scene.store, issued.number, actor="rita", now=NOW)
    assert tokens.visitor(scene.store, issued.secret, now=NOW) is None
    assert tokens.visitor(scene.store, other.secret, now=NOW) is not None
    assert [event["token"] for event in scene.events("token.revoked")] == [issued.number]


def test_nobody_but_who_manages_people_revokes_anothers_token(scene: Scene) -> None:
    issued = create(scene)
    with pytest.raises(NotFound, match="tokens list"):
        tokens.revoke(scene.store, issued.number, actor="ruth", now=NOW)
    tokens.revoke(scene.store, issued.number, actor=FOUNDER, now=NOW)
    assert tokens.visitor(scene.store, issued.secret, now=NOW) is None


def test_the_token_of_somebody_who_was_deactivated_is_of_no_use(scene: Scene) -> None:
    issued = create(scene)
    with scene.store.write() as connection:
        staff.save_person(connection, name="rita", roles=["reviewer"], trained_until=None, active=False)
    assert tokens.visitor(scene.store, issued.secret, now=NOW) is None


def test_a_role_that_was_taken_away_is_gone_from_the_token_too(scene: Scene) -> None:
    issued = create(scene, "resolve_escalation", actor=MANAGER)
    scene.add_person(MANAGER, "reviewer")
    found = tokens.visitor(scene.store, issued.secret, now=NOW)
    assert found is not None
    assert found.roles == {"reviewer"}


def test_nobody_gives_a_token_what_they_may_not_do_themselves(scene: Scene) -> None:
    with pytest.raises(NotPermitted, match="set stage"):
        create(scene, "decide", "set_stage")
    assert scene.count(schema.Token) == 0


@pytest.mark.parametrize("days", [0, 366, -1])
def test_a_token_lasts_a_day_to_a_year(scene: Scene, days: int) -> None:
    with pytest.raises(BadInput, match="1 to 365 days"):
        create(scene, days=days)
    assert create(scene, days=365).expires_at == NOW + 365 * DAY


def test_a_token_without_name_or_scope_or_with_an_unknown_one_is_refused(scene: Scene) -> None:
    for name, scopes in [(" ", ["decide"]), ("x" * 61, ["decide"]), ("a\nb", ["decide"]), ("x", []), ("x", ["fly"])]:
        with pytest.raises(BadInput):
            tokens.create(scene.store, name=name, scopes=scopes, actor="rita", now=NOW)
    assert scene.count(schema.Token) == 0


def test_more_tokens_than_anybody_remembers_are_refused_until_one_is_revoked(scene: Scene) -> None:
    numbers = [create(scene).number for _ in range(tokens.MOST_USABLE)]
    with pytest.raises(Refused, match="Revoke one"):
        create(scene)
    tokens.revoke(scene.store, numbers[0], actor="rita", now=NOW)
    assert create(scene).number


def test_everybody_sees_their_own_tokens_and_who_manages_people_all(scene: Scene) -> None:
    create(scene)
    create(scene, actor="ruth")
    assert tokens.listed(scene.store, actor="rita")["person"].tolist() == ["rita"]
    assert set(tokens.listed(scene.store, actor=FOUNDER, everybody=True)["person"]) == {"rita", "ruth"}
    with pytest.raises(NotPermitted):
        tokens.listed(scene.store, actor="rita", everybody=True)
    assert "digest" not in tokens.listed(scene.store, actor="rita")


class TestOnce:
    @pytest.fixture
    def done(self) -> list[int]:
        return []

    def call(
        self, scene: Scene, done: list[int], *, writer: Writer, key: str = "k", request: str = "r", **when: int
    ) -> Answer:
        def act(store: Store) -> tuple[int, dict[str, int]]:
            with store.write() as connection:
                connection.execute(select(func.count()).select_from(schema.Person))
            done.append(len(done) + 1)
            return 201, {"number": done[-1]}

        if when:
            scene.store.clock = lambda: NOW + timedelta(**when)
        return writer.run(lambda store: tokens.once(store, act, person="rita", key=key, request=request))

    @pytest.fixture
    def writer(self, scene: Scene) -> Iterator[Writer]:
        found = Writer(scene.store)
        yield found
        found.close()

    def test_the_same_key_and_request_are_answered_alike_and_done_once(
        self, scene: Scene, done: list[int], writer: Writer
    ) -> None:
        assert self.call(scene, done, writer=writer) == (201, {"number": 1}, False)
        assert self.call(scene, done, writer=writer) == (201, {"number": 1}, True)
        assert self.call(scene, done, writer=writer, key="other") == (201, {"number": 2}, False)
        assert done == [1, 2]

    def test_the_same_key_with_another_request_is_refused(self, scene: Scene, done: list[int], writer: Writer) -> None:
        self.call(scene, done, writer=writer)
        with pytest.raises(Conflict, match="another request"):
            self.call(scene, done, writer=writer, request="else")
        assert done == [1]

    def test_two_desks_at_the_same_moment_act_once(self, scene: Scene, done: list[int]) -> None:
        writers = [Writer(scene.store) for _ in range(4)]
        answers: list[object] = []
        threads = [
            Thread(target=lambda w=writer: answers.append(self.call(scene, done, writer=w)[:2])) for writer in writers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for writer in writers:
            writer.close()
        assert answers == [(201, {"number": 1})] * 4
        assert done == [1]

    def test_a_refused_act_leaves_its_key_free(self, scene: Scene, done: list[int], writer: Writer) -> None:
        def refuse(_: Store) -> tuple[int, dict[str, int]]:
            raise Refused("Not now. Try again.")

        with pytest.raises(Refused):
            writer.run(lambda store: tokens.once(store, refuse, person="rita", key="k", request="r"))
        assert scene.count(schema.IdempotentAnswer) == 0
        assert self.call(scene, done, writer=writer) == (201, {"number": 1}, False)

    def test_an_answer_is_kept_for_a_day_and_old_ones_go_with_the_next(
        self, scene: Scene, done: list[int], writer: Writer
    ) -> None:
        self.call(scene, done, writer=writer)
        assert self.call(scene, done, writer=writer, hours=24)[2]
        self.call(scene, done, writer=writer, key="later", hours=25)
        assert [row["key"] for row in scene.rows(schema.IdempotentAnswer)] == ["later"]
        assert self.call(scene, done, writer=writer, hours=25) == (201, {"number": 3}, False)
