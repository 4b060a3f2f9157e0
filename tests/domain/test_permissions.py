"""One table says who may do what."""

import pytest

from handrail.errors import NotPermitted
from handrail.permissions import PERMITTED, Role, check

PEOPLE = [role for role in Role if role is not Role.FLOW]


@pytest.mark.parametrize("act", PERMITTED)
def test_a_role_is_let_in_where_the_table_names_it_and_nowhere_else(act: str) -> None:
    for role in Role:
        if role in PERMITTED[act]:
            check(act, "somebody", [role])
        else:
            with pytest.raises(NotPermitted):
                check(act, "somebody", [role])


@pytest.mark.parametrize("act", PERMITTED)
def test_no_role_is_no_permission(act: str) -> None:
    with pytest.raises(NotPermitted):
        check(act, "somebody", [])


def test_one_fitting_role_among_several_is_enough() -> None:
    check("decide", "rita", ["data_curator", "reviewer"])


def test_a_refusal_names_the_person_the_act_and_the_people_to_ask() -> None:
    with pytest.raises(NotPermitted, match=r"rita may not set stage.* model_steward, product_owner"):
        check("set_stage", "rita", ["reviewer"])


def test_every_act_can_be_done_by_some_person() -> None:
    assert all(permitted.intersection(PEOPLE) for permitted in PERMITTED.values())


def test_reviewers_decide_read_and_take_disputes_down_and_nothing_more() -> None:
    allowed = {act for act, permitted in PERMITTED.items() if Role.REVIEWER in permitted}
    assert allowed == {"decide", "read_raw", "open_dispute", "come_in", "read_cases", "read_trail"}


def test_flows_never_widen_automation_nor_decide_for_people() -> None:
    allowed = {act for act, permitted in PERMITTED.items() if Role.FLOW in permitted}
    widening = {"resume", "set_stage", "close_review", "publish_policy", "manage_people"}
    assert not allowed & (widening | {"decide", "resolve_escalation", "read_raw"})


def test_an_act_that_the_table_does_not_know_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        check("dance", "rita", list(Role))
